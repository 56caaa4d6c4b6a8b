package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** Updates that end elsewhere than they began, and such of several rows. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class CacheUpdateIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final List<String> IDS = List.of("1", "2", "3");

  private final TestRedis redis;
  private final String prefix;
  private final CacheService<Integer> cache;
  private final CacheService<Integer> otherJvm;
  private final Map<String, Integer> database =
      new ConcurrentHashMap<>(Map.of("1", 1, "2", 1, "3", 1));
  private final CacheAside<String, Integer> rows;
  private final CacheAside<String, Integer> elsewhere;

  CacheUpdateIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("update:");
    this.cache = Fixtures.builder(redis, prefix, Integer.class).build();
    this.otherJvm = Fixtures.builder(redis, prefix, Integer.class).build();
    this.rows = new CacheAside<>(cache, MINUTE, id -> id, database::get);
    this.elsewhere = new CacheAside<>(otherJvm, MINUTE, id -> id, database::get);
  }

  @AfterEach
  void closeCaches() {
    cache.close();
    otherJvm.close();
  }

  @Test
  void aReadBetweenTheWriteAndItsCommitIsNotCached() {
    assertThat(rows.get("1"), is(1));
    CacheUpdate update = rows.beginUpdate("1");
    // Written, but not committed: others still read the old row.
    assertThat(elsewhere.get("1"), is(1));
    assertThat(otherJvm.get("1"), is(Optional.empty()));
    database.put("1", 2);
    update.commit();
    assertThat(elsewhere.get("1"), is(2));
    assertThat(otherJvm.get("1"), is(Optional.of(2)));
    update.close();
    assertThat("it has ended already", otherJvm.get("1"), is(Optional.of(2)));
  }

  @Test
  void anUpdateThatIsRolledBackLetsTheKeyBeCachedAgain() {
    CacheUpdate update = rows.beginUpdate("1");
    assertThat(redis.admin().get(prefix + "1"), startsWith("#hold:"));
    update.close();
    assertThat(redis.admin().exists(prefix + "1"), is(false));
    assertThat(rows.get("1"), is(1));
    assertThat(cache.get("1"), is(Optional.of(1)));
  }

  @Test
  void severalRowsAreHeldAndReleasedTogether() {
    IDS.forEach(id -> assertThat(rows.get(id), is(1)));
    int changed =
        rows.update(
            IDS,
            () -> {
              for (String id : IDS) {
                assertThat(redis.admin().get(prefix + id), startsWith("#hold:"));
                assertThat(elsewhere.get(id), is(1));
                database.put(id, 2);
              }
              return IDS.size();
            });
    assertThat(changed, is(3));
    for (String id : IDS) {
      assertThat(redis.admin().exists(prefix + id), is(false));
      assertThat(elsewhere.get(id), is(2));
    }
    assertThrows(IllegalArgumentException.class, () -> rows.beginUpdate(List.of()));
  }

  @Test
  void ifOneOfSeveralCannotBeHeldTheDatabaseIsNotWrittenAndNoneStaysHeld() {
    try (TestRedis user = redis.withKeys(prefix + "mine*")) {
      CacheService<Integer> limited = Fixtures.builder(user, prefix, Integer.class).build();
      CacheAside<String, Integer> aside = new CacheAside<>(limited, MINUTE, id -> id, id -> 1);
      CacheBatchException failure =
          assertThrows(
              CacheBatchException.class,
              () -> aside.update(List.of("mine1", "theirs", "mine2"), () -> database.put("1", 9)));
      assertThat(failure.failedKeys(), hasItem("theirs"));
      assertThat(database.get("1"), is(1));
      Awaitility.await()
          .until(
              () ->
                  !redis.admin().exists(prefix + "mine1")
                      && !redis.admin().exists(prefix + "mine2"));
      limited.close();
    }
  }

  @Test
  void whoeverTriesAgainWhenRedisFailsDoesNotWriteTwice() {
    assertThat(JedisException.class.isAssignableFrom(CacheInvalidationException.class), is(false));
  }

  @Test
  void aValueIsStoredOnlyIfThereIsOneOrNone() {
    assertThat(cache.replace("1", 5, MINUTE), is(false));
    assertThat(cache.putIfAbsent("1", 6, MINUTE), is(true));
    assertThat(cache.putIfAbsent("1", 7, MINUTE), is(false));
    assertThat(cache.get("1"), is(Optional.of(6)));
    assertThat(cache.replace("1", 8, MINUTE), is(true));
    assertThat(otherJvm.get("1"), is(Optional.of(8)));
    try (CacheUpdate update = rows.beginUpdate("1")) {
      assertThat(cache.putIfAbsent("1", 9, MINUTE), is(false));
      assertThat(cache.replace("1", 9, MINUTE), is(false));
      assertThat(redis.admin().get(prefix + "1"), startsWith("#hold:"));
      update.commit();
    }
    redis.admin().set(prefix + "2", Fixtures.lease(MINUTE));
    assertThat(cache.putIfAbsent("2", 1, MINUTE), is(true));
  }
}
