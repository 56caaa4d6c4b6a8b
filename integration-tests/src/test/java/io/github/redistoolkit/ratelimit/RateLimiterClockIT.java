package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.math.BigInteger;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Instants to the microsecond, and a server's clock that is stepped, through the clock seam. */
@LeavesServerAlone
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = ClientKind.CLIENT)
class RateLimiterClockIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final long WINDOW = 60_000_000;

  private final TestRedis redis;
  private final String id;
  private final AtomicLong clock = new AtomicLong(1_700_000_000_000_000L);

  RateLimiterClockIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("timed");
  }

  @Test
  void aPermitComesBackExactlyAWindowAfterItWasGranted() {
    RateLimiter limiter = limiter(Limit.of(1, MINUTE));
    assertThat(limiter.isAllowed(id), is(true));
    pass(WINDOW - 1);
    assertThat(limiter.tryAcquire(id).retryAfter(), is(micros(1)));
    pass(1);
    assertThat(limiter.isAllowed(id), is(true));
  }

  @Test
  void retryAfterIsTheFirstMicrosecondAtWhichThePermitsFit() {
    for (Limit limit :
        new Limit[] {
          Limit.of(10, MINUTE),
          Limit.of(10_000, MINUTE),
          Limit.of(10_000, MINUTE).precision(8),
          Limit.tokenBucket(10, 7, MINUTE),
          Limit.tokenBucket(1_000_000_000, 999_999_937, Duration.ofDays(365))
        }) {
      RateLimiter limiter = limiter(limit);
      String each = id + limit.name() + limit.slots();
      for (int grant = 0; grant < 10; grant++) {
        assertThat(limiter.tryAcquire(each, limit.permits() / 10).allowed(), is(true));
        pass(1_234_567);
      }
      long wanted = limit.permits() / 3;
      Decision refused = limiter.tryAcquire(each, wanted);
      assertThat(limit.name(), refused.allowed(), is(false));
      pass(refused.retryAfter().toNanos() / 1000 - 1);
      assertThat(limit.name(), limiter.tryAcquire(each, wanted).retryAfter(), is(micros(1)));
      pass(1);
      assertThat(limit.name(), limiter.tryAcquire(each, wanted).allowed(), is(true));
    }
  }

  @Test
  void aClockSteppedBackByLessThanAWindowStandsStillUntilItHasCaughtUp() {
    RateLimiter limiter = limiter(Limit.of(3, MINUTE));
    assertThat(limiter.tryAcquire(id, 2).allowed(), is(true));
    pass(-WINDOW + 1);
    // The third is still there, and no more.
    assertThat(limiter.tryAcquire(id).allowed(), is(true));
    Decision refused = limiter.tryAcquire(id);
    assertThat(refused.allowed(), is(false));
    assertThat(refused.retryAfter(), is(MINUTE.multipliedBy(2).minus(micros(1))));
    pass(2 * WINDOW - 2);
    assertThat(limiter.isAllowed(id), is(false));
    pass(1);
    assertThat(limiter.tryAcquire(id, 3).allowed(), is(true));
  }

  @Test
  void aPermitLateByASlotWaitsUntilAClockSteppedBackHasCaughtUp() {
    long toTheEndOfTheSlot = 2_499_999; // slots of 7.5 s; the first call is 5 s into one
    RateLimiter limiter = limiter(Limit.of(9, MINUTE).precision(8));
    assertThat(limiter.isAllowed(id), is(true));
    pass(WINDOW);
    assertThat(limiter.isAllowed(id), is(true));
    assertThat(limiter.tryAcquire(id, 8).retryAfter(), is(micros(toTheEndOfTheSlot)));
    pass(-WINDOW / 2);
    Decision refused = limiter.tryAcquire(id, 8);
    assertThat(refused.retryAfter(), is(micros(WINDOW / 2 + toTheEndOfTheSlot)));
    pass(WINDOW / 2 + toTheEndOfTheSlot - 1);
    assertThat(limiter.tryAcquire(id, 8).retryAfter(), is(micros(1)));
    pass(1);
    assertThat(limiter.tryAcquire(id, 8).allowed(), is(true));
  }

  @Test
  void aClockSteppedBackByMoreThanAWindowStartsTheIdAfreshWithAtMostOneMoreLimit() {
    RateLimiter limiter = limiter(Limit.of(3, MINUTE));
    assertThat(limiter.tryAcquire(id, 3).allowed(), is(true));
    pass(-WINDOW - 1);
    assertThat(limiter.peek(id).remaining(), is(3L));
    assertThat(limiter.tryAcquire(id, 3).allowed(), is(true));
    assertThat(limiter.isAllowed(id), is(false));
    pass(WINDOW - 1);
    assertThat(limiter.isAllowed(id), is(false));
    pass(1);
    assertThat(limiter.tryAcquire(id, 3).allowed(), is(true));
  }

  @Test
  void aBucketStandsStillOrStartsAfreshLikewise() {
    // It takes a minute from empty to full.
    RateLimiter limiter = limiter(Limit.tokenBucket(6, 3, MINUTE.dividedBy(2)));
    assertThat(limiter.tryAcquire(id, 6).allowed(), is(true));
    pass(-WINDOW);
    assertThat(limiter.tryAcquire(id).retryAfter(), is(MINUTE.plusSeconds(10)));
    pass(-1);
    assertThat(limiter.tryAcquire(id, 6).allowed(), is(true));
    assertThat(limiter.isAllowed(id), is(false));
  }

  @Test
  void ofSeveralLimitsAShortOneStartsAfreshOnceWhileALongOneStandsStill() {
    for (Limit brief : new Limit[] {Limit.of(2, MINUTE), Limit.tokenBucket(2, 2, MINUTE)}) {
      Limit hourly = Limit.of(5, Duration.ofHours(1));
      RateLimiter limiter = limiter(brief, hourly);
      String each = id + brief.name();
      assertThat(limiter.tryAcquire(each, 2).allowed(), is(true));
      pass(-2 * WINDOW);
      assertThat(limiter.isAllowed(each), is(true));
      assertThat(limiter.isAllowed(each), is(true));
      // Two more have to wait for the long one, one more for the short one.
      assertThat(limiter.tryAcquire(each, 2).limit(), is(hourly));
      assertThat(limiter.tryAcquire(each).limit(), is(brief));
      assertThat(limiter.isAllowed(each), is(false));
      pass(limiter.tryAcquire(each).retryAfter().toNanos() / 1000);
      assertThat(limiter.isAllowed(each), is(true));
      Decision refused = limiter.tryAcquire(each);
      assertThat(refused.allowed(), is(false));
      assertThat(refused.limit(), is(hourly));
    }
  }

  @Test
  void aBucketIsExactAlsoWhereProductsDoNotFitADouble() {
    for (long offset = 1; offset <= 20; offset++) {
      long period = Duration.ofDays(365).toNanos() / 1000 - offset;
      long refill = 999_999_937; // a prime
      RateLimiter limiter = limiter(Limit.tokenBucket(1_000_000_000, refill, micros(period)));
      // So that elapsed * refill is one less than a multiple of the period.
      BigInteger elapsed =
          BigInteger.ONE
              .negate()
              .multiply(BigInteger.valueOf(refill).modInverse(BigInteger.valueOf(period)))
              .mod(BigInteger.valueOf(period));
      long tokens =
          elapsed
              .multiply(BigInteger.valueOf(refill))
              .add(BigInteger.ONE)
              .divide(BigInteger.valueOf(period))
              .longValueExact();
      assertThat(limiter.tryAcquire(id, 1_000_000_000).allowed(), is(true));
      assertThat(limiter.tryAcquire(id, tokens).retryAfter(), is(micros(elapsed.longValue() + 1)));
      pass(elapsed.longValueExact());
      assertThat(limiter.tryAcquire(id, tokens).retryAfter(), is(micros(1)));
      pass(1);
      assertThat(limiter.tryAcquire(id, tokens).allowed(), is(true));
    }
  }

  @Test
  void aStepBackThatIsUndoneBeforeAnythingIsGrantedHasForgottenNothing() {
    RateLimiter limiter = limiter(Limit.of(1, MINUTE), Limit.of(2, MINUTE.multipliedBy(10)));
    assertThat(limiter.isAllowed(id), is(true));
    pass(-2 * WINDOW);
    assertThat(limiter.peek(id).allowed(), is(true));
    pass(2 * WINDOW);
    assertThat(limiter.isAllowed(id), is(false));
  }

  @Test
  void aLogHoldsNoMoreThanItsSlotsAtAnyLimit() {
    Limit limit = Limit.of(1_000_000, MINUTE).precision(100);
    RateLimiter limiter = limiter(limit);
    for (int i = 0; i < 1000; i++) {
      assertThat(limiter.tryAcquire(id, 10).allowed(), is(true));
      pass(WINDOW / 333);
    }
    // The entries of a window, one that is about to expire, and the clock.
    assertThat(redis.admin().llen("rl:default:{" + id + "}:w60000000") <= 100 + 2, is(true));
  }

  @Test
  void moreThan4096InstantsAreNotBookedAhead() {
    RateLimiter limiter = limiter(Limit.of(1, Duration.ofSeconds(20)));
    long day = Duration.ofDays(1).toNanos() / 1000;
    assertThat(limiter.isAllowed(id), is(true));
    for (int i = 1; i <= 4096; i++) {
      assertThat(limiter.book(id, 1, day).decision().allowed(), is(true));
    }
    Booking refused = limiter.book(id, 1, day);
    assertThat(refused.decision().allowed(), is(false));
    assertThat(refused.decision().retryAfter(), is(Duration.ofSeconds(4097 * 20)));
    pass(20_000_000);
    assertThat(limiter.book(id, 1, day).decision().allowed(), is(true));
    assertThat(limiter.book(id, 1, day).decision().allowed(), is(false));
  }

  @Test
  void morePermitsThanALogCanCountAreNotBookedAhead() {
    RateLimiter limiter = limiter(Limit.of(1_000_000_000, MINUTE));
    long hour = Duration.ofHours(1).toNanos() / 1000;
    for (int i = 0; i < 4; i++) {
      assertThat(limiter.book(id, 1_000_000_000, hour).decision().allowed(), is(true));
    }
    assertThat(limiter.book(id, 1_000_000_000, hour).decision().allowed(), is(false));
    pass(5 * WINDOW);
    assertThat(limiter.tryAcquire(id, 1_000_000_000).allowed(), is(true));
  }

  private void pass(long micros) {
    clock.addAndGet(micros);
  }

  private RateLimiter limiter(Limit first, Limit... more) {
    return redis
        .over(p -> RateLimiter.builder(p), c -> RateLimiter.builder(c))
        .limit(first, more)
        .clock(() -> Long.toString(clock.get()))
        .build();
  }

  private static Duration micros(long micros) {
    return Duration.ofNanos(micros * 1000);
  }
}
