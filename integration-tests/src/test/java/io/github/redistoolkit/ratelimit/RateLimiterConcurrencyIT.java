package io.github.redistoolkit.ratelimit;

import static io.github.redistoolkit.ratelimit.Bookings.GRANTED;
import static io.github.redistoolkit.ratelimit.Bookings.REFUSED;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.ratelimit.NaiveLimiters.Admission;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** What is granted to many threads that ask as fast as they can, in real time. */
@LeavesServerAlone
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class RateLimiterConcurrencyIT {

  private static final int THREADS = 16;
  private static final int LIMIT = 50;
  private static final Duration WINDOW = Duration.ofMillis(Matrix.size(200, 1000));

  private final TestRedis redis;
  private final String id;

  RateLimiterConcurrencyIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("hammered");
  }

  @Test
  @Proves("rate-limit.exact-window")
  void noWindowHoldsMoreThanTheLimit() throws InterruptedException {
    assertThat(excesses(limiter(Limit.of(LIMIT, WINDOW))::isAllowed), is(empty()));
  }

  @Test
  void aFixedWindowFailsTheSameSuite() throws InterruptedException {
    assertIsFoundOut(NaiveLimiters.fixedWindow(redis, LIMIT, WINDOW));
  }

  @Test
  void lookingFirstAndWritingLaterFailsTheSameSuite() throws InterruptedException {
    assertIsFoundOut(NaiveLimiters.checkThenAct(redis, LIMIT, WINDOW));
  }

  @Test
  @Proves("rate-limit.refusal-is-free")
  void everyRefusalFindsTheWindowFull() throws InterruptedException {
    RateLimiter limiter = limiter(Limit.of(LIMIT, WINDOW));
    History history = new History();
    try (Load load =
        Load.start(THREADS, () -> Bookings.record(history, id, limiter.book(id, 1, 0)))) {
      goOn(WINDOW.multipliedBy(4), () -> !history.events(REFUSED).isEmpty());
      load.stop();
    }
    assertThat(history.excesses(GRANTED, LIMIT, WINDOW), is(empty()));
    assertThat(history.needless(REFUSED, GRANTED, LIMIT, WINDOW), is(empty()));
  }

  /**
   * Ten a second and a hundred a minute, for more than a minute; by default twenty times faster.
   */
  @Test
  void twoLimitsAreKeptTogetherAndChargedAllOrNothing() throws InterruptedException {
    Duration second = Duration.ofMillis(Matrix.size(50, 1000));
    Duration minute = second.multipliedBy(60);
    Limit narrow = Limit.of(10, second).named("narrow");
    Limit wide = Limit.of(100, minute).named("wide");
    RateLimiter limiter = limiter(narrow, wide);
    History history = new History();
    Runnable ask =
        () -> {
          Booking booking = limiter.book(id, 1, 0);
          if (booking.decision().allowed()) {
            Bookings.record(history, id, booking);
          } else {
            String limit = booking.decision().limit().name();
            Bookings.record(history, REFUSED + " by " + limit, id, Bookings.asked(booking));
          }
        };
    try (Load load = Load.start(4, ask)) {
      // Each limit refuses; a hundred are granted in the first minute, more once they come back.
      goOn(
          second.multipliedBy(65),
          () ->
              !history.events(REFUSED + " by narrow").isEmpty()
                  && !history.events(REFUSED + " by wide").isEmpty()
                  && history.events(GRANTED).size() > 110);
      load.stop();
    }
    assertThat(history.excesses(GRANTED, 10, second), is(empty()));
    assertThat(history.excesses(GRANTED, 100, minute), is(empty()));
    // Whatever the one refused has taken nothing of the other.
    assertThat(history.needless(REFUSED + " by narrow", GRANTED, 10, second), is(empty()));
    assertThat(history.needless(REFUSED + " by wide", GRANTED, 100, minute), is(empty()));
  }

  @Test
  void aLimitTooLargeToKeepEachInstantIsNotExceededEither() throws InterruptedException {
    Limit limit = Limit.of(1500, WINDOW).precision(8);
    RateLimiter limiter = limiter(limit);
    History history = new History();
    try (Load load =
        Load.start(THREADS, () -> Bookings.record(history, id, limiter.book(id, 100, 0)))) {
      goOn(
          WINDOW.multipliedBy(4),
          () -> history.events(GRANTED).size() > 15 && !history.events(REFUSED).isEmpty());
      load.stop();
    }
    assertThat(history.excesses(GRANTED, 15, WINDOW), is(empty()));
    // A permit comes back late by at most a slot.
    Duration late = WINDOW.multipliedBy(9).dividedBy(8);
    assertThat(history.needless(REFUSED, GRANTED, 15, late), is(empty()));
  }

  /** That it exceeds the limit before long: a busy machine may be too slow for it at first. */
  private void assertIsFoundOut(Admission naive) throws InterruptedException {
    List<String> excesses = List.of();
    for (int burst = 0; burst < 20 && excesses.isEmpty(); burst++) {
      excesses = excesses(naive);
    }
    assertThat(excesses, is(not(empty())));
  }

  /**
   * Windows with more than the limit, recomputed from what the callers saw, whose calls all worked.
   */
  private List<String> excesses(Admission admission) throws InterruptedException {
    String fresh = redis.unique("hammered");
    History history = new History();
    Runnable ask =
        () -> {
          long sent = System.nanoTime();
          if (admission.isAllowed(fresh)) {
            history.add(GRANTED, fresh, "", sent, System.nanoTime());
          }
        };
    awaitTheEndOfACalendarWindow();
    try (Load load = Load.start(THREADS, ask)) {
      // Enough to fill windows one after the other; that none is refused in vain is another test's.
      goOn(WINDOW.multipliedBy(11).dividedBy(2), () -> history.events(GRANTED).size() > 2 * LIMIT);
      load.stop();
    }
    return history.excesses(GRANTED, LIMIT, WINDOW);
  }

  /** Lets the load go on for so long, and longer if a slow machine has not seen enough by then. */
  private static void goOn(Duration time, Callable<Boolean> enough) {
    Awaitility.await("enough is granted and refused")
        .pollDelay(time)
        .atMost(time.plusSeconds(60))
        .until(enough);
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
        .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
        .limit(first, more)
        .build();
  }
}
