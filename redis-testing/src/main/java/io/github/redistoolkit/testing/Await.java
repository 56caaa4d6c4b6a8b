package io.github.redistoolkit.testing;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Waits until something is true, and asks for it in the calling thread: at once, and then again
 * after each interval, which is 20 ms; at most for a minute.
 */
final class Await {

  private final String what;
  private Duration interval = Duration.ofMillis(20);
  private Duration atMost = Duration.ofSeconds(60);
  private @Nullable Class<? extends RuntimeException> ignored;

  private Await(String what) {
    this.what = what;
  }

  /** What is waited for, as a sentence. */
  static Await that(String what) {
    return new Await(what);
  }

  /** Asks at this interval. */
  Await every(Duration other) {
    interval = other;
    return this;
  }

  /** Gives up after this time. */
  Await atMost(Duration other) {
    atMost = other;
    return this;
  }

  /** Takes an exception of this type for "not yet". */
  Await ignoring(Class<? extends RuntimeException> type) {
    ignored = type;
    return this;
  }

  /**
   * Waits.
   *
   * @throws IllegalStateException if it is not true in time, or this thread is interrupted
   */
  void until(Callable<Boolean> isTrue) {
    long start = System.nanoTime();
    RuntimeException last = null;
    try {
      while (true) {
        try {
          if (isTrue.call()) {
            return;
          }
          last = null;
        } catch (RuntimeException e) {
          if (ignored == null || !ignored.isInstance(e)) {
            throw e;
          }
          last = e;
        }
        if (System.nanoTime() - start - atMost.toNanos() >= 0) {
          throw new IllegalStateException("not within " + atMost + ": " + what, last);
        }
        TimeUnit.NANOSECONDS.sleep(interval.toNanos());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting: " + what, e);
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(what, e);
    }
  }
}
