package io.github.redistoolkit.ratelimit;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.EventLog;
import java.math.BigInteger;
import java.time.Duration;
import java.util.Objects;
import java.util.regex.Pattern;

/** What holds for limits of every kind. */
final class LimitRules {

  /** A leap year. */
  static final Duration LONGEST = Duration.ofDays(366);

  static final BigInteger LONGEST_MICROS = BigInteger.valueOf(micros(LONGEST));

  private static final long MOST_PERMITS = 1_000_000_000;
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_.-]+");

  private LimitRules() {}

  static void requirePermits(long value, String argument) {
    Arguments.requireRange(value, argument, 1, MOST_PERMITS);
  }

  static void requirePeriod(Duration value, String argument) {
    Arguments.requireDuration(value, argument, LONGEST);
    if (value.toNanos() % 1000 != 0) {
      throw new IllegalArgumentException(argument + " must be whole microseconds, but is " + value);
    }
  }

  @CanIgnoreReturnValue
  static String requireName(String value, String argument) {
    Objects.requireNonNull(value, argument);
    if (!NAME.matcher(value).matches()) {
      throw new IllegalArgumentException(
          argument
              + " must be one or more of A-Z a-z 0-9 _ . - but is '"
              + EventLog.escape(value)
              + "'");
    }
    return value;
  }

  static long micros(Duration duration) {
    return duration.toNanos() / 1000;
  }
}
