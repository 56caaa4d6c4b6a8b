package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Waiting for permits. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class RateLimiterAcquireIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final int WAITERS = Matrix.size(8, 30);

  /** That of Redis may step while this one does not. */
  private static final long CLOCKS_DIFFER = Duration.ofMillis(5).toNanos();

  private final TestRedis redis;
  private final String id;

  RateLimiterAcquireIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("waiting");
  }

  @Test
  void whoAsksFirstIsServedFirstAndEachAsksOnce() throws Exception {
    Duration apart = Duration.ofMillis(500);
    RateLimiter limiter = limiter(Limit.of(1, apart));
    assertThat(limiter.peek(id).allowed(), is(true)); // the script is known from now on
    long calls = redis.calls("evalsha");
    ExecutorService threads = Executors.newFixedThreadPool(WAITERS);
    long start = System.nanoTime();
    try {
      List<Future<Long>> served = new ArrayList<>();
      for (int waiter = 0; waiter < WAITERS; waiter++) {
        served.add(threads.submit(acquiring(limiter)));
        awaitCalls(calls + waiter + 1);
      }
      // Whose order would not show otherwise.
      assertThat("the last two wait", served.get(WAITERS - 2).isDone(), is(false));
      assertServedInOrder(served, start, apart);
    } finally {
      threads.shutdownNow();
    }
    assertThat(redis.calls("evalsha") - calls, is((long) WAITERS));
  }

  @Test
  void anInterruptEndsTheWaitAtOnceAndCancelsTheBooking() throws Exception {
    RateLimiter limiter = limiter(Limit.of(1, MINUTE));
    assertThat(limiter.isAllowed(id), is(true));
    Duration retryAfter = limiter.peek(id).retryAfter().orElseThrow();
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try {
      long calls = redis.calls("evalsha");
      Future<Decision> waiting =
          thread.submit(() -> limiter.tryAcquire(id, 1, MINUTE.multipliedBy(2)));
      awaitCalls(calls + 1);
      thread.shutdownNow();
      // Far sooner than the permit that it waits for is free.
      ExecutionException e =
          assertThrows(ExecutionException.class, () -> waiting.get(10, TimeUnit.SECONDS));
      assertThat(e.getCause() instanceof InterruptedException, is(true));
      assertThat(limiter.peek(id).retryAfter().orElseThrow(), is(lessThanOrEqualTo(retryAfter)));
      assertThat(redis.borrowed(), is(0));
    } finally {
      thread.shutdownNow();
    }
  }

  @Test
  void aCallerWhoWaitsHoldsNoConnection() throws Exception {
    RateLimiter limiter = limiter(Limit.of(1, MINUTE));
    assertThat(limiter.isAllowed(id), is(true));
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try {
      long calls = redis.calls("evalsha");
      Future<Long> waiting = thread.submit(acquiring(limiter));
      awaitCalls(calls + 1);
      Awaitility.await().until(() -> redis.borrowed() == 0);
      assertThat(waiting.isDone(), is(false));
    } finally {
      thread.shutdownNow();
    }
  }

  @Test
  void manyPermitsAreWaitedForTogether() throws InterruptedException {
    Duration window = Duration.ofMillis(500);
    RateLimiter limiter = limiter(Limit.of(10, window), Limit.tokenBucket(10, 100, window));
    long before = System.nanoTime();
    assertThat(limiter.tryAcquire(id, 10, Duration.ZERO).allowed(), is(true));
    Decision later = limiter.tryAcquire(id, 10, MINUTE);
    assertThat(later.allowed(), is(true));
    assertThat(later.retryAfter().orElseThrow(), is(Duration.ZERO));
    assertThat(later.remaining(), is(0L));
    assertThat(later.resetAfter(), is(window));
    assertThat(System.nanoTime() - before, is(greaterThan(window.toNanos() - CLOCKS_DIFFER)));
  }

  private Callable<Long> acquiring(RateLimiter limiter) {
    return () -> {
      Decision decision = limiter.tryAcquire(id, 1, MINUTE.multipliedBy(2));
      long served = System.nanoTime();
      assertThat(decision.allowed(), is(true));
      return served;
    };
  }

  private void awaitCalls(long calls) {
    Awaitility.await()
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(1))
        .until(() -> redis.calls("evalsha") >= calls);
  }

  /**
   * The first permit was granted after the start, so none may be served sooner than this; and if
   * any had been served before its turn, another would have taken its place too early.
   */
  private static void assertServedInOrder(List<Future<Long>> served, long start, Duration apart)
      throws Exception {
    for (int i = 0; i < served.size(); i++) {
      long at = served.get(i).get(1, TimeUnit.MINUTES) - start;
      assertThat(at, is(greaterThanOrEqualTo(i * apart.toNanos() - CLOCKS_DIFFER)));
      assertThat(at, is(lessThan(5L * (i + 2) * apart.toNanos())));
    }
  }

  private RateLimiter limiter(Limit limit, Limit... more) {
    return redis
        .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
        .limit(limit, more)
        .build();
  }
}
