package io.github.redistoolkit.idempotency;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Another caller is working on the same key. Nothing was run; over HTTP this is 409 Conflict.
 *
 * <p>Also thrown, with the thread's interrupt flag set, to a caller that was interrupted while it
 * waited for the other's result.
 */
public final class InProgressException extends IdempotencyException {

  private static final long serialVersionUID = 1L;

  /** What is left of the lease. */
  private final Duration retryAfter;

  InProgressException(Duration retryAfter, @Nullable InterruptedException cause) {
    super(
        cause == null
            ? "another caller's claim on this key is live, at most for " + retryAfter
            : "interrupted while waiting for another caller's result of this key",
        cause);
    this.retryAfter = retryAfter;
  }

  /**
   * Returns how long the other caller's claim is still live unless it is completed, abandoned or
   * extended before. Over HTTP this is {@code Retry-After}.
   *
   * @return what was left of its lease by Redis's clock when it was last asked; positive
   */
  public Duration retryAfter() {
    return retryAfter;
  }
}
