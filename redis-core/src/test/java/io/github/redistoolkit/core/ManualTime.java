package io.github.redistoolkit.core;

import java.util.concurrent.TimeUnit;

/** A clock that a test moves, and the alarms that go by it, run by the test's own thread. */
final class ManualTime implements Ticker {

  final Alarms alarms = new Alarms(this, task -> null);

  /** Begins where {@link System#nanoTime} overflows soon. */
  private long now = Long.MAX_VALUE - TimeUnit.SECONDS.toNanos(1);

  @Override
  public long nanoTime() {
    return now;
  }

  /** Lets time pass, a millisecond after the other, with all that is due then. */
  void pass(long millis) {
    for (long i = 0; i < millis; i++) {
      now += TimeUnit.MILLISECONDS.toNanos(1);
      alarms.runDue();
    }
  }

  /** Lets time pass at once, as if the JVM had been stopped. */
  void jump(long millis) {
    stop(millis);
    alarms.runDue();
  }

  /** Lets time pass of which the timer's thread has not noticed anything yet. */
  void stop(long millis) {
    now += TimeUnit.MILLISECONDS.toNanos(millis);
  }
}
