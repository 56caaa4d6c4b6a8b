package io.github.redistoolkit.ratelimit;

import static io.github.redistoolkit.ratelimit.Bookings.GRANTED;
import static io.github.redistoolkit.ratelimit.Bookings.REFUSED;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import org.awaitility.Awaitility;

/**
 * One id that many threads ask for, under a policy that refuses while Redis is unavailable, so any
 * failure that the policy ought to cover and does not ends the load.
 *
 * <p>The calls are also told apart by what goes on: those that began and ended in one phase.
 */
final class UnderLoad implements AutoCloseable {

  static final int PERMITS = 20;
  static final Duration WINDOW = Duration.ofMillis(500);

  private static final int THREADS = 8;
  private static final String DEGRADED = "degraded";

  private final String id;
  private final RateLimiter limiter;
  private final History history = new History();
  private final Load load;
  private volatile String phase = "before";

  UnderLoad(TestRedis redis, String id, Limit... more) {
    this.id = id;
    this.limiter =
        redis
            .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
            .limit(Limit.of(PERMITS, WINDOW), more)
            .onUnavailable(OnUnavailable.DENY)
            .build();
    this.load = Load.start(THREADS, this::ask);
  }

  /** Where the window's state is. */
  String key() {
    return "rl:default:{" + id + "}";
  }

  private void ask() {
    String began = phase;
    Booking booking = limiter.book(id, 1, 0);
    if (booking.decision().degraded()) {
      history.add(DEGRADED, id, "", System.nanoTime(), System.nanoTime());
      return;
    }
    Bookings.record(history, id, booking);
    if (booking.decision().allowed() && phase.equals(began)) {
      Bookings.record(history, grantedIn(began), id, Bookings.asked(booking));
    }
  }

  /** What is decided from now on is of another phase. */
  void enter(String next) {
    phase = next;
  }

  /** Waits until so many permits were granted in this phase. */
  void awaitGrants(int permits) {
    String kind = grantedIn(phase);
    Awaitility.await(permits + " " + kind)
        .atMost(Duration.ofSeconds(60))
        .until(() -> history.events(kind).size() >= permits);
  }

  /** How often Redis was unavailable. */
  int degraded() {
    return history.events(DEGRADED).size();
  }

  /** Stops, and fails if a call failed. */
  void stop() throws InterruptedException {
    load.stop();
  }

  /** That no window held more than so many permits. */
  void assertNoMoreThan(int permits) {
    assertThat(history.excesses(GRANTED, permits, WINDOW), is(empty()));
  }

  /** That no window of one phase held more than the limit. */
  void assertExactIn(String one) {
    assertThat(history.excesses(grantedIn(one), PERMITS, WINDOW), is(empty()));
  }

  /** That nothing was refused while the window had room. */
  void assertNothingRefusedNeedlessly() {
    assertThat(history.needless(REFUSED, GRANTED, PERMITS, WINDOW), is(empty()));
  }

  private static String grantedIn(String phase) {
    return GRANTED + " " + phase;
  }

  @Override
  public void close() {
    load.close();
  }
}
