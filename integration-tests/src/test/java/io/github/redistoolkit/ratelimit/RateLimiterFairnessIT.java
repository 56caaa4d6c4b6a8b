package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/**
 * Limiters that take permits of one id ahead, each as in a JVM of its own, and ask for more than
 * there is. Time is the test's, on both sides, and so is who asks when and how often: nothing
 * depends on how busy the machine is.
 */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class RateLimiterFairnessIT {

  private static final String GRANTED = "granted";
  private static final Duration WINDOW = Duration.ofSeconds(1);
  private static final Duration HOLD = Duration.ofMillis(10);
  private static final Duration TICK = Duration.ofNanos(500_000);
  private static final int TICKS_PER_WINDOW = (int) WINDOW.dividedBy(TICK);
  private static final int PERMITS = 2000;

  private final TestRedis redis;
  private final String id;
  private final History history = new History();

  private final SimulatedTime time = new SimulatedTime();

  RateLimiterFairnessIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("shared");
  }

  @Test
  void jvmsThatAskAsOftenAsEachOtherGetTheSame() {
    assertFair(windowed(), 20, 20, 20, 20);
  }

  @Test
  void whoAlwaysComesFirstAndAsksMoreOftenGetsNoMoreThanOthersWhoWantMoreThanTheirShare() {
    assertFair(windowed(), 40, 15, 5, 2);
  }

  @Test
  void aBucketIsSharedToo() {
    assertFair(Limit.tokenBucket(PERMITS / 10, PERMITS, WINDOW), 160, 40, 10, 3);
  }

  @Test
  void ofSeveralLimitsTheOneOfTheLowestRateIsShared() {
    Limit beside = Limit.of(10 * PERMITS, WINDOW.multipliedBy(2));
    Taker[] takers = takers(40, 15, 5, 2);
    for (Taker taker : takers) {
      taker.limiter = limiter(beside, windowed());
    }
    long[] granted = run(takers, 1, 3);
    assertWithinAFifth(granted);
  }

  @Test
  void whatOneDoesNotWantTheOthersGet() {
    // One permit in 16 ticks is 125 a second: less than a fourth of the limit.
    Taker[] takers = takers(20, 20, 20, 1);
    takers[3].everyTicks = 16;
    long[] granted = run(takers, 1, 3);
    assertThat(granted[3], is(greaterThanOrEqualTo(3 * 125 * 9 / 10L)));
    assertWithinAFifth(Arrays.copyOf(granted, 3));
    assertThat(LongStream.of(granted).sum(), is(greaterThanOrEqualTo(3 * PERMITS * 9 / 10L)));
  }

  @Test
  void whoComesLaterHasItsShareWithinAWindow() {
    Taker[] all = takers(30, 30);
    long[] alone = run(Arrays.copyOf(all, 1), 0, 2);
    assertThat(alone[0], is(greaterThanOrEqualTo(2 * PERMITS * 9 / 10L)));
    long[] both = run(all, 1, 3);
    assertWithinAFifth(both);
  }

  @Test
  void whoLeavesIsForgotten() {
    Taker[] all = takers(30, 30);
    long[] unused = run(all, 0, 2);
    long[] alone = run(Arrays.copyOf(all, 1), 1, 3);
    assertThat(alone[0], is(greaterThanOrEqualTo(3 * PERMITS * 9 / 10L)));
  }

  @Test
  void howManyAreToldApartIsBounded() {
    for (int i = 0; i < 200; i++) {
      boolean unused = limiter(Limit.of(10, WINDOW)).isAllowed(id);
    }
    assertThat(
        redis.admin().strlen("rl:default:{" + id + "}"), is(lessThanOrEqualTo(65 * 20L + 500)));
  }

  @Test
  void whatABucketRefillsIsGrantedInFull() {
    Taker taker = new Taker(3);
    taker.everyTicks = 4;
    taker.limiter = limiter(Limit.tokenBucket(PERMITS / 10, PERMITS, WINDOW));
    long asked = 3L * TICKS_PER_WINDOW / 4 * 3;
    assertThat(run(new Taker[] {taker}, 0, 3)[0], is(asked));
  }

  @Test
  void whatIsGivenBackTooLateFreesNothingOfOthers() {
    for (Limit limit : List.of(Limit.of(100, WINDOW), Limit.tokenBucket(100, 100, WINDOW))) {
      String each = id + limit.name();
      RateLimiter pausing = limiter(limit);
      RateLimiter other = limiter(limit);
      time.late = WINDOW.multipliedBy(2);
      takeAhead(pausing, each);
      time.pass(WINDOW.multipliedBy(2));
      assertThat(other.tryAcquire(each, 100).allowed(), is(true));
      time.pass(HOLD);
      assertThat(time.tasks.isEmpty(), is(true));
      // As much as flows in meanwhile.
      long most = limit instanceof Limit.SlidingWindow ? 0 : 1;
      assertThat(other.peek(each).remaining(), is(lessThanOrEqualTo(most)));

      time.pass(WINDOW);
      takeAhead(pausing, each + "asking");
      time.pass(WINDOW.multipliedBy(2).minus(HOLD));
      assertThat(other.tryAcquire(each + "asking", 100).allowed(), is(true));
      assertThat(pausing.tryAcquire(each + "asking").allowed(), is(false));
    }
  }

  private void takeAhead(RateLimiter limiter, String from) {
    assertThat(limiter.isAllowed(from), is(true));
    assertThat(limiter.isAllowed(from), is(true));
    assertThat(limiter.peek(from).remaining(), is(lessThanOrEqualTo(60L)));
  }

  private static Limit windowed() {
    return Limit.of(PERMITS, WINDOW);
  }

  private void assertFair(Limit limit, int... asksPerTick) {
    Taker[] takers = takers(asksPerTick);
    for (Taker taker : takers) {
      taker.limiter = limiter(limit);
    }
    long calls = redis.calls("evalsha");
    int windows = 3;
    long[] granted = run(takers, 1, windows - 1);
    calls = redis.calls("evalsha") - calls;
    assertWithinAFifth(granted);
    assertThat(LongStream.of(granted).sum(), is(greaterThanOrEqualTo(2 * PERMITS * 9 / 10L)));
    long decisions = (long) windows * TICKS_PER_WINDOW * IntStream.of(asksPerTick).sum();
    assertThat("decisions for each call", decisions / calls, is(greaterThan(20L)));
    if (limit instanceof Limit.SlidingWindow) {
      assertThat(history.excesses(GRANTED, PERMITS, WINDOW), is(empty()));
    } else {
      long capacity = limit.permits();
      assertThat(history.excesses(GRANTED, (int) capacity + PERMITS, WINDOW), is(empty()));
      int inTwoHolds = (int) (PERMITS * HOLD.toMillis() * 2 / WINDOW.toMillis());
      assertThat(
          history.excesses(GRANTED, (int) capacity + inTwoHolds, HOLD.multipliedBy(2)),
          is(empty()));
    }
  }

  private static void assertWithinAFifth(long... granted) {
    long mean = LongStream.of(granted).sum() / granted.length;
    for (long each : granted) {
      assertThat(
          Arrays.toString(granted),
          each,
          is(allOf(greaterThanOrEqualTo(mean * 8 / 10), lessThanOrEqualTo(mean * 12 / 10))));
    }
  }

  /** Lives through some windows; returns what each was granted after the first of them. */
  private long[] run(Taker[] takers, int windowsBefore, int windows) {
    long[] granted = new long[takers.length];
    for (int tick = 0; tick < (windowsBefore + windows) * TICKS_PER_WINDOW; tick++) {
      for (int taker = 0; taker < takers.length; taker++) {
        long got = takers[taker].ask(tick);
        granted[taker] += tick < windowsBefore * TICKS_PER_WINDOW ? 0 : got;
      }
      time.pass(TICK);
    }
    return granted;
  }

  private Taker[] takers(int... asksPerTick) {
    return IntStream.of(asksPerTick).mapToObj(Taker::new).toArray(Taker[]::new);
  }

  /** Whoever asks in one JVM. */
  private final class Taker {

    private final int asksPerTick;
    private int everyTicks = 1;
    private RateLimiter limiter = limiter(windowed());

    Taker(int asksPerTick) {
      this.asksPerTick = asksPerTick;
    }

    /** Returns how often it was granted what it asked for. */
    long ask(int tick) {
      long granted = 0;
      for (int i = 0; i < asksPerTick && tick % everyTicks == 0; i++) {
        if (limiter.isAllowed(id)) {
          history.add(GRANTED, id, "", time.nanos, time.nanos);
          granted++;
        }
      }
      return granted;
    }
  }

  private RateLimiter limiter(Limit first, Limit... more) {
    return redis
        .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
        .limit(first, more)
        .permitsAhead(1000, HOLD)
        .time(time)
        .clock(time::micros)
        .build();
  }
}
