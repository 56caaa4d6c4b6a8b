package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.EventLog;
import java.time.Duration;

/**
 * A caller has waited as long as it was willing to for a value that another caller loads, here or
 * in another JVM. That load goes on. But if {@link CacheService#getOrLoadAsync} itself loads, and
 * the load takes that long, it is given up for all who wait for it.
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
