package io.github.redistoolkit.pubsub;

import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Daemon threads with telling names. */
final class Threads {

  /** How many handlers run at the same time if there is no executor given. */
  static final int MOST_HANDLERS = 64;

  private static final AtomicInteger COUNT = new AtomicInteger();

  private Threads() {}

  /** A thread that is not started yet. */
  static Thread daemon(String role, Runnable task) {
    Thread thread = new Thread(task, "redis-pubsub-" + role + "-" + COUNT.incrementAndGet());
    thread.setDaemon(true);
    return thread;
  }

  /**
   * Threads for handlers: an idle one if there is, else a new one up to the most, else whichever is
   * free next. They end when idle. What waits is at most one task for each subscription.
   */
  static ExecutorService handlers() {
    HandOver queue = new HandOver();
    return new ThreadPoolExecutor(
        0,
        MOST_HANDLERS,
        10,
        TimeUnit.SECONDS,
        queue,
        task -> daemon("handler", task),
        (task, pool) -> {
          if (pool.isShutdown()) {
            throw new RejectedExecutionException("closed");
          }
          queue.put(task);
        });
  }

  /** Takes a task only for a thread that waits for one, so that a pool adds a thread otherwise. */
  private static final class HandOver extends LinkedTransferQueue<Runnable> {
    private static final long serialVersionUID = 1;

    @Override
    public boolean offer(Runnable task) {
      return tryTransfer(task);
    }
  }

  /** Waits for the end of threads, the calling one excepted, for so long altogether. */
  static void awaitEnd(List<Thread> threads, long nanos) {
    long deadline = System.nanoTime() + nanos;
    for (Thread thread : threads) {
      long millis = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
      if (thread == Thread.currentThread() || !thread.isAlive() || millis <= 0) {
        continue;
      }
      try {
        thread.join(millis);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }
}
