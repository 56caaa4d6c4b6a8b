package io.github.redistoolkit.coalescing;

import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** The threads that carry the commands of virtual threads. */
final class Carriers {

  private static final AtomicInteger COUNT = new AtomicInteger();

  private Carriers() {}

  /** None as long as there is nothing to do; daemons that end after 10 seconds without work. */
  static Executor atMost(int threads) {
    ThreadPoolExecutor executor =
        new ThreadPoolExecutor(
            threads, threads, 10, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), Carriers::daemon);
    executor.allowCoreThreadTimeOut(true);
    return executor;
  }

  private static Thread daemon(Runnable task) {
    String name = "redis-coalescing-lane-" + COUNT.incrementAndGet();
    Thread thread = new Thread(null, task, name, 0, /* inheritThreadLocals= */ false);
    thread.setDaemon(true);
    // Not that of whoever came first, which may be an application that is to be unloaded.
    thread.setContextClassLoader(Carriers.class.getClassLoader());
    return thread;
  }
}
