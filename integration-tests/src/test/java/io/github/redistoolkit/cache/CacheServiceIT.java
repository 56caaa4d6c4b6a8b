package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.cache.Fixtures.User;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;

@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
@Tag("smoke")
class CacheServiceIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final User JOHN = new User("123", "John");

  private final TestRedis redis;
  private final CacheService<User> cache;
  private final String key;

  CacheServiceIT(TestRedis redis) {
    this.redis = redis;
    this.cache = Fixtures.cache(redis, User.class);
    this.key = redis.unique("user:123");
  }

  @AfterEach
  void givesEveryConnectionBack() {
    cache.close();
    assertThat(redis.borrowed(), is(0));
  }

  @Test
  void aValueThatWasSetIsRead() {
    cache.set(key, JOHN, MINUTE);
    assertThat(cache.get(key), is(Optional.of(JOHN)));
  }

  @Test
  void aMissIsEmpty() {
    assertThat(cache.get(redis.unique("nonexistent:key")), is(Optional.empty()));
  }

  @Test
  void aDeletedValueIsGone() {
    cache.set(key, JOHN);
    assertThat(cache.get(key), is(Optional.of(JOHN)));
    assertThat(cache.delete(key), is(true));
    assertThat(cache.get(key), is(Optional.empty()));
    assertThat(cache.delete(key), is(false));
  }

  @Test
  void aValueExpiresAtTheEndOfItsRealTtl() {
    long start = System.nanoTime();
    cache.set(key, JOHN, Duration.ofSeconds(3));
    assertThat(cache.get(key), is(Optional.of(JOHN)));
    Awaitility.await().pollInterval(Duration.ofMillis(20)).until(() -> cache.get(key).isEmpty());
    assertThat(Duration.ofNanos(System.nanoTime() - start).toMillis(), is(greaterThan(2990L)));
  }

  @Test
  void touchingExtendsTheTtlSoThatTheValueOutlivesItsFirstOne() {
    cache.set(key, JOHN, Duration.ofSeconds(3));
    assertThat(cache.touch(key, Duration.ofSeconds(20)), is(true));
    // Something else that was stored with the first TTL shows that it has passed.
    redis.admin().set(key + ":clock", "", SetParams.setParams().px(3200));
    Awaitility.await().until(() -> !redis.admin().exists(key + ":clock"));
    assertThat(cache.get(key), is(Optional.of(JOHN)));
  }

  @Test
  void touchingMayShortenTheLifeAndDoesNothingWithoutAnEntry() {
    assertThat(cache.touch(key, MINUTE), is(false));
    cache.set(key, JOHN, MINUTE);
    assertThat(cache.touch(key, Duration.ofSeconds(2)), is(true));
    assertThat(redis.admin().pttl(key), is(lessThanOrEqualTo(2000L)));
  }

  @Test
  void everyValueHasTheTtlAskedForOrTheDefaultOne() {
    cache.set(key, JOHN, MINUTE);
    assertThat(
        redis.admin().pttl(key), is(allOf(greaterThan(50_000L), lessThanOrEqualTo(60_000L))));
    cache.set(key, JOHN);
    long day = Duration.ofDays(1).toMillis();
    assertThat(
        redis.admin().pttl(key), is(allOf(greaterThan(day - 10_000), lessThanOrEqualTo(day))));
    CacheService<User> short_ =
        Fixtures.builder(redis, User.class).defaultTtl(Duration.ofSeconds(5)).build();
    short_.set(key, JOHN);
    assertThat(redis.admin().pttl(key), is(lessThanOrEqualTo(5000L)));
  }

  @Test
  void theTtlOfAnEntryCanBeRead() {
    assertThat(cache.ttl(key), is(Optional.empty()));
    cache.set(key, JOHN, MINUTE);
    assertThat(cache.ttl(key).orElseThrow(), is(lessThanOrEqualTo(MINUTE)));
    assertThat(cache.ttl(key).orElseThrow(), is(greaterThan(Duration.ofSeconds(50))));
    redis.admin().persist(key);
    assertThat(cache.ttl(key), is(Optional.of(Duration.ofDays(36_525))));
  }

  @Test
  void aTtlIsUpToOneHundredYears() {
    Duration hundredYears = Duration.ofDays(36_525);
    cache.set(key, JOHN, hundredYears);
    assertThat(cache.ttl(key).orElseThrow(), is(greaterThan(hundredYears.minus(MINUTE))));
    assertThrows(
        IllegalArgumentException.class, () -> cache.set(key, JOHN, hundredYears.plusMillis(1)));
  }

  @Test
  void theRedisKeyIsPrefixAndKeyAndTheValueIsPlainJson() {
    String prefix = redis.unique("users:");
    CacheService<User> prefixed = Fixtures.builder(redis, prefix, User.class).build();
    prefixed.set("7", JOHN);
    assertThat(redis.admin().get(prefix + "7"), is("{\"id\":\"123\",\"name\":\"John\"}"));
    redis.admin().set(prefix + "8", " {\"name\":\"Jane\", \"id\":\"8\"} ");
    assertThat(prefixed.get("8"), is(Optional.of(new User("8", "Jane"))));
  }

  @Test
  void keysWithBracesSpacesAndEmojiAreKeptVerbatim() {
    for (String odd : new String[] {"{tag}rest", "a b\nc", "ключ🔑", "*?[x]\\"}) {
      cache.set(key + odd, JOHN, MINUTE);
      assertThat(cache.get(key + odd), is(Optional.of(JOHN)));
      assertThat(redis.admin().exists(key + odd), is(true));
    }
  }

  @Test
  void leasesAndHoldsAreAnAbsenceToEveryRead() {
    for (String mark : new String[] {"#lease:someone", "#hold:a@99999999999999"}) {
      redis.admin().set(key, mark, SetParams.setParams().px(60_000));
      assertThat(cache.get(key), is(Optional.empty()));
      assertThat(cache.ttl(key), is(Optional.empty()));
      assertThat(cache.touch(key, Duration.ofHours(1)), is(false));
      assertThat(redis.admin().pttl(key), is(lessThanOrEqualTo(60_000L)));
      assertThat(cache.delete(key), is(false));
    }
  }

  @Test
  void deletingRemovesALeaseButNotTheHoldOfAnUpdate() {
    redis.admin().set(key, "#lease:someone", SetParams.setParams().px(60_000));
    cache.delete(key);
    assertThat(redis.admin().exists(key), is(false));
    redis.admin().set(key, "#hold:a@99999999999999", SetParams.setParams().px(60_000));
    cache.delete(key);
    assertThat(redis.admin().exists(key), is(true));
  }

  @Test
  void anotherRedisTypeUnderTheKeyIsNamedByReadsAndOverwrittenBySet() {
    redis.admin().lpush(key, "x");
    JedisDataException failure = assertThrows(JedisDataException.class, () -> cache.get(key));
    assertThat(failure.getMessage(), startsWith("WRONGTYPE"));
    assertThrows(JedisDataException.class, () -> cache.ttl(key));
    assertThrows(JedisDataException.class, () -> cache.touch(key, MINUTE));
    assertThat(cache.getOrLoad(key, MINUTE, () -> JOHN), is(JOHN));
    assertThat(redis.admin().type(key), is("list"));
    cache.set(key, JOHN);
    assertThat(cache.get(key), is(Optional.of(JOHN)));
  }

  @Test
  void anotherRedisTypeUnderTheKeyCanBeDeleted() {
    redis.admin().lpush(key, "x");
    assertThat(cache.delete(key), is(true));
    assertThat(redis.admin().exists(key), is(false));
  }

  @Test
  void hitsAndMissesAreCounted() {
    assertThat(cache.stats().hitRate(), is(1.0));
    cache.get(key).ifPresent(user -> {});
    cache.set(key, JOHN);
    for (int i = 0; i < 3; i++) {
      assertThat(cache.get(key), is(Optional.of(JOHN)));
    }
    assertThat(cache.stats().misses(), is(1L));
    assertThat(cache.stats().hits(), is(3L));
    assertThat(cache.stats().hitRate(), is(0.75));
  }

  @Test
  void aHitIsOneCommand() {
    cache.set(key, JOHN);
    long gets = redis.calls("get");
    for (int i = 0; i < 10; i++) {
      assertThat(cache.get(key), is(Optional.of(JOHN)));
      assertThat(cache.getOrLoad(key, MINUTE, () -> null), is(JOHN));
    }
    assertThat(redis.calls("get") - gets, is(20L));
  }

  @Test
  void itOwnsNoThreadAndThoseThatRenewEndBeforeItIsClosed() {
    Awaitility.await().until(() -> threads() == 0);
    cache.set(key, JOHN);
    assertThat(cache.get(key), is(Optional.of(JOHN)));
    assertThat(threads(), is(0L));
    CacheAside<String, User> users = new CacheAside<>(cache, MINUTE, id -> id, id -> JOHN);
    long during = users.update(key, CacheServiceIT::threads);
    assertThat(during, is(greaterThan(0L)));
    assertThat(cache.getOrLoad(key, MINUTE, () -> JOHN), is(JOHN));
    Awaitility.await().until(() -> threads() == 0);
  }

  /** Of this module, and of what all share. */
  private static long threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .map(Thread::getName)
        .filter(name -> name.startsWith("redis-toolkit-") || name.startsWith("redis-cache-"))
        .count();
  }

  @Test
  void whenRedisIsDownReadsWritesAndDeletesThrow() throws Exception {
    ExecutorService threads = Executors.newCachedThreadPool();
    try (Outage down = new Outage(redis)) {
      CacheService<User> cut = Fixtures.cache(down.redis(), User.class);
      CacheService<User> prefixed = Fixtures.builder(down.redis(), key, User.class).build();
      List<Callable<Object>> calls =
          List.of(
              () -> cut.get(key),
              () -> cut.delete(key),
              () -> cut.touch(key, MINUTE),
              () -> cut.ttl(key),
              prefixed::clear,
              Executors.callable(() -> cut.set(key, JOHN)));
      // All at once, as a cluster client takes a while to give up.
      for (Future<Object> call : threads.invokeAll(calls)) {
        ExecutionException failure = assertThrows(ExecutionException.class, call::get);
        assertThat(failure.getCause(), is(instanceOf(JedisException.class)));
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void afterCloseEveryCallIsRefusedAndTheClientStaysUsable() {
    CacheAside<String, User> aside = new CacheAside<>(cache, MINUTE, id -> id, id -> JOHN);
    CacheService<User> prefixed =
        Fixtures.builder(redis, redis.unique("closed:"), User.class).build();
    cache.set(key, JOHN);
    cache.close();
    cache.close();
    prefixed.close();
    AtomicInteger writes = new AtomicInteger();
    List<Executable> calls =
        List.of(
            () -> cache.get(key),
            () -> cache.set(key, JOHN),
            () -> cache.set(key, JOHN, MINUTE),
            () -> cache.getOrLoad(key, MINUTE, () -> JOHN),
            () -> cache.delete(key),
            () -> cache.touch(key, MINUTE),
            () -> cache.ttl(key),
            () -> cache.getAll(List.of(key)),
            () -> cache.setAll(Map.of(key, JOHN), MINUTE),
            () -> cache.deleteAll(List.of(key)),
            prefixed::clear,
            () -> aside.get(key),
            () -> aside.invalidate(key),
            () -> aside.update(key, writes::incrementAndGet));
    for (Executable call : calls) {
      IllegalStateException refused = assertThrows(IllegalStateException.class, call);
      assertThat(refused.getMessage(), is("the cache is closed"));
    }
    assertThat(writes.get(), is(0));
    assertThat(cache.stats().misses(), is(0L));
    assertThat(Fixtures.cache(redis, User.class).get(key), is(Optional.of(JOHN)));
  }
}
