package io.github.redistoolkit.lending;

import java.time.Duration;

/** A user asked more often than allowed. */
final class TooManyRequestsException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final Duration retryAfter;

  TooManyRequestsException(Duration retryAfter) {
    super("too many requests, retry after " + retryAfter);
    this.retryAfter = retryAfter;
  }

  Duration retryAfter() {
    return retryAfter;
  }
}
