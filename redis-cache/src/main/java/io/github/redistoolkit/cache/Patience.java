package io.github.redistoolkit.cache;

import java.time.Duration;

/**
 * How long a caller still waits for what others do.
 *
 * @param maxWait how long it waits in all
 * @param end until when, on the clock of {@link System#nanoTime}
 */
record Patience(Duration maxWait, long end) {

  static Patience of(Duration maxWait) {
    return new Patience(maxWait, System.nanoTime() + maxWait.toNanos());
  }

  /**
   * Returns how long is left.
   *
   * @throws CacheTimeoutException if nothing is
   */
  long requireNanosLeft(String key) {
    long left = end - System.nanoTime();
    if (left <= 0) {
      throw new CacheTimeoutException(key, maxWait);
    }
    return left;
  }
}
