package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.EventLog;
import java.time.Duration;

/**
 * A caller waited for a value that another caller loads, here or in another JVM, for as long as it
 * was willing to. That load goes on. A load of {@link CacheService#getOrLoadAsync}'s own that takes
 * as long is given up for all who wait for it.
 */
public final class CacheTimeoutException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  CacheTimeoutException(String key, Duration maxWait) {
    this(key, " is being loaded by another caller for longer than ", maxWait);
  }

  private CacheTimeoutException(String key, String what, Duration maxWait) {
    super("key " + EventLog.escape(key) + what + maxWait);
  }

  /** The loader itself takes too long. */
  static CacheTimeoutException ofLoad(String key, Duration maxWait) {
    return new CacheTimeoutException(key, " is being loaded for longer than ", maxWait);
  }
}
