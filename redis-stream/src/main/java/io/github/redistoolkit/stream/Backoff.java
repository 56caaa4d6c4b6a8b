package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** How long to rest between tries, and since when they fail. Used by one thread. */
final class Backoff {

  private static final long SHORTEST_NANOS = TimeUnit.MILLISECONDS.toNanos(50);
  private static final long LONGEST_NANOS = TimeUnit.SECONDS.toNanos(1);

  private final Ticker ticker;
  private int failures;
  private long since;

  Backoff(Ticker ticker) {
    this.ticker = ticker;
  }

  /** Takes note of a failure, of which the first is to be told. */
  void failed(Runnable first) {
    failures++;
    if (failures == 1) {
      since = ticker.nanoTime();
      first.run();
    }
  }

  /** Takes note of a success, which is to be told after failures. */
  void succeeded(Consumer<Duration> back) {
    if (failures > 0) {
      failures = 0;
      back.accept(Duration.ofNanos(ticker.nanoTime() - since));
    }
  }

  /** Doubles with each failure; spread, so that not all come back at the same moment. */
  long pauseNanos() {
    long longest = Math.min(LONGEST_NANOS, SHORTEST_NANOS << Math.min(failures, 10));
    return ThreadLocalRandom.current().nextLong(longest / 2, longest);
  }
}
