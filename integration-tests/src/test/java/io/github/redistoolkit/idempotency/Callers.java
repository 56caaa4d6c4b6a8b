package io.github.redistoolkit.idempotency;

import com.google.gson.reflect.TypeToken;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;

/** Threads that ask for the same key at the same time. */
final class Callers {

  private Callers() {}

  /** Lets so many begin at once; returns what each got, a claim or what was thrown. */
  static Queue<Object> beginAtOnce(IdempotencyService subject, String key, int callers)
      throws InterruptedException {
    Queue<Object> outcomes = new ConcurrentLinkedQueue<>();
    CountDownLatch start = new CountDownLatch(1);
    List<Thread> threads = new ArrayList<>();
    for (int n = 0; n < callers; n++) {
      threads.add(
          new Thread(
              () -> {
                try {
                  start.await();
                  outcomes.add(subject.begin(Request.of(key), TypeToken.get(String.class)));
                } catch (InterruptedException | RuntimeException e) {
                  outcomes.add(e);
                }
              }));
    }
    threads.forEach(Thread::start);
    start.countDown();
    for (Thread thread : threads) {
      thread.join();
    }
    return outcomes;
  }
}
