package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.EventLog;
import java.time.Duration;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;

/** The counters behind {@link CacheStats}, and who is told as they change. */
final class Counters {

  private static final EventLog LOG = EventLog.shared(CacheService.class);

  private final CacheListener listener;

  Counters(CacheListener listener) {
    this.listener = listener;
  }

  /** Tells the listener, which cannot throw through. */
  void tell(Consumer<CacheListener> event) {
    try {
      event.accept(listener);
    } catch (RuntimeException e) {
      LOG.warn(e, "A listener of a cache threw");
    }
  }

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
  final LongAdder earlyLoads = new LongAdder();
  final LongAdder staleHits = new LongAdder();
  final LongAdder coolDowns = new LongAdder();
  final LongAdder waits = new LongAdder();
  final LongAdder waitNanos = new LongAdder();

  /** Counts a read, by what it found. */
  void count(Found<?> found) {
    (found instanceof Found.Value ? hits : misses).increment();
    if (found instanceof Found.Undecodable) {
      undecodable.increment();
    }
  }

  /** Counts an entry past its time that is returned. */
  void stale(String key) {
    staleHits.increment();
    tell(listener -> listener.onStale(key));
  }

  /** Counts that loads begin to go without Redis. */
  void coolDown(Duration pause) {
    coolDowns.increment();
    tell(listener -> listener.onCoolDown(pause));
  }

  CacheStats snapshot(CacheStats.Near nearCache) {
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
        undecodable.sum(),
        earlyLoads.sum(),
        staleHits.sum(),
        coolDowns.sum(),
        waits.sum(),
        Duration.ofNanos(waitNanos.sum()),
        nearCache);
  }
}
