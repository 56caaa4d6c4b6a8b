package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Ticker;
import java.util.concurrent.atomic.AtomicLong;

/** Lets something be done once in a while, by whoever comes first then. Thread-safe. */
final class Pace {

  private final Ticker ticker;
  private final long nanos;
  private final AtomicLong last;

  /** Makes one for which the while has just begun. */
  Pace(Ticker ticker, long nanos) {
    this.ticker = ticker;
    this.nanos = nanos;
    this.last = new AtomicLong(ticker.nanoTime());
  }

  /** Whether the caller is to do it. */
  boolean isDue() {
    long before = last.get();
    long now = ticker.nanoTime();
    return now - before >= nanos && last.compareAndSet(before, now);
  }
}
