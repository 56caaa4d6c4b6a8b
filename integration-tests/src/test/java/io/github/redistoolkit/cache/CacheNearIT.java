package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.both;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.BuilderFactory;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.params.SetParams;
import redis.clients.jedis.util.PrefixedKeyArgumentPreProcessor;

/**
 * The near cache, which needs a pool or client of one server; {@link CacheTopologyIT} has the rest.
 */
@EachClient(topologies = Topology.STANDALONE)
class CacheNearIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final TestRedis redis;
  private final String prefix;
  private final List<AutoCloseable> made = new ArrayList<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();

  CacheNearIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("near:");
  }

  @AfterEach
  void endsWhatItStarted() throws Exception {
    threads.shutdownNow();
    for (AutoCloseable closeable : made) {
      closeable.close();
    }
    Awaitility.await().until(() -> nearThreads() == 0 && redis.borrowed() == 0);
  }

  private <V> CacheService<V> near(TypeToken<V> type, int maxEntries) {
    CacheService<V> cache = Fixtures.builder(redis, prefix, type).nearCache(maxEntries).build();
    made.add(cache);
    return cache;
  }

  private <V> CacheService<V> near(Class<V> type) {
    return near(TypeToken.get(type), 1000);
  }

  /** Waits until the entry is answered without Redis. */
  private static <V> void awaitNear(CacheService<V> cache, String key) {
    Awaitility.await()
        .pollInterval(Duration.ofMillis(5))
        .until(
            () -> {
              long before = cache.stats().nearHits();
              assertThat(cache.get(key).isPresent(), is(true));
              return cache.stats().nearHits() > before;
            });
  }

  /**
   * What this gives when, for once, all that it reads was answered without Redis. Not each time:
   * while a busy machine lets the messages of Redis wait, there are no near hits.
   */
  private static <T> T ofNearHits(
      CacheService<?> cache, String key, long reads, Supplier<T> reading) {
    return Awaitility.await()
        .pollInterval(Duration.ofMillis(5))
        .atMost(Duration.ofSeconds(30))
        .until(
            () -> {
              awaitNear(cache, key);
              long before = cache.stats().nearHits();
              T read = reading.get();
              boolean allNear = cache.stats().nearHits() - before == reads;
              return allNear ? Optional.of(read) : Optional.<T>empty();
            },
            Optional::isPresent)
        .orElseThrow();
  }

  private static long nearThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("redis-cache-near-"))
        .count();
  }

  @CanIgnoreReturnValue
  private Object admin(String command, String... args) {
    CommandArguments arguments = new CommandArguments(() -> command.getBytes(UTF_8));
    for (String arg : args) {
      arguments.add(arg);
    }
    return redis.admin().executeCommand(new CommandObject<>(arguments, BuilderFactory.RAW_OBJECT));
  }

  @Test
  void aNearHitNeedsNoCommand() {
    CacheService<String> cache = near(String.class);
    cache.set("k", "v", MINUTE);
    long gets =
        ofNearHits(
            cache,
            "k",
            300,
            () -> {
              long before = gets();
              for (int i = 0; i < 100; i++) {
                assertThat(cache.get("k"), is(Optional.of("v")));
                assertThat(cache.getOrLoad("k", MINUTE, () -> "never"), is("v"));
                assertThat(cache.getAll(List.of("k")), is(Map.of("k", "v")));
              }
              return gets() - before;
            });
    assertThat(gets, is(0L));
    assertThat(cache.stats().hits(), is(greaterThan(299L)));
  }

  private long gets() {
    return redis.calls("get") + redis.calls("mget");
  }

  @Test
  void ownWritesAreReadAtOnce() {
    CacheService<Integer> cache = near(Integer.class);
    cache.set("k", 0, MINUTE);
    awaitNear(cache, "k");
    for (int i = 1; i <= 200; i++) {
      cache.set("k", i, MINUTE);
      assertThat(cache.get("k"), is(Optional.of(i)));
      cache.setAll(Map.of("k", -i), MINUTE);
      assertThat(cache.get("k"), is(Optional.of(-i)));
      cache.deleteAll(List.of("k"));
      assertThat(cache.get("k"), is(Optional.empty()));
      int loaded = 10_000 + i;
      assertThat(cache.getOrLoad("k", MINUTE, () -> loaded), is(loaded));
      assertThat(cache.get("k"), is(Optional.of(loaded)));
      cache.delete("k");
      assertThat(cache.get("k"), is(Optional.empty()));
    }
    cache.set("k", 1, MINUTE);
    awaitNear(cache, "k");
    assertThat(cache.clear(), is(1L));
    assertThat(cache.get("k"), is(Optional.empty()));
  }

  @Test
  void foreignWritesDeletionsAndExpiriesAreHeard() {
    CacheService<Integer> cache = near(Integer.class);
    cache.set("k", 1, MINUTE);
    awaitNear(cache, "k");
    redis.admin().set(prefix + "k", "2", SetParams.setParams().px(60_000));
    awaitValue(cache, Optional.of(2));
    awaitNear(cache, "k");
    redis.admin().del(prefix + "k");
    awaitValue(cache, Optional.empty());
    redis.admin().set(prefix + "k", "3", SetParams.setParams().px(60_000));
    awaitNear(cache, "k");
    redis.admin().pexpire(prefix + "k", 1);
    awaitValue(cache, Optional.empty());
  }

  /** To be called when Redis has this value, or none. */
  private static void awaitValue(CacheService<Integer> cache, Optional<Integer> value) {
    Duration stale = StalenessWatch.untilFresh(value, () -> cache.get("k"));
    assertThat(stale, is(lessThan(Duration.ofMillis(1100))));
  }

  @Test
  void emptyingTheDatabaseEmptiesTheNearCache() {
    CacheService<Integer> cache = near(Integer.class);
    cache.set("k", 1, MINUTE);
    awaitNear(cache, "k");
    assertThat(redis.admin().flushDB(), is("OK"));
    awaitValue(cache, Optional.empty());
  }

  @Test
  void whileAnUpdateHoldsAKeyTheNearCacheHasNoCopy() {
    CacheService<Integer> cache = near(Integer.class);
    CacheAside<String, Integer> aside = new CacheAside<>(cache, MINUTE, id -> id, id -> 2);
    cache.set("k", 1, MINUTE);
    awaitNear(cache, "k");
    aside.update(
        "k",
        () -> {
          assertThat(cache.get("k"), is(Optional.empty()));
          assertThat(aside.get("k"), is(2));
          return null;
        });
    assertThat(aside.get("k"), is(2));
  }

  @Test
  void aCopyIsNotServedPastTheTtlThoughTheServerDoesNotTell() {
    CacheService<Integer> cache = near(Integer.class);
    admin("DEBUG", "SET-ACTIVE-EXPIRE", "0");
    try {
      cache.set("warm", 1, MINUTE);
      awaitNear(cache, "warm");
      redis.admin().set(prefix + "k", "1", SetParams.setParams().px(3000));
      long set = System.nanoTime();
      awaitNear(cache, "k");
      long begun = set;
      for (long now = set; cache.get("k").isPresent(); now = System.nanoTime()) {
        begun = now;
      }
      // When the last read began that was answered.
      assertThat(TimeUnit.NANOSECONDS.toMillis(begun - set), is(lessThanOrEqualTo(3005L)));
    } finally {
      admin("DEBUG", "SET-ACTIVE-EXPIRE", "1");
    }
  }

  @Test
  void aCallerWhoMutatesAValueDoesNotPoisonTheCopy() {
    CacheService<List<String>> cache = near(new TypeToken<List<String>>() {}, 10);
    cache.set("k", List.of("a"), MINUTE);
    List<List<String>> read =
        ofNearHits(
            cache,
            "k",
            2,
            () -> {
              List<String> mutated = cache.get("k").orElseThrow();
              mutated.add("mutated");
              return List.of(mutated, cache.get("k").orElseThrow());
            });
    assertThat(read.get(1), is(List.of("a")));
    assertThat(read.get(1), is(not(sameInstance(read.get(0)))));
  }

  @Test
  void aCopierDoesWhatDecodingElseDoes() {
    AtomicInteger copies = new AtomicInteger();
    CacheService<List<String>> cache =
        Fixtures.builder(redis, prefix, new TypeToken<List<String>>() {})
            .nearCache(1000)
            .nearCopier(
                list -> {
                  copies.incrementAndGet();
                  return new ArrayList<>(list);
                })
            .build();
    made.add(cache);
    cache.set("list", List.of("a"));
    int read =
        ofNearHits(
            cache,
            "list",
            2,
            () -> {
              int before = copies.get();
              cache.get("list").orElseThrow().add("mutated");
              assertThat(cache.get("list"), is(Optional.of(List.of("a"))));
              return copies.get() - before;
            });
    assertThat(read, is(2));
    cache.set("list", List.of("b"));
    assertThat(cache.get("list"), is(Optional.of(List.of("b"))));
    assertThrows(
        NullPointerException.class, () -> Fixtures.builder(redis, Integer.class).nearCopier(null));
  }

  @Test
  void anImmutableValueIsHandedOutAsOneInstance() {
    CacheService<Fixtures.User> cache = near(Fixtures.User.class);
    cache.set("k", new Fixtures.User("1", "John"), MINUTE);
    List<Fixtures.User> read =
        ofNearHits(
            cache,
            "k",
            2,
            () -> List.of(cache.get("k").orElseThrow(), cache.get("k").orElseThrow()));
    assertThat(read.get(0), is(sameInstance(read.get(1))));
  }

  @Test
  void thereAreNeverMoreCopiesThanAskedFor() {
    CacheService<Integer> cache = near(TypeToken.get(Integer.class), 10);
    cache.set("k0", 0, MINUTE);
    awaitNear(cache, "k0");
    for (int i = 0; i < 100; i++) {
      cache.set("k" + i, i, MINUTE);
      assertThat(cache.get("k" + i), is(Optional.of(i)));
      assertThat(cache.nearSize(), is(lessThanOrEqualTo(10)));
    }
    // What tells of the last write may come after the first read, and takes its copy away.
    Awaitility.await()
        .until(
            () -> {
              awaitNear(cache, "k99");
              return cache.nearSize();
            },
            is(both(greaterThan(0)).and(lessThanOrEqualTo(10))));
  }

  @Test
  @Proves("cache.near-within-a-second")
  void manyReadersAndForeignWritersLeaveNoStaleCopy() throws Exception {
    CacheService<Long> cache = near(Long.class);
    cache.set("warm", 1L, MINUTE);
    awaitNear(cache, "warm");
    StalenessWatch watch = new StalenessWatch(redis.admin(), prefix, 20);
    List<Duration> untilFresh = new ArrayList<>();
    for (int burst = 0; burst < Matrix.size(5, 100); burst++) {
      writeAndRead(watch, key -> cache.get(key).orElseThrow());
      untilFresh.add(awaitFresh(watch, key -> cache.get(key).orElseThrow()));
    }
    // Not each time: a busy machine may let a message wait, though not for good.
    untilFresh.sort(null);
    assertThat(untilFresh.get(untilFresh.size() / 2), is(lessThan(Duration.ofMillis(100))));
    assertThat(untilFresh.get(untilFresh.size() - 1), is(lessThan(Duration.ofSeconds(1))));
    assertThat(cache.stats().nearHits(), is(greaterThan(1000L)));
    assertThat(watch.laterThan(1100), is(empty()));
  }

  @Test
  void aNaiveFillIsFoundOutByTheSameSoak() throws Exception {
    NaiveNearReads naive = new NaiveNearReads(redis, prefix);
    made.add(naive);
    Awaitility.await().until(naive::isTrusted);
    StalenessWatch watch = new StalenessWatch(redis.admin(), prefix, 20);
    long stale = 0;
    for (int burst = 0; burst < 30 && stale == 0; burst++) {
      writeAndRead(watch, naive::read);
      boolean isFresh = awaitFresh(watch, naive::read).compareTo(Duration.ofMillis(500)) < 0;
      stale = isFresh ? 0 : stale(watch, naive::read);
    }
    assertThat(stale, is(greaterThan(0L)));
  }

  /** Has two write and eight read for a while. */
  private void writeAndRead(StalenessWatch watch, ToLongFunction<String> cache) throws Exception {
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(Matrix.size(250, 600));
    List<Future<?>> running = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      int writer = i;
      running.add(threads.submit(() -> watch.writeUntil(end, writer, 2)));
    }
    for (int i = 0; i < 8; i++) {
      running.add(threads.submit(() -> watch.readUntil(end, cache)));
    }
    for (Future<?> future : running) {
      future.get();
    }
  }

  /**
   * Reads everything until nothing is stale any more, or for a second, and says how long after now
   * the last of these rounds began that read something stale.
   */
  private static Duration awaitFresh(StalenessWatch watch, ToLongFunction<String> cache) {
    long start = System.nanoTime();
    Duration begun = Duration.ZERO;
    Duration stale = Duration.ZERO;
    while (stale.compareTo(Duration.ofSeconds(1)) < 0 && stale(watch, cache) > 0) {
      stale = begun;
      LockSupport.parkNanos(2_000_000);
      begun = Duration.ofNanos(System.nanoTime() - start);
    }
    return stale;
  }

  private static long stale(StalenessWatch watch, ToLongFunction<String> cache) {
    return watch.keys().stream().filter(key -> cache.applyAsLong(key) != watch.last(key)).count();
  }

  @Test
  @Proves("cache.near-within-a-second")
  void nothingIsStaleBeyondOneSecondThoughTheSubscriberIsKilledAllTheTime() throws Exception {
    CacheService<Long> cache = near(Long.class);
    cache.set("warm", 1L, MINUTE);
    awaitNear(cache, "warm");
    StalenessWatch watch = new StalenessWatch(redis.admin(), prefix, 20);
    admin("CLIENT", "KILL", "TYPE", "pubsub");
    Awaitility.await().until(() -> cache.nearSize() == 0);
    long nearHits = cache.stats().nearHits();
    // In between it is trusted again each time, and may be wrong, if the machine lets it.
    for (int times = 0; times < 20 && cache.stats().nearHits() - nearHits <= 1000; times++) {
      killSubscribersWhile(watch, cache);
    }
    assertThat(cache.stats().nearHits() - nearHits, is(greaterThan(1000L)));
    assertThat(watch.laterThan(1100), is(empty()));
    awaitNear(cache, "warm");
    assertThat(
        awaitFresh(watch, key -> cache.get(key).orElseThrow()),
        is(lessThan(Duration.ofSeconds(1))));
    // Last, what nobody hears of, as it is written before there is another connection.
    watch.keys().forEach(key -> awaitNear(cache, key));
    admin("CLIENT", "KILL", "TYPE", "pubsub");
    watch.keys().forEach(watch::write);
    assertThat(
        awaitFresh(watch, key -> cache.get(key).orElseThrow()),
        is(lessThan(Duration.ofSeconds(1))));
  }

  /** Reads and writes for two seconds, or thirty, and kills five times a second. */
  private void killSubscribersWhile(StalenessWatch watch, CacheService<Long> cache)
      throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(Matrix.size(2, 30));
    List<Future<?>> running = new ArrayList<>();
    running.add(threads.submit(() -> watch.writeUntil(end, 0, 1)));
    for (int i = 0; i < 4; i++) {
      running.add(threads.submit(() -> watch.readUntil(end, key -> cache.get(key).orElseThrow())));
    }
    Awaitility.await()
        .pollInterval(Duration.ofMillis(200))
        .atMost(Duration.ofMinutes(2))
        .until(
            () -> {
              admin("CLIENT", "KILL", "TYPE", "pubsub");
              return System.nanoTime() - end > 0;
            });
    for (Future<?> future : running) {
      future.get();
    }
  }

  @Test
  void aUserWhoMayNotTrackReadsFromRedis() {
    try (TestRedis user = redis.withoutCommands("client|tracking")) {
      CacheService<Integer> cache =
          Fixtures.builder(user, prefix, Integer.class).nearCache(10).build();
      cache.set("k", 1);
      Awaitility.await()
          .pollDelay(Duration.ofMillis(700))
          .until(() -> cache.get("k").equals(Optional.of(1)));
      assertThat(cache.stats().nearHits(), is(0L));
      cache.close();
    }
  }

  @Test
  void aClientThatPutsAPrefixBeforeKeysHasANearCacheToo() {
    DefaultJedisClientConfig config =
        DefaultJedisClientConfig.builder()
            .commandKeyArgumentPreProcessor(new PrefixedKeyArgumentPreProcessor(prefix + "tenant:"))
            .build();
    try (UnifiedJedis renaming =
            RedisClient.builder().hostAndPort(redis.address()).clientConfig(config).build();
        CacheService<Integer> cache =
            CacheService.builder(renaming, prefix, Integer.class).nearCache(10).build()) {
      cache.set("k", 1);
      awaitNear(cache, "k");
      redis.admin().set(prefix + "tenant:" + prefix + "k", "2");
      Awaitility.await().until(() -> cache.get("k").equals(Optional.of(2)));
    }
  }

  @Test
  void aDatabaseThatIsSwappedForAnotherIsSeenWithinASecond() {
    PrivateRedis own = redis.privateServers();
    try (CacheService<Integer> cache =
        Fixtures.builder(own.redis(), prefix, Integer.class).nearCache(10).build()) {
      cache.set("k", 1);
      awaitNear(cache, "k");
      try (Jedis admin = own.redis().open(own.redis().address())) {
        assertThat(admin.swapDB(0, 1), is("OK"));
      }
      Duration stale = StalenessWatch.untilFresh(Optional.empty(), () -> cache.get("k"));
      assertThat(stale, is(lessThan(Duration.ofMillis(1500))));
    }
  }

  @Test
  void thisJvmNeverReadsWhatWasThereBeforeAWriteOfAnyCacheOfIts() {
    CacheService<Integer> reading = near(Integer.class);
    try (TestRedis other = redis.withMaxTotal(2);
        CacheService<Integer> writing = Fixtures.builder(other, prefix, Integer.class).build()) {
      writing.set("k", 0);
      awaitNear(reading, "k");
      for (int i = 1; i <= Matrix.size(300, 5000); i++) {
        writing.set("k", i);
        assertThat(reading.get("k"), is(Optional.of(i)));
      }
    }
  }

  @Test
  void nearCachesOfOneClientShareTwoThreadsAndOneConnection() {
    CacheService<Integer> first = near(Integer.class);
    CacheService<Integer> second =
        Fixtures.builder(redis, prefix + "more:", Integer.class).nearCache(10).build();
    first.set("k", 1, MINUTE);
    second.set("k", 1, MINUTE);
    awaitNear(first, "k");
    awaitNear(second, "k");
    assertThat(nearThreads(), is(2L));
    assertThat(subscribers(), is(1L));
    redis.admin().set(prefix + "more:k", "2");
    Awaitility.await().until(() -> second.get("k").equals(Optional.of(2)));
    second.close();
    awaitNear(first, "k");
    first.close();
    Awaitility.await().until(() -> nearThreads() == 0 && subscribers() == 0);
  }

  @Test
  void whatOthersPublishOnItsChannelsIsIgnoredAndCounted() {
    CacheService<Integer> cache = near(Integer.class);
    cache.set("k", 1, MINUTE);
    awaitNear(cache, "k");
    for (String channel : probeChannels()) {
      for (String message : List.of("x", "", "9223372036854775807", "-1", "[\"k\"]")) {
        redis.admin().publish(channel, message);
      }
    }
    Awaitility.await().until(() -> cache.stats().near().ignored() >= 5);
    awaitNear(cache, "k");
    assertThat(cache.stats().near().state(), is(CacheStats.NearState.ON));
    assertThat(subscribers(), is(1L));
    redis.admin().set(prefix + "k", "2");
    Awaitility.await().until(() -> cache.get("k").equals(Optional.of(2)));
  }

  private List<String> probeChannels() {
    List<?> names = (List<?>) admin("PUBSUB", "CHANNELS", "*");
    return names.stream().map(name -> new String((byte[]) name, UTF_8)).toList();
  }

  @Test
  void aUserWhoMayNotPublishReadsFromRedis() {
    try (TestRedis user = redis.withoutCommands("publish");
        CacheService<Integer> cache =
            Fixtures.builder(user, prefix, Integer.class).nearCache(10).build()) {
      cache.set("k", 1);
      Awaitility.await()
          .pollDelay(Duration.ofMillis(1200))
          .until(() -> cache.get("k").equals(Optional.of(1)));
      assertThat(cache.stats().nearHits(), is(0L));
      assertThat(cache.stats().near().state(), is(CacheStats.NearState.UNSURE));
    }
  }

  @Test
  void copiesAreBoundByBytes() {
    CacheService<String> cache =
        Fixtures.builder(redis, prefix, String.class).nearCache(10_000, 1 << 20).build();
    String large = "x".repeat(100_000);
    cache.set("k", large);
    awaitNear(cache, "k");
    for (int i = 0; i < 100; i++) {
      cache.set("k" + i, large);
      assertThat(cache.get("k" + i).isPresent(), is(true));
      assertThat(cache.stats().near().bytes(), is(lessThanOrEqualTo(1L << 20)));
    }
    assertThat(cache.stats().near().entries(), is(greaterThan(1L)));
    cache.close();
  }

  @Test
  void itTakesTwoThreadsAndOneConnectionUntilItIsClosed() {
    CacheService<Integer> cache = near(Integer.class);
    cache.set("k", 1, MINUTE);
    awaitNear(cache, "k");
    assertThat(nearThreads(), is(2L));
    assertThat(subscribers(), is(1L));
    cache.close();
    Awaitility.await().until(() -> nearThreads() == 0 && subscribers() == 0);
    assertThrows(IllegalStateException.class, () -> cache.get("k"));
  }

  private long subscribers() {
    Object list = admin("CLIENT", "LIST", "TYPE", "pubsub");
    return new String((byte[]) list, UTF_8).lines().count();
  }

  @Test
  void itsThreadsEndWhenThePoolIsClosed() {
    TestRedis own = redis.withMaxTotal(4);
    CacheService<Integer> cache =
        Fixtures.builder(own, prefix, Integer.class).nearCache(10).build();
    cache.set("k", 1, MINUTE);
    awaitNear(cache, "k");
    own.close();
    Awaitility.await().until(() -> nearThreads() == 0);
  }

  @Test
  void itNeedsASensibleSize() {
    CacheService.Builder<Integer> builder = Fixtures.builder(redis, Integer.class);
    assertThrows(IllegalArgumentException.class, () -> builder.nearCache(0));
    assertThrows(IllegalArgumentException.class, () -> builder.nearCache(10_000_001));
    assertThrows(IllegalArgumentException.class, () -> builder.nearCache(10, 1023));
  }
}
