package io.github.redistoolkit.testing;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Something that is done to servers again and again, until it is closed. */
public final class Disturbance implements AutoCloseable {

  private final CountDownLatch ended = new CountDownLatch(1);
  private final AtomicInteger times = new AtomicInteger();
  private final FutureTask<Void> repeating;

  private Disturbance(Runnable what, Duration period) {
    this.repeating =
        new FutureTask<>(
            () -> {
              do {
                what.run();
                times.incrementAndGet();
              } while (!ended.await(period.toNanos(), TimeUnit.NANOSECONDS));
              return null;
            });
  }

  /** Does something at once, and again each time this period has passed. */
  public static Disturbance every(Duration period, Runnable what) {
    Disturbance disturbance = new Disturbance(what, period);
    Thread thread = new Thread(disturbance.repeating, "disturbance");
    thread.setDaemon(true);
    thread.start();
    return disturbance;
  }

  /** How often it was done so far. */
  public int times() {
    return times.get();
  }

  /** Ends it, and fails if doing it failed. */
  @Override
  public void close() {
    ended.countDown();
    try {
      repeating.get();
    } catch (ExecutionException e) {
      throw new AssertionError("the disturbance itself failed", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
