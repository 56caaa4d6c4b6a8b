package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.report.Proves;
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
    notByDefault = Topology.SENTINEL)
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
    assertThat(limiter.tryAcquire(id).retryAfter().orElseThrow(), is(micros(1)));
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
      String each = id + limit;
      for (int grant = 0; grant < 10; grant++) {
        assertThat(limiter.tryAcquire(each, limit.permits() / 10).allowed(), is(true));
        pass(1_234_567);
      }
      long wanted = limit.permits() / 3;
      Decision refused = limiter.tryAcquire(each, wanted);
      assertThat(limit.name(), refused.allowed(), is(false));
      pass(refused.retryAfter().orElseThrow().toNanos() / 1000 - 1);
      assertThat(
          limit.name(), limiter.tryAcquire(each, wanted).retryAfter().orElseThrow(), is(micros(1)));
      pass(1);
      assertThat(limit.name(), limiter.tryAcquire(each, wanted).allowed(), is(true));
    }
  }

  @Test
  @Proves("rate-limit.exact-window")
  void aClockSteppedBackGrantsNothingMoreAndTimeGoesOnAtOnce() {
    for (long step : new long[] {1, WINDOW / 2, WINDOW - 1, WINDOW, WINDOW + 1, 100 * WINDOW}) {
      for (Limit limit : new Limit[] {Limit.of(3, MINUTE), Limit.tokenBucket(3, 3, MINUTE)}) {
        RateLimiter limiter = limiter(limit);
        String each = id + step + limit.name();
        assertThat(limiter.tryAcquire(each, 3).allowed(), is(true));
        pass(-step);
        Duration wait = limiter.tryAcquire(each, 3).retryAfter().orElseThrow();
        assertThat(wait, is(MINUTE));
        pass(WINDOW - 1);
        assertThat(limiter.tryAcquire(each, 3).retryAfter().orElseThrow(), is(micros(1)));
        pass(1);
        assertThat(limiter.tryAcquire(each, 3).allowed(), is(true));
      }
    }
  }

  @Test
  void aStepBackThatNobodyNoticesDelaysByWhatHadPassedSinceTheLastGrant() {
    RateLimiter limiter = limiter(Limit.of(1, MINUTE));
    assertThat(limiter.isAllowed(id), is(true));
    pass(WINDOW / 2);
    pass(-WINDOW / 4);
    assertThat(limiter.tryAcquire(id).retryAfter().orElseThrow(), is(micros(WINDOW * 3 / 4)));
  }

  @Test
  void bookingsOutliveAClockThatIsSteppedBackByMoreThanAWindow() {
    RateLimiter limiter = limiter(Limit.of(1, MINUTE));
    assertThat(limiter.isAllowed(id), is(true));
    for (int booked = 1; booked <= 3; booked++) {
      assertThat(limiter.book(id, 1, 10 * WINDOW).waitMicros(), is(booked * WINDOW));
    }
    pass(-5 * WINDOW);
    assertThat(limiter.tryAcquire(id).retryAfter().orElseThrow(), is(MINUTE.multipliedBy(4)));
    pass(WINDOW);
    assertThat(limiter.tryAcquire(id).retryAfter().orElseThrow(), is(MINUTE.multipliedBy(3)));
  }

  @Test
  void ofSeveralLimitsAllLiveInOneTime() {
    for (Limit brief : new Limit[] {Limit.of(2, MINUTE), Limit.tokenBucket(2, 2, MINUTE)}) {
      Limit hourly = Limit.of(5, Duration.ofHours(1));
      RateLimiter limiter = limiter(brief, hourly);
      String each = id + brief.name();
      assertThat(limiter.tryAcquire(each, 2).allowed(), is(true));
      pass(-2 * WINDOW);
      Decision refused = limiter.tryAcquire(each, 2);
      assertThat(refused.limit(), is(brief));
      assertThat(refused.retryAfter().orElseThrow(), is(MINUTE));
      pass(WINDOW);
      assertThat(limiter.tryAcquire(each, 2).allowed(), is(true));
      assertThat(limiter.tryAcquire(each, 2).limit(), is(hourly));
    }
  }

  @Test
  void aClockSteppedForwardGrantsOneMoreLimitAtMost() {
    RateLimiter limiter = limiter(Limit.of(3, MINUTE));
    assertThat(limiter.tryAcquire(id, 3).allowed(), is(true));
    pass(1000 * WINDOW);
    assertThat(limiter.tryAcquire(id, 3).allowed(), is(true));
    pass(-1000 * WINDOW);
    assertThat(limiter.tryAcquire(id).retryAfter().orElseThrow(), is(MINUTE));
  }

  @Test
  void aBucketThatGetsAnotherSizeFillsAsItDidUntilTheNextCallAndFromThenAsItShould() {
    RateLimiter fast = limiter(Limit.tokenBucket(100, 100, MINUTE));
    RateLimiter slow = limiter(Limit.tokenBucket(100, 1, MINUTE));
    assertThat(fast.tryAcquire(id, 100).allowed(), is(true));
    pass(WINDOW / 10);
    assertThat(slow.tryAcquire(id, 50).retryAfter().orElseThrow(), is(MINUTE.multipliedBy(40)));
    pass(2 * WINDOW);
    assertThat(slow.tryAcquire(id, 50).retryAfter().orElseThrow(), is(MINUTE.multipliedBy(38)));
    assertThat(slow.peek(id).remaining(), is(12L));
    // It lives as long as the new size takes to fill.
    assertThat(redis.admin().pttl(key(id)) > Duration.ofMinutes(80).toMillis(), is(true));
    assertThat(fast.peek(id).remaining(), is(12L));
    pass(WINDOW / 10);
    assertThat(slow.peek(id).remaining(), is(22L));
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
      assertThat(
          limiter.tryAcquire(id, tokens).retryAfter().orElseThrow(),
          is(micros(elapsed.longValue() + 1)));
      pass(elapsed.longValueExact());
      assertThat(limiter.tryAcquire(id, tokens).retryAfter().orElseThrow(), is(micros(1)));
      pass(1);
      assertThat(limiter.tryAcquire(id, tokens).allowed(), is(true));
    }
  }

  @Test
  void aLogHoldsNoMoreThanItsSlotsAtAnyLimit() {
    Limit limit = Limit.of(1_000_000, MINUTE).precision(100);
    RateLimiter limiter = limiter(limit);
    for (int i = 0; i < 1000; i++) {
      assertThat(limiter.tryAcquire(id, 10).allowed(), is(true));
      pass(WINDOW / 333);
    }
    // The entries of a window, one that is about to expire, and the room for a quarter more.
    assertThat(redis.admin().strlen(key(id)) <= 70 + 10 * (100 + 2) * 5 / 4, is(true));
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
    assertThat(refused.decision().retryAfter().orElseThrow(), is(Duration.ofSeconds(4097 * 20)));
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

  private static String key(String id) {
    return "rl:default:{" + id + "}";
  }

  private void pass(long micros) {
    clock.addAndGet(micros);
  }

  private RateLimiter limiter(Limit first, Limit... more) {
    return redis
        .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
        .limit(first, more)
        .clock(() -> Long.toString(clock.get()))
        .build();
  }

  private static Duration micros(long micros) {
    return Duration.ofNanos(micros * 1000);
  }
}
