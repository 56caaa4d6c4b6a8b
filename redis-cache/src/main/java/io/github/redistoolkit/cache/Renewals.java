package io.github.redistoolkit.cache;

import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps leases and holds alive while the caller's code runs.
 *
 * <p>One thread watches the time, and as many renew as there are renewals at the same moment: one
 * that hangs delays no other. All are daemons, and end when they had nothing to do for a while.
 */
final class Renewals {

  private static final Logger LOG = LoggerFactory.getLogger(Renewals.class);

  private static final long IDLE_SECONDS = 1;

  private final ScheduledThreadPoolExecutor timer =
      new ScheduledThreadPoolExecutor(1, named("redis-cache-timer"));
  private final ThreadPoolExecutor workers =
      new ThreadPoolExecutor(
          0,
          Integer.MAX_VALUE,
          IDLE_SECONDS,
          TimeUnit.SECONDS,
          new SynchronousQueue<>(),
          named("redis-cache-renewal"));

  Renewals() {
    timer.setRemoveOnCancelPolicy(true);
    timer.setKeepAliveTime(IDLE_SECONDS, TimeUnit.SECONDS);
    timer.allowCoreThreadTimeOut(true);
  }

  /**
   * Renews three times per life until that is ended, or until there is nothing left to renew.
   * Throws nothing: without a thread the caller's code runs all the same, and what it has expires.
   *
   * @param key for the log
   * @param lifeMillis how long one renewal lasts
   * @param renew renews, and tells whether there still was something to renew
   */
  Renewal keep(String key, long lifeMillis, BooleanSupplier renew) {
    Renewal renewal = new Renewal(key, TimeUnit.MILLISECONDS.toNanos(lifeMillis) / 3, renew);
    renewal.runLater();
    return renewal;
  }

  /** Ends the threads; what is not renewed any more expires, which costs a second load at most. */
  void close() {
    timer.shutdownNow();
    workers.shutdown();
  }

  private static ThreadFactory named(String name) {
    return task -> {
      Thread thread = new Thread(task, name);
      thread.setDaemon(true);
      return thread;
    };
  }

  /** One lease or hold. */
  final class Renewal {

    private final String key;
    private final long periodNanos;
    private final BooleanSupplier renew;

    private volatile boolean ended;
    private volatile @Nullable Future<?> next;

    /** Whether the last attempt failed; touched by one attempt at a time. */
    private volatile boolean failing;

    private Renewal(String key, long periodNanos, BooleanSupplier renew) {
      this.key = key;
      this.periodNanos = periodNanos;
      this.renew = renew;
    }

    /** Renews no more. An attempt that is under way goes on, and may come to its end later. */
    void end() {
      ended = true;
      Future<?> scheduled = next;
      if (scheduled != null) {
        scheduled.cancel(false);
      }
    }

    private void runLater() {
      if (ended) {
        return;
      }
      try {
        next = timer.schedule(this::haveRun, periodNanos, TimeUnit.NANOSECONDS);
      } catch (Throwable e) {
        failed(e);
      }
    }

    private void haveRun() {
      if (ended) {
        return;
      }
      try {
        workers.execute(this::run);
      } catch (Throwable e) {
        failed(e);
        runLater();
      }
    }

    private void run() {
      boolean renewed = true;
      try {
        renewed = renew.getAsBoolean();
        failing = false;
      } catch (Throwable e) {
        failed(e);
      }
      if (renewed) {
        runLater();
      }
    }

    private void failed(Throwable e) {
      if (e instanceof RejectedExecutionException) {
        ended = true; // The cache was closed.
      } else if (failing) {
        LOG.debug("Key {} could not be renewed", key, e);
      } else {
        failing = true;
        LOG.warn("Key {} could not be renewed, another JVM may load it too", key, e);
      }
    }
  }
}
