package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class CallbacksTest {

  private final ManualTime time = new ManualTime();

  @Test
  void aCallbackForWhichThereIsNoThreadRunsOnceThereIsOne() throws Exception {
    AtomicInteger refusals = new AtomicInteger(3);
    Callbacks callbacks =
        new Callbacks(
            time.alarms,
            time,
            task -> {
              if (refusals.getAndDecrement() > 0) {
                throw new OutOfMemoryError("no thread, as intended");
              }
              return Daemons.named("callbacks-test-").newThread(task);
            },
            2);
    CountDownLatch ran = new CountDownLatch(1);
    callbacks.run(ran::countDown);
    time.pass(40);
    assertThat(ran.getCount(), is(1L));
    time.pass(40);
    assertTrue(ran.await(10, TimeUnit.SECONDS));
  }

  @Test
  void whatHangsKeepsItsThreadAndTheOthersGoOn() throws Exception {
    AtomicInteger made = new AtomicInteger();
    Callbacks callbacks =
        new Callbacks(
            time.alarms,
            time,
            task -> {
              made.incrementAndGet();
              return Daemons.named("callbacks-test-").newThread(task);
            },
            3);
    CountDownLatch hang = new CountDownLatch(1);
    for (int i = 0; i < 2; i++) {
      callbacks.run(() -> await(hang));
    }
    CountDownLatch others = new CountDownLatch(100);
    for (int i = 0; i < 100; i++) {
      callbacks.run(others::countDown);
    }
    assertTrue(others.await(10, TimeUnit.SECONDS));
    assertThat(made.get(), is(lessThanOrEqualTo(3)));
    hang.countDown();
  }

  private static void await(CountDownLatch latch) {
    try {
      assertTrue(latch.await(1, TimeUnit.MINUTES));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
