package io.github.redistoolkit.testing;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Something that is done to servers again and again, by a thread of its own, until it is closed.
 * Thread-safe.
 */
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

  /**
   * Does something at once, and again each time this period has passed.
   *
   * @param period from the end of one to the begin of the next
   * @param what called by a thread of its own; if it throws, that was the last time
   * @return what ends it
   * @throws IllegalArgumentException if the period is negative
   */
  public static Disturbance every(Duration period, Runnable what) {
    if (period.isNegative()) {
      throw new IllegalArgumentException("period must not be negative, but is " + period);
    }
    Disturbance disturbance = new Disturbance(what, period);
    Thread thread = new Thread(disturbance.repeating, "disturbance");
    thread.setDaemon(true);
    thread.start();
    return disturbance;
  }

  /**
   * How often it was done so far.
   *
   * @return how often it succeeded
   */
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
