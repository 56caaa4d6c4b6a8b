package io.github.redistoolkit.ratelimit;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.EventLog;
import java.math.BigInteger;
import java.time.Duration;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * How many permits may be granted in what time.
 *
 * <p>A limit is a value: it lives in the caller and is never stored in Redis. Immutable and
 * thread-safe.
 *
 * @param kind how permits come back
 * @param permits the most permits of a sliding window, or the capacity of a token bucket; from 1 to
 *     10⁹
 * @param period the length of the window, or the time in which a bucket is given {@code refill}
 *     tokens; from 1 ms to 366 days, in whole microseconds
 * @param refill the tokens that a bucket is given per period, from 1 to 10⁹; 0 for a sliding window
 * @param slots the parts of a sliding window that are told apart, from 8 to 1024; 0 for a bucket
 * @param name a label for the caller's own use, such as a header or a metric; letters, digits,
 *     {@code _}, {@code .} and {@code -}
 */
public record Limit(Kind kind, long permits, Duration period, long refill, int slots, String name) {

  static {
    ModuleVersion.check();
  }

  /** How permits come back. */
  public enum Kind {
    /** Each permit comes back a window after it was granted. */
    SLIDING_WINDOW,
    /** Permits come back evenly. */
    TOKEN_BUCKET
  }

