package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Permits given back, charged, or cancelled once they were granted. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class RateLimiterAfterTheFactIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final long WINDOW = 60_000_000;

  private final TestRedis redis;
  private final String id;
  private final AtomicLong clock = new AtomicLong(1_700_000_000_000_000L);

  RateLimiterAfterTheFactIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("after");
  }

  @Test
  void whatIsGivenBackIsFreeAtOnceAndTheRestCountsNoShorter() {
    RateLimiter limiter = limiter(Limit.of(10, MINUTE));
    assertThat(limiter.tryAcquire(id, 4).allowed(), is(true));
    clock.addAndGet(WINDOW / 2);
    assertThat(limiter.tryAcquire(id, 6).allowed(), is(true));
    limiter.refund(id, 4);
    assertThat(limiter.peek(id, 4).allowed(), is(true));
    assertThat(limiter.tryAcquire(id, 4).allowed(), is(true));
    // Of the six that were not given back none may have come back before its window has passed.
    clock.addAndGet(WINDOW / 2);
    assertThat(limiter.peek(id).remaining(), is(0L));
    clock.addAndGet(WINDOW / 2);
    assertThat(limiter.tryAcquire(id, 10).allowed(), is(true));
  }

  @Test
  void givingBackMoreThanThereIsFillsTheLimitAndNoMore() {
    for (Limit limit : new Limit[] {Limit.of(3, MINUTE), Limit.tokenBucket(3, 1, MINUTE)}) {
      RateLimiter limiter = limiter(limit);
      String each = id + limit.name();
      limiter.refund(each, 5);
      assertThat(limiter.tryAcquire(each, 3).allowed(), is(true));
      limiter.refund(each, 1_000_000_000);
      assertThat(redis.admin().exists("rl:default:{" + each + "}"), is(false));
      assertThat(limiter.tryAcquire(each, 3).allowed(), is(true));
      assertThat(limiter.tryAcquire(each, 1).allowed(), is(false));
    }
  }

  @Test
  void whatIsChargedBeyondALimitIsADebt() {
    RateLimiter window = limiter(Limit.of(100, MINUTE));
    assertThat(window.charge(id, 250).allowed(), is(true));
    assertThat(window.tryAcquire(id).retryAfter().orElseThrow(), is(MINUTE));
    RateLimiter bucket = limiter(Limit.tokenBucket(100, 100, MINUTE));
    String other = id + "bucket";
    assertThat(bucket.charge(other, 250).remaining(), is(0L));
    assertThat(bucket.tryAcquire(other, 50).retryAfter().orElseThrow(), is(MINUTE.multipliedBy(2)));
    clock.addAndGet(2 * WINDOW);
    assertThat(bucket.tryAcquire(other, 50).allowed(), is(true));
  }

  @Test
  void aDebtIsPaidWithinAYear() {
    RateLimiter bucket = limiter(Limit.tokenBucket(10, 1, Duration.ofDays(1)));
    for (int i = 0; i < 3; i++) {
      assertThat(bucket.charge(id, 1_000_000_000).allowed(), is(true));
    }
    Decision refused = bucket.tryAcquire(id, 10);
    assertThat(refused.retryAfter().orElseThrow(), is(Duration.ofDays(366)));
    clock.addAndGet(Duration.ofDays(366).toNanos() / 1000);
    assertThat(bucket.tryAcquire(id, 10).allowed(), is(true));
  }

  @Test
  void aBookingThatIsCancelledHoldsUpNobody() {
    for (Limit limit : new Limit[] {Limit.of(60, MINUTE), Limit.tokenBucket(60, 60, MINUTE)}) {
      RateLimiter limiter = limiter(limit);
      String each = id + limit.name();
      assertThat(limiter.tryAcquire(each, 30).allowed(), is(true));
      Booking booking = limiter.book(each, 60, 10 * WINDOW);
      assertThat(limiter.peek(each).allowed(), is(false));
      limiter.cancel(each, 60, booking);
      assertThat(limiter.peek(each).remaining(), is(30L));
      assertThat(limiter.tryAcquire(each, 30).allowed(), is(true));
    }
  }

  @Test
  void whoHasBookedBehindACancelledBookingKeepsTheInstantAndTheLimitHolds() {
    RateLimiter limiter = limiter(Limit.of(10, MINUTE));
    assertThat(limiter.tryAcquire(id, 10).allowed(), is(true));
    Booking first = limiter.book(id, 10, 10 * WINDOW);
    Booking second = limiter.book(id, 10, 10 * WINDOW);
    limiter.cancel(id, 10, first);
    assertThat(limiter.book(id, 1, 10 * WINDOW).waitMicros(), is(3 * WINDOW));
    clock.addAndGet(second.waitMicros());
    assertThat(limiter.peek(id).allowed(), is(false));
  }

  @Test
  void anInterruptedWaitIsCancelled() throws Exception {
    RateLimiter limiter =
        redis
            .over(p -> RateLimiter.builder(p, "real"), c -> RateLimiter.builder(c, "real"))
            .limit(Limit.of(60, MINUTE))
            .build();
    assertThat(limiter.tryAcquire(id, 1).allowed(), is(true));
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try {
      Future<Decision> waiting =
          thread.submit(() -> limiter.tryAcquire(id, 60, Duration.ofMinutes(2)));
      Awaitility.await().until(() -> !limiter.peek(id).allowed());
      thread.shutdownNow();
      ExecutionException e =
          assertThrows(ExecutionException.class, () -> waiting.get(10, TimeUnit.SECONDS));
      assertThat(e.getCause() instanceof InterruptedException, is(true));
      assertThat(e.getCause().getSuppressed().length, is(0));
    } finally {
      thread.shutdownNow();
    }
    assertThat(limiter.peek(id).remaining(), is(59L));
    assertThat(limiter.tryAcquire(id, 59).allowed(), is(true));
  }

  @Test
  void everyLimitTellsItsOwnState() {
    Limit narrow = Limit.of(5, MINUTE).named("burst");
    Limit wide = Limit.tokenBucket(100, 100, MINUTE.multipliedBy(10)).named("daily");
    RateLimiter limiter = limiter(narrow, wide);
    assertThat(limiter.tryAcquire(id, 5).allowed(), is(true));
    clock.addAndGet(WINDOW / 4);
    Decision refused = limiter.tryAcquire(id, 2);
    assertThat(refused.limits().stream().map(Decision.OfLimit::limit).toList().size(), is(2));
    Decision.OfLimit first = refused.limits().get(0);
    assertThat(first.limit(), is(narrow));
    assertThat(first.remaining(), is(0L));
    assertThat(first.retryAfter().orElseThrow(), is(Duration.ofSeconds(45)));
    assertThat(first.resetAfter(), is(Duration.ofSeconds(45)));
    Decision.OfLimit second = refused.limits().get(1);
    assertThat(second.limit(), is(wide));
    assertThat(second.remaining(), is(97L));
    assertThat(second.retryAfter().orElseThrow(), is(Duration.ZERO));
    assertThat(second.resetAfter(), is(Duration.ofSeconds(15)));
    assertThat(refused.retryAfterSeconds().orElseThrow(), is(45L));
    assertThat(
        refused.limits().stream().mapToLong(each -> each.remaining()).min().orElseThrow(),
        is(lessThan(1L)));
  }

  private RateLimiter limiter(Limit first, Limit... more) {
    return redis
        .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
        .limit(first, more)
        .clock(() -> Long.toString(clock.get()))
        .build();
  }
}
