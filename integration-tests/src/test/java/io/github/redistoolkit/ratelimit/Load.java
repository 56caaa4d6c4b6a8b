package io.github.redistoolkit.ratelimit;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Threads that make the same call again and again until they are stopped. */
final class Load implements AutoCloseable {

  private final ExecutorService threads;
  private final List<Future<?>> running = new ArrayList<>();
  private volatile boolean stopped;

  private Load(int count) {
    threads = Executors.newFixedThreadPool(count);
  }

  /** Starts the threads, all at once; they go on until {@link #stop}. */
  static Load start(int count, Runnable call) {
    return start(count, Duration.ofDays(1), call);
  }

  /** Runs the threads for so long, and fails if a call did. */
  static void run(int count, Duration time, Runnable call) throws InterruptedException {
    try (Load load = start(count, time, call)) {
      load.join();
    }
  }

  private static Load start(int count, Duration time, Runnable call) {
    Load load = new Load(count);
    CountDownLatch started = new CountDownLatch(count);
    for (int i = 0; i < count; i++) {
      load.running.add(load.threads.submit(() -> load.repeat(time, call, started)));
    }
    return load;
  }

  /** Stops them and fails if a call did. */
  void stop() throws InterruptedException {
    close();
    join();
  }

  private void join() throws InterruptedException {
    for (Future<?> thread : running) {
      try {
        thread.get();
      } catch (ExecutionException e) {
        throw new AssertionError("a call under load failed", e.getCause());
      }
    }
  }

  @Override
  public void close() {
    stopped = true;
    threads.shutdown();
  }

  private Void repeat(Duration time, Runnable call, CountDownLatch started)
      throws InterruptedException {
    started.countDown();
    started.await();
    long start = System.nanoTime();
    while (!stopped && System.nanoTime() - start < time.toNanos()) {
      call.run();
    }
    return null;
  }
}
