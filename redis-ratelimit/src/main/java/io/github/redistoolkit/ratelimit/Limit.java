package io.github.redistoolkit.ratelimit;

import io.github.redistoolkit.core.Arguments;
import java.math.BigInteger;
import java.time.Duration;
import java.time.temporal.ChronoUnit;

/**
 * How many permits may be granted in what time. Each kind of limit is a record: {@link
 * SlidingWindow}, made by {@link #of}, and {@link TokenBucket}, made by {@link #tokenBucket}.
 *
 * <p>A limit is a value: it lives in the caller and is never stored in Redis. Immutable and
 * thread-safe.
 */
public sealed interface Limit {

  /**
   * Returns an exact sliding window: never more than {@code permits} granted in any span of {@code
   * window}, wherever it starts. A permit granted at the instant t counts until t + window and no
   * longer.
   *
   * <p>Up to 1024 permits, nothing is ever refused that this rule would allow. Beyond, Redis keeps
   * the instants of grants in up to 1024 slots per window and a permit comes back late by at most a
   * slot; never early. {@link SlidingWindow#precision} sets the number of slots.
   *
   * @param permits the most permits, from 1 to 10⁹
   * @param window from 1 ms to 366 days, in whole microseconds
   * @return the limit
   * @throws NullPointerException if {@code window} is null
   * @throws IllegalArgumentException if an argument is out of its bounds
   */
  static SlidingWindow of(long permits, Duration window) {
    return SlidingWindow.mostPrecise(permits, window);
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
  static TokenBucket tokenBucket(long capacity, long refill, Duration period) {
    return TokenBucket.unnamed(capacity, refill, period);
  }

  /**
   * Returns the most permits that can be granted at once.
   *
   * @return those of a sliding window, or the capacity of a token bucket; from 1 to 10⁹
   */
  long permits();

  /**
   * Returns the time in which {@link #perPeriod} permits come back.
   *
   * @return the length of a window, or the time in which a bucket is given its refill; from 1 ms to
   *     366 days, in whole microseconds
   */
  Duration period();

  /**
   * Returns how many permits are granted per {@link #period} in the long run, however many are
   * asked for.
   *
   * @return the permits of a window, or the refill of a bucket; from 1 to 10⁹
   */
  long perPeriod();

  /**
   * Returns how long it takes until all permits are back, once all are taken and if nobody takes
   * any.
   *
   * @return the length of a window, or the time from empty to full of a bucket, rounded up to
   *     microseconds; 366 days at most
   */
  Duration timeToFull();

  /**
   * Returns a label for the caller's own use, such as a header or a metric.
   *
   * @return letters, digits, {@code _}, {@code .} and {@code -}
   */
  String name();

  /**
   * Returns this limit under another name. The name changes no decision and no key.
   *
   * @param name letters, digits, {@code _}, {@code .} and {@code -}
   * @return a limit
   * @throws NullPointerException if {@code name} is null
   * @throws IllegalArgumentException if it has another character or none
   */
  Limit named(String name);

  /**
   * A limit of which each permit comes back a window after it was granted; made by {@link
   * Limit#of}.
   *
   * @param permits the most permits in any span of the period, from 1 to 10⁹
   * @param period the length of the window, from 1 ms to 366 days, in whole microseconds
   * @param slots the parts of the window that are told apart, from 8 to 1024
   * @param name letters, digits, {@code _}, {@code .} and {@code -}
   */
  record SlidingWindow(long permits, Duration period, int slots, String name) implements Limit {

    static {
      ModuleVersion.check();
    }

    private static final int MOST_SLOTS = 1024;

    /**
     * Creates a window; {@link Limit#of} reads better.
     *
     * @param permits from 1 to 10⁹
     * @param period from 1 ms to 366 days, in whole microseconds
     * @param slots from 8 to 1024
     * @param name letters, digits, {@code _}, {@code .} and {@code -}
     * @throws NullPointerException if {@code period} or {@code name} is null
     * @throws IllegalArgumentException if a component is out of its bounds
     */
    public SlidingWindow {
      LimitRules.requirePermits(permits, "permits");
      LimitRules.requirePeriod(period, "period");
      Arguments.requireRange(slots, "slots", 8, MOST_SLOTS);
      LimitRules.requireName(name, "name");
    }

    private static SlidingWindow mostPrecise(long permits, Duration window) {
      LimitRules.requirePeriod(window, "window");
      return new SlidingWindow(permits, window, MOST_SLOTS, permits + "-per-" + window);
    }

    @Override
    public long perPeriod() {
      return permits;
    }

    @Override
    public Duration timeToFull() {
      return period;
    }

    @Override
    public SlidingWindow named(String name) {
      return new SlidingWindow(permits, period, slots, name);
    }

    /**
     * Returns this window with another number of slots. Of a limit with no more permits than slots
     * every instant is kept exactly; above, a permit comes back late by at most {@code window /
     * slots}, and the state takes about 12 bytes for each slot.
     *
     * @param slots from 8 to 1024; 1024 unless set
     * @return a limit
     * @throws IllegalArgumentException if {@code slots} is out of its bounds
     */
    public SlidingWindow precision(int slots) {
      return new SlidingWindow(permits, period, slots, name);
    }

    /** The microseconds that its log does not tell apart. */
    long grainMicros() {
      return permits <= slots ? 1 : (LimitRules.micros(period) + slots - 1) / slots;
    }
  }

  /**
   * A limit of which permits come back evenly; made by {@link Limit#tokenBucket}.
   *
   * @param permits the capacity: the most tokens that it holds, from 1 to 10⁹
   * @param refill the tokens that it is given per period, from 1 to 10⁹
   * @param period from 1 ms to 366 days, in whole microseconds
   * @param name letters, digits, {@code _}, {@code .} and {@code -}
   */
  record TokenBucket(long permits, long refill, Duration period, String name) implements Limit {

    static {
      ModuleVersion.check();
    }

    /**
     * Creates a bucket; {@link Limit#tokenBucket} reads better.
     *
     * @param permits the capacity, from 1 to 10⁹
     * @param refill from 1 to 10⁹
     * @param period from 1 ms to 366 days, in whole microseconds
     * @param name letters, digits, {@code _}, {@code .} and {@code -}
     * @throws NullPointerException if {@code period} or {@code name} is null
     * @throws IllegalArgumentException if a component is out of its bounds, or the bucket would
     *     take longer than 366 days from empty to full
     */
    public TokenBucket {
      LimitRules.requirePermits(permits, "permits");
      LimitRules.requirePermits(refill, "refill");
      LimitRules.requirePeriod(period, "period");
      LimitRules.requireName(name, "name");
      if (fillMicros(permits, refill, period).compareTo(LimitRules.LONGEST_MICROS) > 0) {
        throw new IllegalArgumentException(
            ("a bucket must get full within %s, but a capacity of %d refilled by %d per %s takes"
                    + " longer")
                .formatted(LimitRules.LONGEST, permits, refill, period));
      }
    }

    private static TokenBucket unnamed(long capacity, long refill, Duration period) {
      LimitRules.requirePermits(capacity, "capacity");
      LimitRules.requirePeriod(period, "period");
      String name = capacity + "-refilled-" + refill + "-per-" + period;
      return new TokenBucket(capacity, refill, period, name);
    }

    @Override
    public long perPeriod() {
      return refill;
    }

    @Override
    public Duration timeToFull() {
      long micros = fillMicros(permits, refill, period).longValueExact();
      return Duration.of(micros, ChronoUnit.MICROS);
    }

    @Override
    public TokenBucket named(String name) {
      return new TokenBucket(permits, refill, period, name);
    }

    private static BigInteger fillMicros(long capacity, long refill, Duration period) {
      return BigInteger.valueOf(capacity)
          .multiply(BigInteger.valueOf(LimitRules.micros(period)))
          .add(BigInteger.valueOf(refill - 1))
          .divide(BigInteger.valueOf(refill));
    }
  }
}
