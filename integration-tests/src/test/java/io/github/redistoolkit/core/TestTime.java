package io.github.redistoolkit.core;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/** A clock that a test moves, and the alarms that go by it, run by the test's own thread. */
public final class TestTime implements Ticker {

  private final Alarms alarms = new Alarms(this, task -> null);

  /** Begins where {@link System#nanoTime} overflows soon. */
  private final AtomicLong now = new AtomicLong(Long.MAX_VALUE - Duration.ofSeconds(1).toNanos());

  @Override
  public long nanoTime() {
    return now.get();
  }

  public Alarms alarms() {
    return alarms;
  }

  /** Lets time pass at once, and runs what is due then. */
  public void pass(Duration time) {
    long unused = now.addAndGet(time.toNanos());
    alarms.runDue();
  }
}
