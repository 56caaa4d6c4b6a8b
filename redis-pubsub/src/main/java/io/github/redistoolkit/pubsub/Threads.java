package io.github.redistoolkit.pubsub;

import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Daemon threads with telling names. */
final class Threads {

  private static final AtomicInteger COUNT = new AtomicInteger();

  private Threads() {}

  /** A thread that is not started yet. */
  static Thread daemon(String role, Runnable task) {
    Thread thread = new Thread(task, "redis-pubsub-" + role + "-" + COUNT.incrementAndGet());
    thread.setDaemon(true);
    return thread;
  }

  /** Threads for handlers, as many as there are handlers at work; they end when idle. */
  static ExecutorService handlers() {
    return new ThreadPoolExecutor(
        0,
        Integer.MAX_VALUE,
        10,
        TimeUnit.SECONDS,
        new SynchronousQueue<>(),
        task -> daemon("handler", task));
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
