package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.both;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.params.SetParams;

/** Loading through the cache. Services of one test stand for JVMs: they share nothing but Redis. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class CacheLoadingIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final TestRedis redis;
  private final String key;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final List<CacheService<?>> made = new ArrayList<>();

  CacheLoadingIT(TestRedis redis) {
    this.redis = redis;
    this.key = redis.unique("load");
  }

  @AfterEach
  void endsWhatItStarted() {
    threads.shutdownNow();
    made.forEach(CacheService::close);
    Awaitility.await().until(() -> redis.borrowed() == 0);
  }

  private CacheService<String> jvm() {
    return jvm(Duration.ofSeconds(3));
  }

  private CacheService<String> jvm(Duration leaseTtl) {
    CacheService<String> cache = Fixtures.builder(redis, String.class).lease(leaseTtl).build();
    made.add(cache);
    return cache;
  }

  private <T> List<Future<T>> concurrently(int count, Callable<T> call) {
    CountDownLatch start = new CountDownLatch(1);
    List<Future<T>> futures = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      futures.add(
          threads.submit(
              () -> {
                start.await();
                return call.call();
              }));
    }
    start.countDown();
    return futures;
  }

  private static <T> List<T> results(List<Future<T>> futures) throws Exception {
    List<T> results = new ArrayList<>();
    for (Future<T> future : futures) {
      results.add(future.get(30, TimeUnit.SECONDS));
    }
    return results;
  }

  @Test
  void aMissLoadsStoresAndReturnsTheValue() {
    CacheService<String> cache = jvm();
    assertThat(cache.getOrLoad(key, MINUTE, () -> "loaded"), is("loaded"));
    assertThat(cache.get(key), is(Optional.of("loaded")));
    assertThat(
        redis.admin().pttl(key), is(allOf(greaterThan(50_000L), lessThanOrEqualTo(60_000L))));
    assertThat(cache.getOrLoad(key, MINUTE, () -> "again"), is("loaded"));
    assertThat(cache.stats().loads(), is(1L));
  }

  @Test
  void aLoadIsThreeRoundTrips() {
    CacheService<String> cache = jvm();
    assertThat(
        cache.getOrLoad(key, MINUTE, () -> "makes scripts known"), is("makes scripts known"));
    cache.delete(key);
    long gets = redis.calls("get");
    long scripts = redis.calls("evalsha");
    assertThat(cache.getOrLoad(key, MINUTE, () -> "loaded"), is("loaded"));
    // Two scripts, the first with a GET inside.
    assertThat(redis.calls("evalsha") - scripts, is(2L));
    assertThat(redis.calls("get") - gets, is(2L));
  }

  @Test
  void callersOfAllJvmsShareOneLoadPerMiss() throws Exception {
    int rounds = Matrix.size(5, 20);
    List<CacheService<String>> jvms = List.of(jvm(), jvm(), jvm(), jvm());
    for (int round = 0; round < rounds; round++) {
      String missing = key + round;
      AtomicInteger loads = new AtomicInteger();
      AtomicInteger caller = new AtomicInteger();
      List<Future<String>> callers =
          concurrently(
              4 * 50,
              () ->
                  jvms.get(caller.getAndIncrement() % 4)
                      .getOrLoad(
                          missing,
                          MINUTE,
                          () -> {
                            loads.incrementAndGet();
                            TimeUnit.MILLISECONDS.sleep(100);
                            return "loaded";
                          }));
      assertThat(results(callers), everyItem(is("loaded")));
      assertThat(loads.get(), is(1));
    }
  }

  @Test
  void anEntryThatCannotBeDecodedIsReplacedByOneLoadOfAllJvms() throws Exception {
    redis.admin().set(key, "{corrupt", SetParams.setParams().px(60_000));
    List<CacheService<String>> jvms = List.of(jvm(), jvm());
    AtomicInteger loads = new AtomicInteger();
    AtomicInteger caller = new AtomicInteger();
    List<Future<String>> callers =
        concurrently(
            40,
            () ->
                jvms.get(caller.getAndIncrement() % 2)
                    .getOrLoad(
                        key,
                        MINUTE,
                        () -> {
                          loads.incrementAndGet();
                          TimeUnit.MILLISECONDS.sleep(50);
                          return "loaded";
                        }));
    assertThat(results(callers), everyItem(is("loaded")));
    assertThat(loads.get(), is(1));
    assertThat(jvms.get(1).get(key), is(Optional.of("loaded")));
  }

  @Test
  void aLoaderSlowerThanItsLeaseKeepsTheLease() throws Exception {
    CacheService<String> first = jvm(Duration.ofSeconds(3));
    CacheService<String> second = jvm(Duration.ofSeconds(3));
    AtomicInteger loads = new AtomicInteger();
    Loader<String> slow =
        () -> {
          loads.incrementAndGet();
          TimeUnit.MILLISECONDS.sleep(3600);
          return "loaded";
        };
    List<Future<String>> callers = concurrently(4, () -> first.getOrLoad(key, MINUTE, slow));
    callers.addAll(concurrently(4, () -> second.getOrLoad(key, MINUTE, slow)));
    assertThat(results(callers), everyItem(is("loaded")));
    assertThat(loads.get(), is(1));
    assertThat(first.get(key), is(Optional.of("loaded")));
    Duration loading = first.stats().totalLoadTime().plus(second.stats().totalLoadTime());
    assertThat(loading, is(greaterThan(Duration.ofSeconds(3))));
  }

  @Test
  void anotherJvmTakesOverWhenTheLoadersJvmHasEnded() {
    // What such a JVM leaves behind: a lease that nobody renews.
    long start = System.nanoTime();
    redis.admin().set(key, Fixtures.lease(Duration.ofSeconds(1)), SetParams.setParams().px(60_000));
    assertThat(jvm().getOrLoad(key, MINUTE, () -> "taken over"), is("taken over"));
    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
    assertThat(millis, is(both(greaterThanOrEqualTo(990L)).and(lessThan(9000L))));
  }

  @Test
  void anOlderFillIsRefusedAfterSetDeleteAndClear() throws Exception {
    CacheService<String> loading = jvm();
    CacheService<String> writing = jvm();
    CacheService<String> clearing =
        Fixtures.builder(redis, key.substring(0, key.length() - 1), String.class).build();
    made.add(clearing);
    List<Runnable> writes =
        List.of(
            () -> writing.set(key, "new"),
            () -> writing.delete(key),
            () -> writing.setAll(Map.of(key, "new"), MINUTE),
            () -> writing.deleteAll(List.of(key)),
            clearing::clear);
    for (Runnable write : writes) {
      writing.delete(key);
      CountDownLatch begun = new CountDownLatch(1);
      CountDownLatch written = new CountDownLatch(1);
      Future<String> old =
          threads.submit(
              () ->
                  loading.getOrLoad(
                      key,
                      MINUTE,
                      () -> {
                        begun.countDown();
                        written.await();
                        return "old";
                      }));
      begun.await();
      write.run();
      for (CacheService<String> jvm : List.of(loading, writing)) {
        Future<String> now = threads.submit(() -> jvm.getOrLoad(key, MINUTE, () -> "new"));
        assertThat(now.get(10, TimeUnit.SECONDS), is("new"));
      }
      written.countDown();
      assertThat(old.get(10, TimeUnit.SECONDS), is("old"));
      assertThat(writing.get(key), is(Optional.of("new")));
    }
    assertThat(loading.stats().refusedFills(), is(5L));
  }

  @Test
  @Proves("cache.no-older-load")
  void aLoadBegunBeforeAWriteNeverAppearsAfterIt() throws Exception {
    CacheService<String> a = jvm();
    CacheService<String> b = jvm();
    CacheService<String> c = jvm();
    OverwrittenLoads race =
        new OverwrittenLoads(
            List.of(
                (k, loader) -> a.getOrLoad(k, MINUTE, loader),
                (k, loader) -> b.getOrLoad(k, MINUTE, loader),
                (k, loader) -> c.getOrLoad(k, MINUTE, loader)),
            b,
            threads);
    assertThat(race.staleResults(key, Matrix.size(300, 1000)), is(0));
  }

  @Test
  void aNaiveReadThroughIsFoundOutByTheSameRaces() throws Exception {
    CacheService<String> cache = jvm();
    OverwrittenLoads.ReadThrough naive =
        (k, loader) -> {
          Optional<String> hit = cache.get(k);
          if (hit.isPresent()) {
            return hit.get();
          }
          String value = loader.load();
          cache.set(k, value, MINUTE);
          return value;
        };
    OverwrittenLoads race = new OverwrittenLoads(List.of(naive, naive, naive), cache, threads);
    assertThat(race.staleResults(key, 50), is(greaterThan(0)));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatALoaderThrowsReachesAllWhoWaitAndTheNextCallerLoadsAtOnce(boolean checked)
      throws Exception {
    CacheService<String> cache = jvm(Duration.ofSeconds(50));
    AtomicInteger loads = new AtomicInteger();
    CountDownLatch fail = new CountDownLatch(1);
    List<Future<String>> callers =
        concurrently(
            101,
            () ->
                cache.getOrLoad(
                    key,
                    MINUTE,
                    () -> {
                      loads.incrementAndGet();
                      fail.await();
                      if (checked) {
                        throw new IOException("no database");
                      }
                      throw new IllegalStateException("no database");
                    }));
    Awaitility.await().until(() -> cache.stats().misses() == 101);
    Awaitility.await().until(() -> Fixtures.waitingIn(Waits.class, "join") == 100);
    fail.countDown();
    Set<Throwable> failures = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Future<String> caller : callers) {
      ExecutionException thrown =
          assertThrows(ExecutionException.class, () -> caller.get(10, TimeUnit.SECONDS));
      assertThat(thrown.getCause() instanceof CompletionException, is(checked));
      assertThat(thrown.getCause().getMessage(), endsWith("no database"));
      failures.add(thrown.getCause());
    }
    // The very one of the load, not a copy for each.
    assertThat(failures.size(), is(1));
    assertThat(loads.get(), is(1));
    long start = System.nanoTime();
    assertThat(cache.getOrLoad(key, MINUTE, () -> "works"), is("works"));
    // It does not wait for the end of the lease.
    assertThat(System.nanoTime() - start, is(lessThan(TimeUnit.SECONDS.toNanos(10))));
    assertThat(cache.stats().loadFailures(), is((long) loads.get()));
  }

  @Test
  void aCheckedExceptionOfALoaderIsTheCauseAndAnErrorPassesAsItIs() {
    CacheService<String> cache = jvm();
    IOException checked = new IOException("disk");
    CompletionException thrown =
        assertThrows(
            CompletionException.class,
            () ->
                cache.getOrLoad(
                    key,
                    MINUTE,
                    () -> {
                      throw checked;
                    }));
    assertThat(thrown.getCause(), is(sameInstance(checked)));
    AssertionError error = new AssertionError("deliberate");
    assertThat(
        assertThrows(
            AssertionError.class,
            () ->
                cache.getOrLoad(
                    key,
                    MINUTE,
                    () -> {
                      throw error;
                    })),
        is(sameInstance(error)));
    assertThat(redis.admin().exists(key), is(false));
  }

  @Test
  void aLoaderMayUseTheOnlyConnectionOfThePool() {
    try (TestRedis single = redis.withMaxTotal(1)) {
      CacheService<String> cache = Fixtures.cache(single, String.class);
      cache.set(key + "other", "from Redis");
      String value =
          cache.getOrLoad(
              key,
              MINUTE,
              () -> {
                assertThat(single.borrowed(), is(0));
                return cache.get(key + "other").orElseThrow();
              });
      assertThat(value, is("from Redis"));
      cache.close();
    }
  }

  @Test
  void aLoaderThatAsksForItsOwnKeyIsDetected() {
    CacheService<String> cache = jvm();
    IllegalStateException failure =
        assertThrows(
            IllegalStateException.class,
            () -> cache.getOrLoad(key, MINUTE, () -> cache.getOrLoad(key, MINUTE, () -> "never")));
    assertThat(failure.getMessage(), containsString(key));
    assertThat(
        cache.getOrLoad(key, MINUTE, () -> cache.getOrLoad(key + "2", MINUTE, () -> "other key")),
        is("other key"));
  }

  @Test
  @Proves("cache.without-redis")
  void whenRedisIsDownOneLoadAtATimeRunsUncachedForAllWhoWaitAndIsCounted() throws Exception {
    try (Outage down = new Outage(redis)) {
      CacheService<String> cache = Fixtures.cache(down.redis(), String.class);
      AtomicInteger running = new AtomicInteger();
      AtomicInteger most = new AtomicInteger();
      AtomicInteger loads = new AtomicInteger();
      CountDownLatch finish = new CountDownLatch(1);
      List<Future<String>> callers =
          concurrently(
              30,
              () ->
                  cache.getOrLoad(
                      key,
                      MINUTE,
                      () -> {
                        most.accumulateAndGet(running.incrementAndGet(), Math::max);
                        loads.incrementAndGet();
                        finish.await();
                        running.decrementAndGet();
                        return "uncached";
                      }));
      // A cluster client takes a while to give up.
      Awaitility.await()
          .atMost(Duration.ofMinutes(1))
          .until(() -> Fixtures.waitingIn(LocalLoads.class, "get") == 30);
      finish.countDown();
      assertThat(results(callers), everyItem(is("uncached")));
      assertThat(most.get(), is(1));
      // Whoever came before the first load began takes part in it, and everyone else in the next.
      assertThat(loads.get(), is(lessThanOrEqualTo(2)));
      assertThat(cache.stats().uncachedLoads(), is((long) loads.get()));
      assertThat(cache.stats().redisFailures(), is(greaterThan(0L)));
      assertThat(cache.stats().coolDowns(), is(greaterThan(0L)));
      cache.close();
    }
  }

  @Test
  void aFailureOfRedisInsideTheLoaderIsTheLoadersFailure() {
    CacheService<String> cache = jvm();
    redis.admin().lpush(key + "list", "x");
    assertThrows(
        redis.clients.jedis.exceptions.JedisDataException.class,
        () -> cache.getOrLoad(key, MINUTE, () -> cache.get(key + "list").orElseThrow()));
    assertThat(cache.stats().uncachedLoads(), is(0L));
  }

  @Test
  void jitterOnlyShortensAndOnlyWhatIsLoaded() {
    CacheService<String> cache = Fixtures.builder(redis, String.class).jitter(0.5).build();
    made.add(cache);
    List<Long> lives = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      assertThat(cache.getOrLoad(key + i, MINUTE, () -> "x"), is("x"));
      lives.add(redis.admin().pttl(key + i));
    }
    assertThat(lives, everyItem(is(both(greaterThan(25_000L)).and(lessThanOrEqualTo(60_000L)))));
    assertThat(lives.stream().filter(life -> life < 55_000).count(), is(greaterThan(0L)));
    cache.set(key, "set", MINUTE);
    assertThat(redis.admin().pttl(key), is(greaterThan(55_000L)));
  }

  @Test
  void whoWaitsForALoadGetsACopyOfItsOwn() throws Exception {
    TypeToken<List<String>> type = new TypeToken<>() {};
    CacheService<List<String>> cache = Fixtures.builder(redis, type).build();
    made.add(cache);
    CountDownLatch finish = new CountDownLatch(1);
    List<Future<List<String>>> callers =
        concurrently(
            2,
            () ->
                cache.getOrLoad(
                    key,
                    MINUTE,
                    () -> {
                      finish.await();
                      return new ArrayList<>(List.of("a"));
                    }));
    Awaitility.await().until(() -> cache.stats().misses() == 2 && redis.borrowed() == 0);
    finish.countDown();
    List<List<String>> results = results(callers);
    assertThat(results.get(0), is(results.get(1)));
    assertThat(results.get(0), is(not(sameInstance(results.get(1)))));
  }

  @Test
  void whoWaitsCanBeInterruptedAndTheLoadGoesOn() throws Exception {
    CacheService<String> cache = jvm();
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch finish = new CountDownLatch(1);
    Loader<String> slow =
        () -> {
          begun.countDown();
          finish.await();
          return "loaded";
        };
    Future<String> loading = threads.submit(() -> cache.getOrLoad(key, MINUTE, slow));
    begun.await();
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    AtomicReference<Boolean> flag = new AtomicReference<>();
    Thread waiting =
        new Thread(
            () -> {
              try {
                String unused = cache.getOrLoad(key, MINUTE, slow);
              } catch (CompletionException e) {
                thrown.set(e.getCause());
                flag.set(Thread.currentThread().isInterrupted());
              }
            });
    waiting.start();
    Awaitility.await().until(() -> cache.stats().misses() == 2);
    waiting.interrupt();
    waiting.join();
    assertThat(thrown.get(), is(instanceOf(InterruptedException.class)));
    assertThat(flag.get(), is(true));
    finish.countDown();
    assertThat(loading.get(10, TimeUnit.SECONDS), is("loaded"));
  }

  @Test
  void loadingTakesNoThreadOfTheCaches() throws Exception {
    // Those of the caches before are told to end when they are closed.
    Awaitility.await().until(() -> threads("redis-cache-.*") == 0);
    List<CacheService<String>> jvms = List.of(jvm());
    CountDownLatch finish = new CountDownLatch(1);
    CountDownLatch begun = new CountDownLatch(10);
    AtomicInteger number = new AtomicInteger();
    List<Future<String>> callers =
        concurrently(
            10,
            () ->
                jvms.get(0)
                    .getOrLoad(
                        key + number.incrementAndGet(),
                        MINUTE,
                        () -> {
                          begun.countDown();
                          finish.await();
                          return "x";
                        }));
    begun.await();
    assertThat(threads("redis-cache-.*"), is(0L));
    finish.countDown();
    assertThat(results(callers), everyItem(is("x")));
    jvms.get(0).close();
    Awaitility.await().until(() -> threads("redis-cache-.*") == 0);
  }

  @Test
  void aServiceThatIsIdleHasNoThread() {
    Set<Thread> before = Thread.getAllStackTraces().keySet();
    CacheService<String> cache = jvm();
    cache.set(key, "set");
    assertThat(cache.get(key), is(Optional.of("set")));
    assertThat(cache.getAll(List.of(key)).size(), is(1));
    assertThat(cache.deleteAll(List.of(key)), is(1L));
    // A cluster's batch has a thread while it runs.
    Awaitility.await()
        .until(
            () ->
                Thread.getAllStackTraces().keySet().stream()
                    .filter(thread -> !before.contains(thread))
                    .noneMatch(thread -> thread.getName().startsWith("redis-cache")));
  }

  private static long threads(String name) {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().matches(name))
        .filter(Thread::isDaemon)
        .count();
  }

  @Test
  void loadersThatAskForEachOthersKeyAreToldSo() throws Exception {
    CacheService<String> cache = Fixtures.cache(redis, String.class);
    made.add(cache);
    CountDownLatch bothLoad = new CountDownLatch(2);
    Callable<String> first = () -> crossed(cache, key + "a", key + "b", bothLoad);
    Callable<String> second = () -> crossed(cache, key + "b", key + "a", bothLoad);
    List<Future<String>> callers = threads.invokeAll(List.of(first, second), 1, TimeUnit.MINUTES);
    for (Future<String> caller : callers) {
      ExecutionException failure = assertThrows(ExecutionException.class, caller::get);
      assertThat(failure.getCause(), is(instanceOf(IllegalStateException.class)));
    }
  }

  private static String crossed(
      CacheService<String> cache, String mine, String other, CountDownLatch bothLoad) {
    return cache.getOrLoad(
        mine,
        MINUTE,
        () -> {
          bothLoad.countDown();
          bothLoad.await();
          return cache.getOrLoad(other, MINUTE, () -> "not reached");
        });
  }

  @Test
  void aCallerWaitsForAnotherOnesLoadNoLongerThanItWantsTo() throws Exception {
    CacheService<String> cache = Fixtures.cache(redis, String.class);
    CacheService<String> otherJvm = Fixtures.cache(redis, String.class);
    made.addAll(List.of(cache, otherJvm));
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    Future<String> load =
        threads.submit(
            () ->
                cache.getOrLoad(
                    key,
                    MINUTE,
                    () -> {
                      begun.countDown();
                      end.await();
                      return "v";
                    }));
    assertThat(begun.await(1, TimeUnit.MINUTES), is(true));
    Duration maxWait = Duration.ofMillis(100);
    for (CacheService<String> waiting : List.of(cache, otherJvm)) {
      CacheTimeoutException failure =
          assertThrows(
              CacheTimeoutException.class,
              () -> waiting.getOrLoad(key, MINUTE, maxWait, () -> "not reached"));
      assertThat(failure.getMessage(), containsString(key));
      assertThat(waiting.stats().waits(), is(1L));
    }
    end.countDown();
    assertThat(load.get(1, TimeUnit.MINUTES), is("v"));
    assertThat(otherJvm.getOrLoad(key, MINUTE, () -> "not reached"), is("v"));
  }
}
