package io.github.redistoolkit.idempotency;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Arguments;
import java.time.Duration;
import java.util.Objects;

/** The durations that a service takes. */
final class Durations {

  private Durations() {}

  static Duration requireTtl(Duration value) {
    return Arguments.requireDuration(value, "ttl", Arguments.LONGEST_TTL);
  }

  /** Checks a lease, or for how long one is kept alive. */
  @CanIgnoreReturnValue
  static Duration requireLease(Duration value, String argument) {
    return Arguments.requireDuration(value, argument, Arguments.LONGEST_LEASE);
  }

  /** Checks one that a caller waits. */
  @CanIgnoreReturnValue
  static Duration requireWait(Duration value, String argument) {
    Objects.requireNonNull(value, argument);
    if (value.isNegative() || value.compareTo(Arguments.LONGEST_WAIT) > 0) {
      throw new IllegalArgumentException(
          argument + " must be from zero to " + Arguments.LONGEST_WAIT + ", but is " + value);
    }
    return value;
  }
}
