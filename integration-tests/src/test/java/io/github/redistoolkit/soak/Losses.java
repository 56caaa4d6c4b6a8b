package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import java.time.Duration;
import java.util.List;

/**
 * When Redis may have lost what was written, as in a failover: the events {@value #KIND} of a
 * history. What was written shortly before such a time may not have been replicated either.
 *
 * @param times of each loss from before the server was disturbed until all servers agreed again
 */
record Losses(List<Event> times) {

  static final String KIND = "loss";

  /** Within this, what was written has been replicated, on the busiest machine too. */
  private static final Duration LAG = Duration.ofSeconds(3);

  static Losses of(History history) {
    return new Losses(history.events(KIND));
  }

  /** Whether Redis may have lost something between these times. */
  boolean between(long fromNanos, long toNanos) {
    return count(fromNanos, toNanos) > 0;
  }

  /** How often Redis may have lost something between these times. */
  int count(long fromNanos, long toNanos) {
    return Math.toIntExact(
        times.stream()
            .filter(loss -> loss.sentNanos() - toNanos <= 0)
            .filter(loss -> loss.receivedNanos() - fromNanos >= 0)
            .count());
  }

  /** Whether what was written between these times may not have been replicated before a loss. */
  boolean mayTake(long fromNanos, long toNanos) {
    return between(fromNanos, toNanos + LAG.toNanos());
  }
}
