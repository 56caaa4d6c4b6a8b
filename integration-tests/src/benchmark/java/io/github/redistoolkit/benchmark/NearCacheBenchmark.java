package io.github.redistoolkit.benchmark;

import com.alicp.jetcache.MultiLevelCacheBuilder;
import com.alicp.jetcache.embedded.CaffeineCacheBuilder;
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.github.redistoolkit.cache.CacheService;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.Blackhole;
import org.redisson.api.RLocalCachedMap;
import org.redisson.api.options.LocalCachedMapOptions;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/**
 * A read that the near cache answers, against a raw GET of the same entry that nothing decodes.
 *
 * <p>The others hand out the same object to every reader, also if it can be modified. What another
 * JVM writes is told to Redisson by a message that is lost while it is not connected; JetCache of
 * two levels, without its broadcasts, and Caffeine alone are never told. Jedis's own cache is not
 * here, as it refuses a Redis before 7.4.
 */
@State(Scope.Benchmark)
public class NearCacheBenchmark {

  /** Read in a row, since one read is too short to be timed; percentiles are those of means. */
  private static final int READS = 100;

  private static final int MAX_ENTRIES = 2 * READS;
  private static final Duration TTL = Duration.ofHours(1);
  private static final Instant SINCE = Instant.parse("2026-01-01T12:00:00Z");

  @Param({"RAW", "POOL", "CLIENT", "REDISSON", "JETCACHE", "CAFFEINE"})
  Through through;

  @Param Copy copy;

  private Access access;
  private AutoCloseable cache = () -> {};
  private Function<String, Object> read;
  private List<String> keys;

  /** What the near cache holds of an entry. */
  public enum Copy {
    /** Its JSON, decoded at each read, as the list might be modified by a reader. */
    JSON,
    /** The value itself. */
    VALUE
  }

  record Modifiable(String id, String name, String email, List<String> roles, Instant since) {}

  record Immutable(String id, String name, String email, String role, Instant since) {}

  @Setup
  public void fill() {
    access = Access.by(through);
    keys = IntStream.range(0, READS).mapToObj(Integer::toString).toList();
    if (copy == Copy.JSON) {
      fill(
          Modifiable.class,
          new Modifiable("123", "John Doe", "john@example.com", List.of("reader"), SINCE));
    } else {
      fill(Immutable.class, new Immutable("123", "John Doe", "john@example.com", "reader", SINCE));
    }
  }

  private <V> void fill(Class<V> type, V value) {
    switch (through) {
      case RAW -> {
        write(type, value);
        read = raw(access.pool(), access.name());
      }
      case REDISSON -> read = redisson(type, value);
      case JETCACHE -> read = jetCache(type, value);
      case CAFFEINE -> read = caffeine(value);
      default -> {
        CacheService<V> near = cache(type).nearCache(MAX_ENTRIES).build();
        keys.forEach(key -> near.set(key, value, TTL));
        cache = near;
        read = key -> near.get(key).orElseThrow();
      }
    }
    if (!keys.stream().allMatch(key -> isRead(value, read.apply(key)))) {
      throw new IllegalStateException("not what was set: " + read.apply(keys.get(0)));
    }
  }

  private boolean isRead(Object value, Object read) {
    return through == Through.RAW ? read != null : value.equals(read);
  }

  /** Writes the entries that others read. */
  private <V> void write(Class<V> type, V value) {
    try (CacheService<V> writer = cache(type).build()) {
      keys.forEach(key -> writer.set(key, value, TTL));
    }
  }

  private <V> CacheService.Builder<V> cache(Class<V> type) {
    return access.over(
        pool -> CacheService.builder(pool, access.name(), type),
        client -> CacheService.builder(client, access.name(), type));
  }

  private <V> Function<String, Object> redisson(Class<V> type, V value) {
    RLocalCachedMap<String, V> map =
        Peers.redisson(access)
            .getLocalCachedMap(
                LocalCachedMapOptions.<String, V>name(access.name())
                    .codec(Peers.jsonCodec(type))
                    .cacheSize(MAX_ENTRIES)
                    .timeToLive(TTL));
    keys.forEach(key -> map.fastPut(key, value));
    return map::get;
  }

  private <V> Function<String, Object> jetCache(Class<V> type, V value) {
    com.alicp.jetcache.Cache<String, V> local =
        CaffeineCacheBuilder.createCaffeineCacheBuilder()
            .limit(MAX_ENTRIES)
            .expireAfterWrite(TTL.toMillis(), TimeUnit.MILLISECONDS)
            .buildCache();
    com.alicp.jetcache.Cache<String, V> both =
        MultiLevelCacheBuilder.createMultiLevelCacheBuilder()
            .addCache(local, Peers.jetCache(access, type, TTL))
            .expireAfterWrite(TTL.toMillis(), TimeUnit.MILLISECONDS)
            .buildCache();
    keys.forEach(key -> both.put(key, value));
    return both::get;
  }

  private <V> Function<String, Object> caffeine(V value) {
    Cache<String, V> cache =
        Caffeine.newBuilder().maximumSize(MAX_ENTRIES).expireAfterWrite(TTL).build();
    keys.forEach(key -> cache.put(key, value));
    return cache::getIfPresent;
  }

  private static Function<String, Object> raw(Pool<Jedis> pool, String prefix) {
    return key -> {
      try (Jedis jedis = pool.getResource()) {
        return jedis.get(prefix + key);
      }
    };
  }

  @TearDown
  public void close() throws Exception {
    cache.close();
    access.close();
  }

  @Benchmark
  @OperationsPerInvocation(READS)
  public void get(Blackhole hole) {
    for (String key : keys) {
      hole.consume(read.apply(key));
    }
  }
}
