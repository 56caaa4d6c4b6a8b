package io.github.redistoolkit.cache;

import java.time.Duration;
import java.util.concurrent.atomic.LongAdder;

/** The counters behind {@link CacheStats}. */
final class Counters {

  /** Hits in Redis; the near ones are not among them. */
  final LongAdder hits = new LongAdder();

  final LongAdder misses = new LongAdder();
  final LongAdder nearHits = new LongAdder();
  final LongAdder loads = new LongAdder();
  final LongAdder loadFailures = new LongAdder();
  final LongAdder loadNanos = new LongAdder();
  final LongAdder refusedFills = new LongAdder();
  final LongAdder uncachedLoads = new LongAdder();
  final LongAdder redisFailures = new LongAdder();
  final LongAdder undecodable = new LongAdder();

  /** Counts a read, by what it found. */
  void count(Content<?> content) {
    switch (content.state()) {
      case VALUE -> hits.increment();
      case ABSENT, LEASE, HOLD -> misses.increment();
      case UNDECODABLE -> {
        misses.increment();
        undecodable.increment();
      }
    }
  }

  CacheStats snapshot() {
    long near = nearHits.sum();
    return new CacheStats(
        hits.sum() + near,
        misses.sum(),
        near,
        loads.sum(),
        loadFailures.sum(),
        Duration.ofNanos(loadNanos.sum()),
        refusedFills.sum(),
        uncachedLoads.sum(),
        redisFailures.sum(),
        undecodable.sum());
  }
}
