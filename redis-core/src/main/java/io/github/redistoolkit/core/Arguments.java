package io.github.redistoolkit.core;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.time.Duration;
import java.util.Objects;

/**
 * The checks of arguments that all modules share, made before any I/O.
 *
 * <p>Each returns its argument, or throws naming the argument and, unless it may be a secret, the
 * value.
 */
public final class Arguments {

  /** The longest time to live: 100 years, which is for ever to whoever reads a clock. */
  public static final Duration LONGEST_TTL = Duration.ofDays(36_525);

  /** The longest lease, and the longest that one is kept alive: 365 days. */
  public static final Duration LONGEST_LEASE = Duration.ofDays(365);

  /** The longest that a caller waits: 1 day. */
  public static final Duration LONGEST_WAIT = Duration.ofDays(1);

  private static final Duration SHORTEST = Duration.ofMillis(1);

  private Arguments() {}

  /**
   * Checks a duration that must be positive and is kept by Redis, so in whole milliseconds.
   *
   * @param value the duration
   * @param name what the caller calls it
   * @param longest the longest allowed, inclusive
   * @return {@code value}
   * @throws NullPointerException if {@code value} is null
   * @throws IllegalArgumentException if it is below 1 ms or above {@code longest}
   */
  @CanIgnoreReturnValue
  public static Duration requireDuration(Duration value, String name, Duration longest) {
    Objects.requireNonNull(value, name);
    if (value.compareTo(SHORTEST) < 0 || value.compareTo(longest) > 0) {
      throw new IllegalArgumentException(
          name + " must be from 1 ms to " + longest + ", but is " + value);
    }
    return value;
  }

  /**
   * Checks text that becomes part of a Redis key or channel.
   *
   * @param value the text
   * @param name what the caller calls it
   * @return {@code value}
   * @throws NullPointerException if {@code value} is null
   * @throws IllegalArgumentException if it is empty, or has an unpaired surrogate, which UTF-8
   *     cannot carry (Jedis would send it as {@code ?})
   */
  @CanIgnoreReturnValue
  public static String requireText(String value, String name) {
    Objects.requireNonNull(value, name);
    if (value.isEmpty()) {
      throw new IllegalArgumentException(name + " must not be empty");
    }
    int at = unpairedSurrogate(value);
    if (at >= 0) {
      throw new IllegalArgumentException(
          name + " has an unpaired surrogate at index " + at + ", which UTF-8 cannot carry");
    }
    return value;
  }

  /**
   * Checks a number.
   *
   * @param value the number
   * @param name what the caller calls it
   * @param least the least allowed, inclusive
   * @param most the most allowed, inclusive
   * @return {@code value}
   * @throws IllegalArgumentException if it is out of range
   */
  @CanIgnoreReturnValue
  public static long requireRange(long value, String name, long least, long most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          name + " must be from " + least + " to " + most + ", but is " + value);
    }
    return value;
  }

  private static int unpairedSurrogate(String text) {
    int at = 0;
    while (at < text.length()) {
      int codePoint = text.codePointAt(at);
      if (codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE) {
        return at;
      }
      at += Character.charCount(codePoint);
    }
    return -1;
  }
}
