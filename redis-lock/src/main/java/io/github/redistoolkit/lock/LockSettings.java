package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.Callbacks;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.RedisKeys;
import java.time.Duration;
import java.util.Objects;

/**
 * What may be chosen for a lock.
 *
 * @param keepAtLeastNanos for how long after it was acquired nobody else may have it; 0 if it does
 *     not matter
 * @param listener who is told
 */
record LockSettings(long keepAtLeastNanos, LockListener listener) {

  private static final EventLog LOG = EventLog.shared(RedisLock.class);

  private static final LockListener NOBODY = new LockListener() {};

  static final LockSettings NONE = new LockSettings(0, NOBODY);

  /** The same without a minimum hold. */
  LockSettings withoutMinimum() {
    return keepAtLeastNanos == 0 ? this : new LockSettings(0, listener);
  }

  static String requirePrefix(String prefix) {
    return Objects.requireNonNull(prefix, "prefix").isEmpty()
        ? prefix
        : RedisKeys.requirePrefix(prefix);
  }

  void tellAcquired(String name, long waitedNanos) {
    if (listener != NOBODY) {
      guarded(() -> listener.onAcquired(name, Duration.ofNanos(waitedNanos)));
    }
  }

  void tellRefused(String name, long waitedNanos) {
    if (listener != NOBODY) {
      guarded(() -> listener.onRefused(name, Duration.ofNanos(waitedNanos)));
    }
  }

  void tellFailed(String name, long waitedNanos, Throwable failure) {
    if (listener != NOBODY) {
      guarded(() -> listener.onFailed(name, Duration.ofNanos(waitedNanos), failure));
    }
  }

  void tellReleased(String name, Duration heldFor) {
    if (listener != NOBODY) {
      guarded(() -> listener.onReleased(name, heldFor));
    }
  }

  /** By another thread: it may be the timer that has seen the loss. */
  void tellLost(String name, String why) {
    if (listener != NOBODY) {
      Callbacks.shared().run(() -> guarded(() -> listener.onLost(name, why)));
    }
  }

  private static void guarded(Runnable telling) {
    try {
      telling.run();
    } catch (Throwable e) {
      LOG.warn(e, "A lock's listener failed");
    }
  }
}