  private static final long MOST_PERMITS = 1_000_000_000;
  private static final Duration LONGEST = Duration.ofDays(366);
  private static final int MOST_SLOTS = 1024;
  private static final long BUCKET = 1L << 47; // more than the longest period
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_.-]+");

  /**
   * Creates a limit; {@link #of} and {@link #tokenBucket} read better.
   *
   * @param kind how permits come back
   * @param permits from 1 to 10⁹
   * @param period from 1 ms to 366 days, in whole microseconds
   * @param refill from 1 to 10⁹, or 0 for a sliding window
   * @param slots from 8 to 1024, or 0 for a bucket
   * @param name letters, digits, {@code _}, {@code .} and {@code -}
   * @throws NullPointerException if {@code kind}, {@code period} or {@code name} is null
   * @throws IllegalArgumentException if a component is out of its bounds, or a bucket would take
   *     longer than 366 days from empty to full
   */
  public Limit {
    Objects.requireNonNull(kind, "kind");
    Arguments.requireRange(permits, "permits", 1, MOST_PERMITS);
    Arguments.requireDuration(period, "period", LONGEST);
    if (period.toNanos() % 1000 != 0) {
      throw new IllegalArgumentException("period must be whole microseconds, but is " + period);
    }
    requireName(name, "name");
    switch (kind) {
      case SLIDING_WINDOW -> {
        Arguments.requireRange(refill, "refill of a sliding window", 0, 0);
        Arguments.requireRange(slots, "slots", 8, MOST_SLOTS);
      }
      case TOKEN_BUCKET -> {
        Arguments.requireRange(refill, "refill", 1, MOST_PERMITS);
        Arguments.requireRange(slots, "slots of a token bucket", 0, 0);
        requireFillable(permits, refill, period);
      }
    }
  }

  /**
   * Returns an exact sliding window: never more than {@code permits} granted in any span of {@code
   * window}, wherever it starts. A permit granted at the instant t counts until t + window and no
   * longer.
   *
   * <p>Up to 1024 permits, nothing is ever refused that this rule would allow. Beyond, Redis keeps
   * the instants of grants in up to 1024 slots per window and a permit comes back late by at most a
   * slot; never early. {@link #precision} sets the number of slots.
   *
   * @param permits the most permits, from 1 to 10⁹
   * @param window from 1 ms to 366 days, in whole microseconds
   * @return the limit
   * @throws NullPointerException if {@code window} is null
   * @throws IllegalArgumentException if an argument is out of its bounds
   */
  public static Limit of(long permits, Duration window) {
    Arguments.requireDuration(window, "window", LONGEST);
    return new Limit(
        Kind.SLIDING_WINDOW, permits, window, 0, MOST_SLOTS, permits + "-per-" + window);
  }

  /**
   * Returns a token bucket: full at first, it is given {@code refill} tokens per {@code period},
   * evenly and as far as they fit, and each permit takes one. It allows a burst of {@code capacity}
   * and then the rate; in a span of a period, up to {@code capacity + refill}.
   *
   * @param capacity the most tokens that it holds, from 1 to 10⁹
   * @param refill the tokens that it is given per period, from 1 to 10⁹
   * @param period from 1 ms to 366 days, in whole microseconds
   * @return the limit
   * @throws NullPointerException if {@code period} is null
   * @throws IllegalArgumentException if an argument is out of its bounds, or the bucket would take
   *     longer than 366 days from empty to full
   */
  public static Limit tokenBucket(long capacity, long refill, Duration period) {
    Arguments.requireRange(capacity, "capacity", 1, MOST_PERMITS);
    Arguments.requireDuration(period, "period", LONGEST);
    String name = capacity + "-refilled-" + refill + "-per-" + period;
    return new Limit(Kind.TOKEN_BUCKET, capacity, period, refill, 0, name);
  }

  /**
   * Returns this limit under another name. The name changes no decision and no key.
   *
   * @param name letters, digits, {@code _}, {@code .} and {@code -}
   * @return a limit
   * @throws NullPointerException if {@code name} is null
   * @throws IllegalArgumentException if it has another character or none
   */
  public Limit named(String name) {
    return new Limit(kind, permits, period, refill, slots, name);
  }

  /**
   * Returns this sliding window with another number of slots. Of a limit with no more permits than
   * slots every instant is kept exactly; above, a permit comes back late by at most {@code window /
   * slots}, and the state takes about 12 bytes for each slot.
   *
   * @param slots from 8 to 1024; 1024 unless set
   * @return a limit
   * @throws IllegalStateException if this is a token bucket, which has no slots
   * @throws IllegalArgumentException if {@code slots} is out of its bounds
   */
  public Limit precision(int slots) {
    if (kind == Kind.TOKEN_BUCKET) {
      throw new IllegalStateException("a token bucket has no slots: " + name);
    }
    return new Limit(kind, permits, period, refill, slots, name);
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

  /** What names its state among those of an id: limits that agree in it share the state. */
  long id() {
    return kind == Kind.SLIDING_WINDOW ? periodMicros() : periodMicros() + BUCKET;
  }

  long periodMicros() {
    return micros(period);
  }

  /** The microseconds that the log of a sliding window does not tell apart. */
  long grainMicros() {
    return permits <= slots ? 1 : (periodMicros() + slots - 1) / slots;
  }

  /** How many permits are granted in a period, however many are asked for. */
  long perPeriod() {
    return kind == Kind.SLIDING_WINDOW ? permits : refill;
  }

  /** What the script needs to know beside the permits: the grain of a log, or the refill. */
  long rate() {
    return kind == Kind.SLIDING_WINDOW ? grainMicros() : refill;
  }

  private static void requireFillable(long capacity, long refill, Duration period) {
    BigInteger fill = fillMicros(capacity, refill, period);
    if (fill.compareTo(BigInteger.valueOf(micros(LONGEST))) > 0) {
      throw new IllegalArgumentException(
          ("a bucket must get full within %s, but a capacity of %d refilled by %d per %s takes"
                  + " longer")
              .formatted(LONGEST, capacity, refill, period));
    }
  }

  private static BigInteger fillMicros(long capacity, long refill, Duration period) {
    return BigInteger.valueOf(capacity)
        .multiply(BigInteger.valueOf(micros(period)))
        .add(BigInteger.valueOf(refill - 1))
        .divide(BigInteger.valueOf(refill));
  }

  private static long micros(Duration duration) {
    return duration.toNanos() / 1000;
  }
}
