package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.History;
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
import java.util.stream.Stream;

/** Many threads that execute the same keys at the same time. */
record OnceStorm(int threads, List<String> keys, Duration work) {

  /** The work of a key was done, with this result. */
  static final String EFFECT = "effect";

  /** A caller was given this result. */
  static final String RESULT = "result";

  /** Runs it, and writes down what happened. */
  void run(RunsOnce subject, History history) throws InterruptedException, ExecutionException {
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
                    long sent = System.nanoTime();
                    String result = subject.execute(key, claim -> doWork(key, history));
                    history.add(RESULT, key, result, sent, System.nanoTime());
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

  /** Each way in which a key's work was not done exactly once or its result not given to all. */
  List<String> violations(History history) {
    return Stream.of(history.notOnce(EFFECT, keys), history.differingValues(EFFECT, RESULT))
        .flatMap(List::stream)
        .toList();
  }

  /** Else the first thread with a connection is done before the second has one. */
  private void warmUp(RunsOnce subject) {
    String own = keys.get(0) + "-warm-" + UUID.randomUUID();
    assertThat(subject.execute(own, claim -> own), is(own));
  }

  private String doWork(String key, History history) {
    long begun = System.nanoTime();
    String result = UUID.randomUUID().toString();
    LockSupport.parkNanos(work.toNanos());
    history.add(EFFECT, key, result, begun, System.nanoTime());
    return result;
  }
}
