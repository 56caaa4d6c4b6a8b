package io.github.redistoolkit.idempotency;

import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tells the caller's listener, and keeps what it throws from whoever tells. */
record Listening(IdempotencyListener listener) {

  private static final Logger LOG = LoggerFactory.getLogger(IdempotencyService.class);

  static final Listening NOBODY = new Listening(new IdempotencyListener() {});

  void tell(Consumer<IdempotencyListener> event) {
    try {
      event.accept(listener);
    } catch (RuntimeException e) {
      LOG.warn("The listener failed", e);
    }
  }
}
