package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.Ticker;
import java.time.Duration;

/**
 * How long a caller still waits for what others do.
 *
 * @param maxWait how long it waits in all
 * @param end until when, on the ticker's clock
 * @param ticker the clock
 */
record Patience(Duration maxWait, long end, Ticker ticker) {

  static Patience of(Duration maxWait, Ticker ticker) {
    return new Patience(maxWait, ticker.nanoTime() + maxWait.toNanos(), ticker);
  }

  /**
   * Returns how long is left.
   *
   * @throws CacheTimeoutException if nothing is
   */
  long requireNanosLeft(String key) {
    long left = end - ticker.nanoTime();
    if (left <= 0) {
      throw new CacheTimeoutException(key, maxWait);
    }
    return left;
  }
}
