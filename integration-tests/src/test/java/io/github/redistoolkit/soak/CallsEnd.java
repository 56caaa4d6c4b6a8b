package io.github.redistoolkit.soak;

import static io.github.redistoolkit.soak.Events.millis;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import java.time.Duration;
import java.util.List;

/**
 * Every call returns or throws in bounded time, whatever is broken.
 *
 * @param bound longer than anything that a call waits for, on a busy machine
 */
record CallsEnd(Duration bound) implements Check {

  /** A call that took its time, from its begin to its end; its subject is which. */
  static final String CALL = "call";

  @Override
  public List<Violation> violations(History history, Losses losses) {
    return history.events(CALL).stream()
        .filter(call -> took(call) > bound.toNanos())
        .map(
            call ->
                new Violation(call.subject(), "took " + millis(took(call)), call.receivedNanos()))
        .toList();
  }

  private static long took(Event call) {
    return call.receivedNanos() - call.sentNanos();
  }
}
