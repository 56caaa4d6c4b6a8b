package io.github.redistoolkit.lock;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Threads of a test, whose failures are failures of the test. */
final class Crew implements AutoCloseable {

  private static final long PATIENCE_SECONDS = 120;

  private final List<Future<?>> tasks = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();

  /** A task and the thread that runs it. */
  record Started<T>(Future<T> result, Thread thread) {

    T get() throws InterruptedException, ExecutionException, TimeoutException {
      return result.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }
  }

  @CanIgnoreReturnValue // failures are seen by join
  <T> Started<T> start(Callable<T> task) {
    FutureTask<T> future = new FutureTask<>(task);
    Thread thread = new Thread(future, "crew-" + threads.size());
    tasks.add(future);
    threads.add(thread);
    thread.start();
    return new Started<>(future, thread);
  }

  /** Waits for all that were started. */
  void join() throws InterruptedException, ExecutionException, TimeoutException {
    for (Future<?> task : tasks) {
      task.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    }
  }

  /** Interrupts whoever is still at work. */
  void interrupt() {
    threads.forEach(Thread::interrupt);
  }

  @Override
  public void close() {
    interrupt();
  }
}
