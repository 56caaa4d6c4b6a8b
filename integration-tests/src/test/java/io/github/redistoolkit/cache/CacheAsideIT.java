package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.sameInstance;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.cache.Fixtures.User;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.exceptions.JedisException;

/** A repository over a real SQL database, with its cache. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
@Tag("smoke")
class CacheAsideIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final Duration SHORT_HOLD = Duration.ofSeconds(3);

  private final TestRedis redis;
  private final String prefix;
  private final CacheService<User> cache;
  private final CacheService<User> otherJvm;
  private final CacheAside<String, User> users;
  private final CacheAside<String, User> elsewhere;
  private final AtomicInteger queries = new AtomicInteger();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private Connection database;

  CacheAsideIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("user:");
    this.cache = Fixtures.builder(redis, prefix, User.class).build();
    this.otherJvm = Fixtures.builder(redis, prefix, User.class).build();
    this.users = new CacheAside<>(cache, MINUTE, id -> id, this::select);
    this.elsewhere = new CacheAside<>(otherJvm, MINUTE, id -> id, this::select);
  }

  @BeforeEach
  void createUser() throws SQLException {
    database = DriverManager.getConnection("jdbc:h2:mem:");
    try (PreparedStatement create =
        database.prepareStatement("CREATE TABLE users (id VARCHAR PRIMARY KEY, name VARCHAR)")) {
      create.execute();
    }
    try (PreparedStatement insert =
        database.prepareStatement("INSERT INTO users VALUES ('1', 'John')")) {
      insert.execute();
    }
  }

  @AfterEach
  void endsWhatItStarted() throws SQLException {
    threads.shutdownNow();
    cache.close();
    otherJvm.close();
    database.close();
    Awaitility.await().until(() -> redis.borrowed() == 0);
  }

  private User select(String id) {
    queries.incrementAndGet();
    try (PreparedStatement select =
        database.prepareStatement("SELECT name FROM users WHERE id = ?")) {
      select.setString(1, id);
      try (ResultSet row = select.executeQuery()) {
        return row.next() ? new User(id, row.getString(1)) : null;
      }
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Commits by itself. */
  private int rename(String id, String name) throws SQLException {
    try (PreparedStatement update =
        database.prepareStatement("UPDATE users SET name = ? WHERE id = ?")) {
      update.setString(1, name);
      update.setString(2, id);
      return update.executeUpdate();
    }
  }

  @Test
  void aReadIsCachedAndADatabaseUpdateInvalidatesIt() {
    assertThat(users.get("1"), is(new User("1", "John")));
    assertThat(redis.admin().get(prefix + "1"), is("{\"id\":\"1\",\"name\":\"John\"}"));
    assertThat(users.get("1"), is(new User("1", "John")));
    assertThat(queries.get(), is(1));

    assertThat(users.update("1", () -> rename("1", "Jane")), is(1));

    assertThat(redis.admin().get(prefix + "1"), is(nullValue()));
    assertThat(elsewhere.get("1"), is(new User("1", "Jane")));
    assertThat(users.get("1"), is(new User("1", "Jane")));
    assertThat(queries.get(), is(2));
  }

  @Test
  void whatTheDatabaseDoesNotHaveIsNullAndNotCached() {
    assertThat(users.get("nobody"), is(nullValue()));
    assertThat(redis.admin().exists(prefix + "nobody"), is(false));
  }

  @Test
  void invalidatingRemovesTheEntry() {
    assertThat(users.get("1"), is(new User("1", "John")));
    users.invalidate("1");
    assertThat(redis.admin().exists(prefix + "1"), is(false));
  }

  @Test
  void aFailedWriteInvalidatesTooAndItsExceptionPasses() {
    assertThat(users.get("1"), is(new User("1", "John")));
    IllegalStateException failure = new IllegalStateException("constraint");
    IllegalStateException thrown =
        assertThrows(
            IllegalStateException.class,
            () ->
                users.update(
                    "1",
                    () -> {
                      throw failure;
                    }));
    assertThat(thrown, is(sameInstance(failure)));
    assertThat(redis.admin().exists(prefix + "1"), is(false));
    CompletionException checked =
        assertThrows(
            CompletionException.class,
            () ->
                users.update(
                    "1",
                    () -> {
                      throw new SQLException("checked");
                    }));
    assertThat(checked.getCause().getMessage(), is("checked"));
  }

  @Test
  void whileAnUpdateRunsReadsAskTheDatabaseAndNothingIsCached() {
    assertThat(users.get("1"), is(new User("1", "John")));
    users.update(
        "1",
        () -> {
          assertThat(redis.admin().get(prefix + "1"), startsWith("#hold:"));
          assertThat(redis.admin().pttl(prefix + "1"), is(greaterThan(25_000L)));
          assertThat(elsewhere.get("1"), is(new User("1", "John")));
          int count = rename("1", "Jane");
          assertThat(users.get("1"), is(new User("1", "Jane")));
          assertThat(elsewhere.get("1"), is(new User("1", "Jane")));
          assertThat(redis.admin().get(prefix + "1"), startsWith("#hold:"));
          return count;
        });
    assertThat(redis.admin().exists(prefix + "1"), is(false));
    assertThat(otherJvm.stats().uncachedLoads(), is(2L));
  }

  @Test
  void aReadThatQueriedBeforeTheCommitDoesNotCacheTheOldState() throws Exception {
    CountDownLatch queried = new CountDownLatch(1);
    CountDownLatch committed = new CountDownLatch(1);
    CacheAside<String, User> slow =
        new CacheAside<>(
            otherJvm,
            MINUTE,
            id -> id,
            id -> {
              User user = select(id);
              queried.countDown();
              awaitLatch(committed);
              return user;
            });
    Future<User> read = threads.submit(() -> slow.get("1"));
    queried.await();
    assertThat(users.update("1", () -> rename("1", "Jane")), is(1));
    committed.countDown();
    assertThat(read.get(10, TimeUnit.SECONDS), is(new User("1", "John")));
    assertThat(cache.get("1"), is(Optional.empty()));
    assertThat(elsewhere.get("1"), is(new User("1", "Jane")));
  }

  @Test
  @Proves("cache.crash-in-update")
  void aCrashBetweenCommitAndInvalidationLeavesNothingStaleAndCachingResumes() throws Exception {
    assertThat(users.get("1"), is(new User("1", "John")));
    // A JVM that ends there leaves its hold, which nobody renews or ends.
    CacheService<User> crashing =
        Fixtures.builder(redis, prefix, User.class).hold(SHORT_HOLD).build();
    Hold unused = crashing.hold(List.of("1"), MINUTE.toMillis());
    crashing.close();
    assertThat(redis.admin().get(prefix + "1"), startsWith("#hold:"));
    assertThat(elsewhere.get("1"), is(new User("1", "John")));
    assertThat(rename("1", "Jane"), is(1));
    Awaitility.await()
        .pollInterval(Duration.ofMillis(10))
        .atMost(Duration.ofSeconds(10))
        .until(
            () -> {
              assertThat(users.get("1"), is(new User("1", "Jane")));
              assertThat(elsewhere.get("1"), is(new User("1", "Jane")));
              return cache.get("1").isPresent();
            });
  }

  @Test
  void anUpdateThatEndsDoesNotEndTheHoldOfAnotherOne() throws Exception {
    CountDownLatch entered = new CountDownLatch(1);
    CountDownLatch leave = new CountDownLatch(1);
    Future<Integer> first =
        threads.submit(
            () ->
                users.update(
                    "1",
                    () -> {
                      entered.countDown();
                      leave.await();
                      return rename("1", "First");
                    }));
    assertThat(entered.await(1, TimeUnit.MINUTES), is(true));
    assertThat(elsewhere.update("1", () -> rename("1", "Second")), is(1));
    assertThat(redis.admin().get(prefix + "1"), startsWith("#hold:"));
    assertThat(elsewhere.get("1"), is(new User("1", "Second")));
    assertThat(cache.get("1"), is(Optional.empty()));
    leave.countDown();
    assertThat(first.get(10, TimeUnit.SECONDS), is(1));
    assertThat(redis.admin().exists(prefix + "1"), is(false));
  }

  @Test
  void anUpdateThatCrashedDoesNotKeepOthersFromExpiring() {
    CacheService<User> crashing =
        Fixtures.builder(redis, prefix, User.class).hold(SHORT_HOLD).build();
    Hold unused = crashing.hold(List.of("1"), MINUTE.toMillis());
    crashing.close();
    assertThat(redis.admin().get(prefix + "1"), startsWith("#hold:"));
    CacheAside<String, User> frequent = new CacheAside<>(cache, MINUTE, id -> id, this::select);
    Awaitility.await()
        .pollInterval(Duration.ofMillis(10))
        .atMost(Duration.ofSeconds(10))
        .until(
            () -> {
              assertThat(frequent.update("1", () -> rename("1", "Jane")), is(1));
              return !redis.admin().exists(prefix + "1");
            });
  }

  @Test
  void aSlowWriteKeepsItsHold() {
    CacheService<User> brief =
        Fixtures.builder(redis, prefix, User.class).hold(Duration.ofSeconds(3)).build();
    CacheAside<String, User> slow = new CacheAside<>(brief, MINUTE, id -> id, this::select);
    slow.update(
        "1",
        () -> {
          TimeUnit.MILLISECONDS.sleep(3500);
          assertThat(redis.admin().get(prefix + "1"), startsWith("#hold:"));
          return rename("1", "Jane");
        });
    assertThat(redis.admin().exists(prefix + "1"), is(false));
  }

  @Test
  void anUpdateIsTwoRoundTrips() {
    users.update("1", () -> "makes scripts known");
    long scripts = redis.calls("evalsha");
    assertThat(users.update("1", () -> rename("1", "Jane")), is(1));
    assertThat(redis.calls("evalsha") - scripts, is(2L));
  }

  @Test
  void whatIsSetDuringAnUpdateReplacesItsHoldAndEndsWithIt() {
    users.update(
        "1",
        () -> {
          otherJvm.set("1", new User("1", "Early"), MINUTE);
          // Would stay, should this JVM end here.
          assertThat(users.get("1"), is(new User("1", "Early")));
          return rename("1", "Jane");
        });
    assertThat(users.get("1"), is(new User("1", "Jane")));
  }

  @Test
  void anUpdateReplacesWhateverIsUnderTheKey() {
    redis.admin().lpush(prefix + "1", "x");
    assertThat(users.update("1", () -> rename("1", "Jane")), is(1));
    assertThat(users.get("1"), is(new User("1", "Jane")));
    assertThat(cache.get("1"), is(Optional.of(new User("1", "Jane"))));
  }

  /** Without a read it cannot be known, and what is not known to be an entry stays. */
  @ParameterizedTest
  @ValueSource(strings = {"get", "getrange"})
  void theHoldOfAnUpdateStaysThoughAUserMayNotReadWhatItRemoves(String command) {
    try (TestRedis restricted = redis.withoutCommands(command)) {
      CacheService<User> limited =
          restricted
              .over(
                  p -> CacheService.builder(p, prefix, User.class),
                  c -> CacheService.builder(c, prefix, User.class))
              .build();
      CacheAside<String, User> aside = new CacheAside<>(limited, MINUTE, id -> id, this::select);
      int updated =
          users.update(
              "1",
              () -> {
                String hold = redis.admin().get(prefix + "1");
                if (command.equals("get")) {
                  assertThrows(JedisException.class, () -> aside.update("1", () -> 1));
                } else {
                  assertThrows(JedisException.class, () -> limited.delete("1"));
                }
                assertThat(redis.admin().get(prefix + "1"), is(hold));
                return rename("1", "Jane");
              });
      assertThat(updated, is(1));
      limited.close();
    }
  }

  @Test
  void aFailedInvalidationCarriesTheResultOfTheDatabase() {
    try (TestRedis user = redis.withoutCommands()) {
      CacheService<User> limited = Fixtures.builder(user, prefix, User.class).build();
      CacheAside<String, User> aside = new CacheAside<>(limited, MINUTE, id -> id, this::select);
      CacheInvalidationException failure =
          assertThrows(
              CacheInvalidationException.class,
              () ->
                  aside.update(
                      "1",
                      () -> {
                        int count = rename("1", "Jane");
                        user.forbid("@all");
                        return count;
                      }));
      assertThat(failure.result(), is(1));
      assertThat(elsewhere.get("1"), is(new User("1", "Jane")));
      limited.close();
    }
  }

  private static void awaitLatch(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
