package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;

/** Many threads that execute the same keys at the same time. */
record OnceStorm(int threads, List<String> keys, Duration work) {

  /** Runs it, and writes down what happened. */
  void run(RunsOnce subject, OnceHistory history) throws InterruptedException, ExecutionException {
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    try {
      CyclicBarrier start = new CyclicBarrier(threads);
      List<Future<?>> callers = new ArrayList<>();
      for (int n = 0; n < threads; n++) {
        callers.add(
            executor.submit(
                () -> {
                  warmUp(subject);
                  start.await();
                  for (String key : keys) {
                    history.result(key, subject.execute(key, () -> doWork(key, history)));
                  }
                  return null;
                }));
      }
      for (Future<?> caller : callers) {
        caller.get();
      }
    } finally {
      executor.shutdownNow();
    }
  }

  /** Else the first thread with a connection is done before the second has one. */
  private void warmUp(RunsOnce subject) {
    String own = keys.get(0) + "-warm-" + UUID.randomUUID();
    assertThat(subject.execute(own, () -> own), is(own));
  }

  private String doWork(String key, OnceHistory history) {
    String result = UUID.randomUUID().toString();
    LockSupport.parkNanos(work.toNanos());
    history.effect(key, result);
    return result;
  }
}
