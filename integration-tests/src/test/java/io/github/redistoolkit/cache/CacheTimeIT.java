package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.TestTime;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.params.SetParams;

/** When loads wait, give up, take over and try again, by a clock that the test moves. */
@EachClient(topologies = Topology.STANDALONE)
class CacheTimeIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final Duration HOUR = Duration.ofHours(1);
  private static final Duration NANO = Duration.ofNanos(1);

  private final TestRedis redis;
  private final String prefix;
  private final TestTime time = new TestTime();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final List<CacheService<Integer>> caches = new ArrayList<>();
  private final AtomicInteger loads = new AtomicInteger();

  CacheTimeIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("time:");
  }

  @AfterEach
  void endsWhatItStarted() throws InterruptedException {
    threads.shutdownNow();
    assertThat(threads.awaitTermination(1, TimeUnit.MINUTES), is(true));
    caches.forEach(CacheService::close);
  }

  private CacheService.Builder<Integer> builder() {
    CacheService.Builder<Integer> builder =
        Fixtures.builder(redis, prefix, Integer.class).executor(threads);
    builder.alarms = time.alarms();
    return builder;
  }

  private CacheService<Integer> opened(CacheService.Builder<Integer> builder) {
    CacheService<Integer> opened = builder.build();
    caches.add(opened);
    return opened;
  }

  /** Puts the lease of another JVM under the key. */
  private void lease(Duration left) {
    redis.admin().set(prefix + "k", Fixtures.lease(left), SetParams.setParams().px(600_000));
  }

  private Future<Integer> load(CacheService<Integer> cache) {
    return threads.submit(() -> cache.getOrLoad("k", MINUTE, loads::incrementAndGet));
  }

  /** Until it has looked a few more times at what another JVM does. */
  private void awaitLooks() {
    long before = redis.calls("getrange");
    Awaitility.await().until(() -> redis.calls("getrange") >= before + 3);
  }

  private static Throwable failure(Future<?> future) {
    return assertThrows(ExecutionException.class, () -> future.get(1, TimeUnit.MINUTES)).getCause();
  }

  @Test
  void aLeaseIsNotTriedBeforeItWasUnrenewedForHalfOfItsTime() throws Exception {
    CacheService<Integer> cache = opened(builder().lease(MINUTE));
    lease(Duration.ofSeconds(-1));
    Future<Integer> waiting = load(cache);
    awaitLooks();
    time.pass(MINUTE.dividedBy(2).minus(NANO));
    awaitLooks();
    assertThat(loads.get(), is(0));
    time.pass(NANO);
    assertThat(waiting.get(1, TimeUnit.MINUTES), is(1));
  }

  @Test
  void aLeaseThatIsRenewedIsGivenItsTimeAnew() throws Exception {
    CacheService<Integer> cache = opened(builder().lease(MINUTE));
    lease(Duration.ofSeconds(-1));
    Future<Integer> waiting = load(cache);
    awaitLooks();
    time.pass(MINUTE.dividedBy(2).minus(NANO));
    lease(Duration.ofMillis(-500));
    awaitLooks();
    time.pass(MINUTE.dividedBy(2).minus(NANO));
    awaitLooks();
    assertThat(loads.get(), is(0));
    time.pass(NANO);
    assertThat(waiting.get(1, TimeUnit.MINUTES), is(1));
  }

  @Test
  void whoWaitsForAnotherJvmGivesUpAfterTheTimeThatWasSaidAndNotBefore() {
    CacheService<Integer> cache = opened(builder().maxWait(HOUR));
    lease(Duration.ofMinutes(10));
    Future<Integer> waiting = load(cache);
    awaitLooks();
    time.pass(HOUR.minus(NANO));
    awaitLooks();
    assertThat(waiting.isDone(), is(false));
    time.pass(NANO);
    assertThat(failure(waiting), is(instanceOf(CacheTimeoutException.class)));
    assertThat(cache.stats().totalWaitTime(), is(HOUR));
  }

  @Test
  void aLoadWithoutAThreadIsGivenUpAfterTheTimeThatWasSaidAndNotBefore() throws Exception {
    ExecutorService single = Executors.newSingleThreadExecutor();
    try {
      CacheService<Integer> cache = opened(builder().maxWait(HOUR).executor(single));
      CompletableFuture<Integer> loading = new CompletableFuture<>();
      CompletableFuture<Integer> late = cache.getOrLoadAsync("k", MINUTE, () -> loading);
      CompletableFuture<Integer> joined = cache.getOrLoadAsync("k", MINUTE, () -> loading);
      single.submit(() -> {}).get(1, TimeUnit.MINUTES); // has done what was given to it before
      time.pass(HOUR.minus(NANO));
      single.submit(() -> {}).get(1, TimeUnit.MINUTES);
      assertThat(late.isDone(), is(false));
      assertThat(joined.isDone(), is(false));
      assertThat(loading.isCancelled(), is(false));
      time.pass(NANO);
      assertThat(failure(late), is(instanceOf(CacheTimeoutException.class)));
      assertThat(failure(joined), is(instanceOf(CacheTimeoutException.class)));
      Awaitility.await().until(loading::isCancelled);
    } finally {
      single.shutdownNow();
    }
  }

  @Test
  void aRefreshThatFailedIsTriedAgainAfterALeaseAndNotBefore() {
    CacheService<Integer> cache = opened(builder().lease(MINUTE).earlyRefresh(0.5, threads));
    Loader<Integer> failing =
        () -> {
          loads.incrementAndGet();
          throw new IllegalStateException("no database");
        };
    for (int tries = 1; tries <= 3; tries++) {
      int most = tries;
      // Without the mark of the refresh in Redis, by whose clock that ends.
      cache.set("k", 1, Duration.ofSeconds(20));
      Awaitility.await()
          .until(() -> cache.getOrLoad("k", MINUTE, failing) == 1 && loads.get() == most);
      Awaitility.await().until(() -> cache.stats().loadFailures() == most);
      cache.set("k", 1, Duration.ofSeconds(20));
      time.pass(MINUTE.minus(NANO));
      for (int i = 0; i < 20; i++) {
        assertThat(cache.getOrLoad("k", MINUTE, failing), is(1));
      }
      assertThat(loads.get(), is(tries));
      time.pass(NANO);
    }
  }
}
