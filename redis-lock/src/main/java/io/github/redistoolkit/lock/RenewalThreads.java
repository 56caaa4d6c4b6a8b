package io.github.redistoolkit.lock;

import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The threads of all leases that are kept alive: one that watches the time and waits for nothing
 * else, unless no other thread can be had; and as many as there are renewals and callbacks at the
 * same moment. All are daemons, and end once they have had nothing to do for a while.
 */
final class RenewalThreads {

  private static final long IDLE_SECONDS = 1;

  private static final ScheduledThreadPoolExecutor TIMER = timer();
  private static final Executor WORKERS =
      new ThreadPoolExecutor(
          0,
          Integer.MAX_VALUE,
          IDLE_SECONDS,
          TimeUnit.SECONDS,
          new SynchronousQueue<>(),
          named("redis-lock-renewal-"));

  private RenewalThreads() {}

  /** Runs something that takes no time, later. */
  static Future<?> schedule(Runnable task, long nanos) {
    return TIMER.schedule(task, nanos, TimeUnit.NANOSECONDS);
  }

  /** Runs something that may take its time, now. */
  static void run(Runnable task) {
    WORKERS.execute(task);
  }

  private static ScheduledThreadPoolExecutor timer() {
    ScheduledThreadPoolExecutor timer =
        new ScheduledThreadPoolExecutor(1, named("redis-lock-timer-"));
    timer.setRemoveOnCancelPolicy(true);
    timer.setKeepAliveTime(IDLE_SECONDS, TimeUnit.SECONDS);
    timer.allowCoreThreadTimeOut(true);
    return timer;
  }

  private static ThreadFactory named(String prefix) {
    AtomicInteger started = new AtomicInteger();
    return task -> {
      String name = prefix + started.incrementAndGet();
      Thread thread = new Thread(null, task, name, 0, /* inheritThreadLocals= */ false);
      thread.setDaemon(true);
      // Not that of whoever came first, which may be an application that is to be unloaded.
      thread.setContextClassLoader(RenewalThreads.class.getClassLoader());
      return thread;
    };
  }
}
