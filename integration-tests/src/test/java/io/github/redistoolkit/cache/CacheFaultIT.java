package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;

/** The cache over a network that fails. */
@EachClient
class CacheFaultIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final TestRedis redis;
  private final String prefix;
  private final FaultProxy network;
  private final TestRedis behind;
  private final CacheService<Integer> cache;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  CacheFaultIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("fault:");
    this.network = redis.proxy();
    this.behind = redis.through(network);
    this.cache = Fixtures.builder(behind, Integer.class).prefix(prefix).build();
  }

  @AfterEach
  void endsWhatItStarted() {
    network.heal();
    threads.shutdownNow();
    cache.close();
    Awaitility.await().until(() -> behind.borrowed() == 0);
    behind.close();
    network.close();
  }

  /** Recognizes a run of a script by one of its arguments, whichever way it is called. */
  private static Predicate<FaultProxy.Request> script(String argument) {
    return request ->
        request.name().startsWith("EVAL")
            && request.arguments().stream().anyMatch(text -> text.contains(argument));
  }

  @Test
  void tenThousandKeysAreOneRoundTripOverASlowNetwork() {
    Map<String, Integer> values = new LinkedHashMap<>();
    for (int i = 0; i < 10_000; i++) {
      values.put("k" + i, i);
    }
    cache.setAll(values, MINUTE);
    network.latency(Duration.ofMillis(20));
    long start = System.nanoTime();
    cache.setAll(values, MINUTE);
    long set = System.nanoTime();
    assertThat(cache.getAll(values.keySet()), is(values));
    long read = System.nanoTime();
    assertThat(cache.deleteAll(values.keySet()), is(10_000L));
    long deleted = System.nanoTime();
    // One by one each would take 200 seconds; 500 ms is what a machine with nothing else to do
    // keeps.
    for (long nanos : List.of(set - start, read - set, deleted - read)) {
      assertThat(nanos, is(lessThan(TimeUnit.SECONDS.toNanos(5))));
    }
  }

  @Test
  void aSetWhoseReplyIsLostThrowsThoughItMayHaveHappened() {
    network.loseReply("SET", 1, Then.CUT);
    assertThrows(JedisException.class, () -> cache.set("k", 1));
    assertThat(cache.get("k"), is(Optional.of(1)));
  }

  @Test
  void aFillWhoseReplyIsLostStillGivesTheValueAndIsCounted() {
    assertThat(cache.getOrLoad("warm", MINUTE, () -> 0), is(0));
    network.loseReply(script("60000"), 1, Then.CUT);
    AtomicInteger loads = new AtomicInteger();
    assertThat(cache.getOrLoad("k", MINUTE, loads::incrementAndGet), is(1));
    assertThat(cache.stats().redisFailures(), is(1L));
    assertThat(cache.getOrLoad("k", MINUTE, loads::incrementAndGet), is(1));
  }

  @Test
  void aClaimWhoseReplyIsLostLoadsUncachedAndHoldsUpOthersForTheLeaseAtMost() {
    CacheService<Integer> brief =
        Fixtures.builder(behind, Integer.class)
            .prefix(prefix)
            .leaseTtl(Duration.ofMillis(500))
            .build();
    assertThat(brief.getOrLoad("warm", MINUTE, () -> 0), is(0));
    network.loseReply(script("#lease:"), 1, Then.CUT);
    assertThat(brief.getOrLoad("k", MINUTE, () -> 1), is(1));
    assertThat(brief.stats().uncachedLoads(), is(1L));
    assertThat(brief.getOrLoad("k", MINUTE, () -> 2), is(2));
    assertThat(brief.get("k"), is(Optional.of(2)));
    brief.close();
  }

  @Test
  void whenRedisStopsDuringALoadTheValueIsReturnedAndCachingResumesAfterwards() {
    int value =
        cache.getOrLoad(
            "k",
            MINUTE,
            () -> {
              network.refuse();
              return 1;
            });
    assertThat(value, is(1));
    assertThat(cache.getOrLoad("k", MINUTE, () -> 2), is(2));
    assertThat(cache.stats().uncachedLoads(), is(1L));
    assertThrows(JedisException.class, () -> cache.get("k"));
    assertThrows(JedisException.class, () -> cache.delete("k"));
    network.accept();
    Awaitility.await()
        .untilAsserted(() -> assertThat(cache.getOrLoad("k", MINUTE, () -> 3), is(3)));
    assertThat(cache.get("k"), is(Optional.of(3)));
  }

  @Test
  void aPipelineThatBreaksNamesEveryKeyThatMayNotHaveBeenWritten() {
    network.loseReply("SET", 2, Then.CUT);
    CacheBatchException failure =
        assertThrows(
            CacheBatchException.class, () -> cache.setAll(Map.of("a", 1, "b", 2, "c", 3), MINUTE));
    assertThat(failure.failedKeys().isEmpty(), is(false));
    for (String key : List.of("a", "b", "c")) {
      assertThat(failure.failedKeys().contains(key) || cache.get(key).isPresent(), is(true));
    }
  }

  @Test
  void anUpdateWhoseHoldFailsDoesNotWriteToTheDatabase() {
    CacheAside<String, Integer> aside = new CacheAside<>(cache, MINUTE, id -> id, id -> 1);
    assertThat(aside.update("warm", () -> 0), is(0));
    network.loseReply(script("30000"), 1, Then.CUT);
    AtomicInteger writes = new AtomicInteger();
    assertThrows(JedisException.class, () -> aside.update("k", writes::incrementAndGet));
    assertThat(writes.get(), is(0));
  }

  @Test
  void whenRedisIsDownReadsAskTheDatabaseAndUpdatesDoNotWriteToIt() {
    CacheAside<String, Integer> aside = new CacheAside<>(cache, MINUTE, id -> id, id -> 7);
    network.refuse();
    AtomicInteger writes = new AtomicInteger();
    assertThrows(JedisException.class, () -> aside.update("k", writes::incrementAndGet));
    assertThat(writes.get(), is(0));
    assertThat(aside.get("k"), is(7));
    assertThrows(JedisException.class, () -> aside.invalidate("k"));
  }

  @Test
  void anUpdateWhoseReleaseFailsHasWrittenAndSaysSo() {
    CacheAside<String, Integer> aside = new CacheAside<>(cache, MINUTE, id -> id, id -> 1);
    AtomicInteger writes = new AtomicInteger();
    CacheInvalidationException failure =
        assertThrows(
            CacheInvalidationException.class,
            () ->
                aside.update(
                    "k",
                    () -> {
                      network.refuse();
                      return writes.incrementAndGet();
                    }));
    assertThat(failure.result(), is(1));
    assertThat(writes.get(), is(1));
  }

  @Test
  void aFailedWriteKeepsItsExceptionWhenTheReleaseFailsToo() {
    CacheAside<String, Integer> aside = new CacheAside<>(cache, MINUTE, id -> id, id -> 1);
    IllegalStateException failure =
        assertThrows(
            IllegalStateException.class,
            () ->
                aside.update(
                    "k",
                    () -> {
                      network.refuse();
                      throw new IllegalStateException("constraint");
                    }));
    assertThat(failure.getSuppressed().length, is(1));
  }

  @Test
  void aBlackHoledNetworkMakesNothingStaleBeyondOneSecondAndTheNearCacheRecovers()
      throws Exception {
    CacheService<Long> near =
        Fixtures.builder(behind, Long.class).prefix(prefix).nearCache(100).build();
    StalenessWatch watch = new StalenessWatch(redis.admin(), prefix, 3);
    awaitNear(near);
    // What Redis has to say gets lost, which is worse than if nothing passed at all.
    network.blackHole(Direction.TO_CLIENT);
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(Sizes.of(2, 10));
    Future<?> reading =
        threads.submit(() -> watch.readUntil(end, key -> near.get(key).orElseThrow()));
    watch.writeUntil(end, 0, 1);
    network.heal();
    reading.get();
    assertThat(watch.laterThan(1100), is(empty()));
    awaitNear(near);
    for (String key : watch.keys()) {
      assertThat(near.get(key), is(Optional.of(watch.last(key))));
    }
    near.close();
  }

  @Test
  void aNetworkThatIsCutMakesTheNearCacheForgetAndComeBack() {
    CacheService<Long> near =
        Fixtures.builder(behind, Long.class).prefix(prefix).nearCache(100).build();
    redis.admin().set(prefix + "k0", "1", SetParams.setParams().px(60_000));
    for (long i = 2; i < 6; i++) {
      awaitNear(near);
      network.refuse();
      redis.admin().set(prefix + "k0", String.valueOf(i), SetParams.setParams().px(60_000));
      network.accept();
      long value = i;
      Awaitility.await()
          .atMost(Duration.ofSeconds(5))
          .ignoreExceptionsInstanceOf(JedisException.class)
          .until(() -> near.get("k0").equals(Optional.of(value)));
    }
    assertThat(near.stats().nearHits(), is(greaterThan(3L)));
    near.close();
  }

  private static void awaitNear(CacheService<Long> near) {
    Awaitility.await()
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(
            () -> {
              long before = near.stats().nearHits();
              return near.get("k0").isPresent() && near.stats().nearHits() > before;
            });
  }
}
