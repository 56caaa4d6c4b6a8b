package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.Arguments;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * How long things live.
 *
 * @param leaseMillis a load's lease, between renewals
 * @param nullMillis a stored {@code null}; 0 if none is stored
 * @param jitter the largest part by which a loaded value's life is shortened
 * @param staleMillis for how long a value past its life is kept for the case that it cannot be
 *     loaded; 0 if it is not
 */
record Lifetimes(long leaseMillis, long nullMillis, double jitter, long staleMillis) {

  /**
   * Checks a time to live.
   *
   * @throws NullPointerException if it is null
   * @throws IllegalArgumentException if it is below 1 ms or above 100 years
   */
  static long ttlMillis(Duration ttl, String name) {
    return Arguments.requireDuration(ttl, name, Arguments.LONGEST_TTL).toMillis();
  }

  boolean storesNull() {
    return nullMillis > 0;
  }

  /** A lease for a value that is to live for a while. */
  Store.Claim claim(String lease, long ttlMillis) {
    return new Store.Claim(lease, leaseMillis, Math.max(ttlMillis, 2 * leaseMillis));
  }

  /** How long nobody loads what could not be loaded, while what there was is returned. */
  long pauseMillis() {
    return staleMillis == 0 ? 0 : leaseMillis;
  }

  /** The life of a loaded value: never longer than asked for, so that jitter keeps promises. */
  long fillMillis(long ttlMillis, @Nullable Object value) {
    long longest = value == null ? nullMillis : ttlMillis;
    double part = jitter == 0 ? 0 : ThreadLocalRandom.current().nextDouble(jitter);
    return Math.max(1, longest - (long) (longest * part));
  }
}
