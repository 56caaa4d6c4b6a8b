package io.github.redistoolkit.cache;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import java.util.stream.IntStream;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;

/**
 * Foreign writers that count each key up, readers that go through a cache, and the record by which
 * it is recomputed afterwards how late a read was at most.
 */
final class StalenessWatch {

  /** A read, and when the state that it should have seen instead had been written. */
  record Late(String key, long version, long nanos) {}

  private final UnifiedJedis foreign;
  private final String prefix;
  private final List<String> keys;
  private final Map<String, Map<Long, Long>> written = new ConcurrentHashMap<>();
  private final Map<String, Long> last = new ConcurrentHashMap<>();
  private final LongAdder failedReads = new LongAdder();
  private final ConcurrentLinkedQueue<Late> late = new ConcurrentLinkedQueue<>();

  StalenessWatch(UnifiedJedis foreign, String prefix, int keys) {
    this.foreign = foreign;
    this.prefix = prefix;
    this.keys = IntStream.range(0, keys).mapToObj(i -> "k" + i).toList();
    this.keys.forEach(key -> written.put(key, new ConcurrentHashMap<>()));
    this.keys.forEach(this::write);
  }

  List<String> keys() {
    return keys;
  }

  /** What every read must see by the time that nothing is under way. */
  long last(String key) {
    return last.getOrDefault(key, 0L);
  }

  /** Writes the next state; each key must have one writer. */
  void write(String key) {
    long version = last(key) + 1;
    foreign.set(prefix + key, String.valueOf(version), SetParams.setParams().px(600_000));
    last.put(key, version);
    written.get(key).put(version, System.nanoTime());
  }

  /** Writes, until the time is over, the keys whose turn it is, as fast as a busy service might. */
  void writeUntil(long endNanos, int writer, int writers) {
    while (System.nanoTime() - endNanos < 0) {
      for (int i = writer; i < keys.size(); i += writers) {
        write(keys.get(i));
        LockSupport.parkNanos(ThreadLocalRandom.current().nextInt(500_000));
      }
    }
  }

  /** Reads random keys until the time is over; a read that fails is no stale read. */
  void readUntil(long endNanos, ToLongFunction<String> cache) {
    while (System.nanoTime() - endNanos < 0) {
      read(keys.get(ThreadLocalRandom.current().nextInt(keys.size())), cache);
    }
  }

  void read(String key, ToLongFunction<String> cache) {
    long start = System.nanoTime();
    long version;
    try {
      version = cache.applyAsLong(key);
    } catch (JedisException e) {
      failedReads.increment();
      return;
    }
    Long nextWritten = written.get(key).get(version + 1);
    if (nextWritten != null && start - nextWritten > 0) {
      late.add(new Late(key, version, start - nextWritten));
    }
  }

  /**
   * Some of the reads that were later than this, of which there is none if the promise was kept.
   */
  List<Late> laterThan(long millis) {
    long nanos = TimeUnit.MILLISECONDS.toNanos(millis);
    return late.stream().filter(read -> read.nanos() > nanos).limit(10).toList();
  }

  /**
   * Reads until the answer is the new state, and says how long after now the last read began that
   * was answered otherwise; how long reads take does not count, nor do those that fail.
   */
  static <V> Duration untilFresh(Optional<V> fresh, Supplier<Optional<V>> cache) {
    long start = System.nanoTime();
    long stale = start;
    for (long begun = start;
        begun - start < TimeUnit.SECONDS.toNanos(10);
        begun = System.nanoTime()) {
      try {
        if (cache.get().equals(fresh)) {
          return Duration.ofNanos(stale - start);
        }
        stale = begun;
      } catch (JedisException e) {
        // A connection of the time before, perhaps.
      }
      LockSupport.parkNanos(1_000_000);
    }
    throw new AssertionError("not " + fresh + " within ten seconds");
  }

  long failedReads() {
    return failedReads.sum();
  }

  long maxLateMillis() {
    return late.stream().mapToLong(l -> TimeUnit.NANOSECONDS.toMillis(l.nanos())).max().orElse(0);
  }
}
