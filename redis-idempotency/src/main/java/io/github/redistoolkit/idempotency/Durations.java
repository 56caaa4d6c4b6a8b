package io.github.redistoolkit.idempotency;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Arguments;
import java.time.Duration;
import java.util.Objects;

/** The durations that a service takes. */
final class Durations {

  private static final Duration LONGEST = Duration.ofDays(3650);

  private Durations() {}

  /** Checks one that Redis keeps. */
  @CanIgnoreReturnValue
  static Duration requireKept(Duration value, String argument) {
    return Arguments.requireDuration(value, argument, LONGEST);
  }

  /** Checks one that a caller waits. */
  @CanIgnoreReturnValue
  static Duration requireWait(Duration value, String argument) {
    Objects.requireNonNull(value, argument);
    if (value.isNegative() || value.compareTo(LONGEST) > 0) {
      throw new IllegalArgumentException(
          argument + " must be from zero to " + LONGEST + ", but is " + value);
    }
    return value;
  }
}
