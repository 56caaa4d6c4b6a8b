package io.github.redistoolkit.benchmark;

import java.util.List;

/** What a decision takes while one client asks for one id as fast as it can. */
final class RateLimitGrowth extends Growth {

  RateLimitGrowth() {
    super(
        "Rate limit: a decision, by permits per second",
        "permits/s",
        "µs, median",
        List.of(3, 10, 100, 1_000, 10_000, 100_000, 1_000_000),
        List.of(Through.RAW, Through.POOL, Through.CLIENT, Through.REDISSON, Through.BUCKET4J));
  }

  @Override
  double measure(Through through, int permits, Pace pace) {
    try (Access access = Access.by(through)) {
      Decisions decisions = Decisions.open(access, permits);
      decisions.prepare(List.of(access.name()));
      return Stopwatch.medianMicros(pace, () -> decisions.tryAcquire(access.name()));
    }
  }
}
