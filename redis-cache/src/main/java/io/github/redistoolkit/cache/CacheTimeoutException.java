package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.EventLog;
import java.time.Duration;

/**
 * A caller waited for a value that another caller loads, here or in another JVM, for as long as it
 * was willing to. The load goes on.
 */
public final class CacheTimeoutException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  CacheTimeoutException(String key, Duration maxWait) {
    super(
        "key "
            + EventLog.escape(key)
            + " is being loaded by another caller for longer than "
            + maxWait);
  }
}
