package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.core.EventLog;
import java.util.function.Consumer;

/** Tells the caller's listener, and keeps what it throws from whoever tells. */
record Listening(IdempotencyListener listener) {

  private static final EventLog LOG = EventLog.shared(IdempotencyService.class);

  static final Listening NOBODY = new Listening(new IdempotencyListener() {});

  void tell(Consumer<IdempotencyListener> event) {
    try {
      event.accept(listener);
    } catch (RuntimeException e) {
      LOG.warn(e, "The listener failed");
    }
  }
}
