package io.github.redistoolkit.cache;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * How long things live.
 *
 * @param leaseMillis a load's lease, between renewals
 * @param nullMillis a stored {@code null}; 0 if none is stored
 * @param jitter the largest part by which a loaded value's life is shortened
 */
record Lifetimes(long leaseMillis, long nullMillis, double jitter) {

  static final Duration LONGEST = Duration.ofDays(36_525);

  /**
   * Checks a time to live, and cuts it to the longest.
   *
   * @throws IllegalArgumentException if it is null or below 1 ms
   */
  static long ttlMillis(@Nullable Duration ttl, String name) {
    if (ttl == null || ttl.compareTo(Duration.ofMillis(1)) < 0) {
      throw new IllegalArgumentException(name + " must be at least 1 ms, but is " + ttl);
    }
    return ttl.compareTo(LONGEST) > 0 ? LONGEST.toMillis() : ttl.toMillis();
  }

  boolean storesNull() {
    return nullMillis > 0;
  }

  /** The life of a loaded value: never longer than asked for, so that jitter keeps promises. */
  long fillMillis(long ttlMillis, @Nullable Object value) {
    long longest = value == null ? nullMillis : ttlMillis;
    double part = jitter == 0 ? 0 : ThreadLocalRandom.current().nextDouble(jitter);
    return Math.max(1, longest - (long) (longest * part));
  }
}
