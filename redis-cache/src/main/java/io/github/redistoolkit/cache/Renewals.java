package io.github.redistoolkit.cache;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps leases and holds alive while the caller's code runs, on one daemon thread that ends when
 * there was nothing to renew for a while.
 */
final class Renewals {

  private static final Logger LOG = LoggerFactory.getLogger(Renewals.class);

  private final ScheduledThreadPoolExecutor executor;

  Renewals() {
    executor =
        new ScheduledThreadPoolExecutor(
            1,
            task -> {
              Thread thread = new Thread(task, "redis-cache-renewal");
              thread.setDaemon(true);
              return thread;
            });
    executor.setRemoveOnCancelPolicy(true);
    executor.setKeepAliveTime(5, TimeUnit.SECONDS);
    executor.allowCoreThreadTimeOut(true);
  }

  /**
   * Renews three times per life until cancelled, or until there is nothing left to renew.
   *
   * @param key for the log
   * @param lifeMillis how long one renewal lasts
   * @param renew renews, and tells whether there still was something to renew
   * @return what ends the renewals
   */
  Future<?> keep(String key, long lifeMillis, BooleanSupplier renew) {
    AtomicReference<Future<?>> self = new AtomicReference<>();
    Runnable once =
        () -> {
          try {
            if (!renew.getAsBoolean()) {
              Future<?> future = self.get();
              if (future != null) {
                future.cancel(false);
              }
            }
          } catch (RuntimeException e) {
            LOG.warn("Key {} could not be renewed, another JVM may load it too", key, e);
          }
        };
    long periodNanos = TimeUnit.MILLISECONDS.toNanos(lifeMillis) / 3;
    try {
      Future<?> future =
          executor.scheduleWithFixedDelay(once, periodNanos, periodNanos, TimeUnit.NANOSECONDS);
      self.set(future);
      return future;
    } catch (RejectedExecutionException closed) {
      return CompletableFuture.completedFuture(null);
    }
  }

  /** Ends the thread; what is not renewed any more expires, which costs a second load at most. */
  void close() {
    executor.shutdownNow();
  }
}
