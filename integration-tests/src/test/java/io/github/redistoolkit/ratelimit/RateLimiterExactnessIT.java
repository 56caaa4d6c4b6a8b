package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.ratelimit.Grants.Grant;
import io.github.redistoolkit.ratelimit.NaiveLimiters.Admission;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What is granted to many threads that ask as fast as they can, in real time. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class RateLimiterExactnessIT {

  private static final int THREADS = 16;
  private static final int LIMIT = 50;
  private static final Duration WINDOW = Duration.ofMillis(Matrix.size(200, 1000));

  private final TestRedis redis;
  private final String id;

  RateLimiterExactnessIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("hammered");
  }

  @Test
  void noWindowHoldsMoreThanTheLimit() throws InterruptedException {
    neverExceedsTheLimit(limiter(Limit.of(LIMIT, WINDOW))::isAllowed);
  }

  @Test
  void aFixedWindowFailsTheSameSuite() {
    Admission naive = NaiveLimiters.fixedWindow(redis, LIMIT, WINDOW);
    assertThrows(AssertionError.class, () -> neverExceedsTheLimit(naive));
  }

  @Test
  void lookingFirstAndWritingLaterFailsTheSameSuite() {
    Admission naive = NaiveLimiters.checkThenAct(redis, LIMIT, WINDOW);
    assertThrows(AssertionError.class, () -> neverExceedsTheLimit(naive));
  }

  @Test
  void everyRefusalFindsTheWindowFull() throws InterruptedException {
    RateLimiter limiter = limiter(Limit.of(LIMIT, WINDOW));
    History history = new History();
    Load.run(THREADS, WINDOW.multipliedBy(4), () -> history.add(limiter.book(id, 1, 0)));
    assertThat(history.refusals(), is(not(empty())));
    assertThat(history.most(WINDOW), is(LIMIT));
    assertThat(history.leastAtARefusal(WINDOW), is(LIMIT));
  }

  @Test
  void severalLimitsAreKeptTogetherAndChargedAllOrNothing() throws InterruptedException {
    Limit narrow = Limit.of(10, WINDOW.dividedBy(2));
    Limit wide = Limit.of(35, WINDOW.multipliedBy(3));
    RateLimiter limiter = limiter(narrow, wide);
    History history = new History();
    Load.run(THREADS, WINDOW.multipliedBy(5), () -> history.add(limiter.book(id, 1, 0)));
    assertThat(history.most(narrow.period()), is(10));
    assertThat(history.most(wide.period()), is(35));
    // Whatever the narrow limit refused has taken nothing of the wide one.
    Booking later = limiter(wide).book(id, 1, DecisionScript.ONLY_ASK);
    long now = later.instantMicros() - later.waitMicros();
    assertThat(later.decision().remaining(), is(35L - history.within(wide.period(), now)));
  }

  @Test
  void aLimitTooLargeToKeepEachInstantIsNotExceededEither() throws InterruptedException {
    Limit limit = Limit.of(1500, WINDOW).precision(8);
    RateLimiter limiter = limiter(limit);
    History history = new History();
    Load.run(THREADS, WINDOW.multipliedBy(4), () -> history.add(limiter.book(id, 100, 0)));
    assertThat(history.most(WINDOW), is(15));
    // A permit comes back late by at most a slot.
    assertThat(history.leastAtARefusal(WINDOW.multipliedBy(9).dividedBy(8)), is(15));
  }

  /** The guarantee, recomputed from what the callers saw. */
  private void neverExceedsTheLimit(Admission admission) throws InterruptedException {
    awaitTheEndOfACalendarWindow();
    Queue<Grant> granted = new ConcurrentLinkedQueue<>();
    Load.run(
        THREADS,
        WINDOW.multipliedBy(9).dividedBy(2),
        () -> {
          long sent = System.nanoTime();
          if (admission.isAllowed(id)) {
            granted.add(new Grant(sent, System.nanoTime()));
          }
        });
    Grants grants = new Grants(granted);
    assertThat(grants.mostCertainlyWithin(WINDOW), is(lessThanOrEqualTo(LIMIT)));
    assertThat(grants.count(), is(greaterThanOrEqualTo(4 * LIMIT * 99 / 100)));
  }

  /** So that the burst at the start and the one after a calendar boundary are close together. */
  private static void awaitTheEndOfACalendarWindow() {
    long window = WINDOW.toMillis();
    Awaitility.await()
        .pollInterval(Duration.ofMillis(1))
        .pollDelay(Duration.ZERO)
        .until(() -> System.currentTimeMillis() % window >= window * 3 / 4);
  }

  private RateLimiter limiter(Limit first, Limit... more) {
    return redis
        .over(p -> RateLimiter.builder(p), c -> RateLimiter.builder(c))
        .limit(first, more)
        .build();
  }
}
