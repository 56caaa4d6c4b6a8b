package io.github.redistoolkit.cache;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.cache.NearCache.Values;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.testing.TestRedis;
import java.util.concurrent.atomic.LongAdder;
import redis.clients.jedis.UnifiedJedis;

/**
 * Reads through a near cache as a {@link CacheService} makes them, except that the pool and the
 * connection that is listened on may go different ways, or to different servers.
 */
class NearReads implements AutoCloseable {

  final UnifiedJedis client;
  final String prefix;
  final NearCache<Long> near;
  private final Entries<Long> entries;
  private final Invalidations invalidations;
  private final LongAdder nearHits = new LongAdder();

  NearReads(TestRedis pool, TestRedis listening, String prefix) {
    this.client = pool.client();
    this.prefix = prefix;
    Codec<Long> codec = new Codec<>(Json.standard(), TypeToken.get(Long.class));
    this.near = new NearCache<>(codec, Values.SHARED, 1000);
    RedisAccess redis = pool.access();
    this.entries = new Entries<>(redis, codec, prefix, near);
    this.invalidations = new Invalidations(redis, listening.access(), near, prefix);
    invalidations.start();
  }

  final boolean isTrusted() {
    return near.isTrusted();
  }

  final long nearHits() {
    return nearHits.sum();
  }

  final long read(String key) {
    Content<Long> copy = near.get(key);
    if (copy == null) {
      return readFromRedis(key);
    }
    nearHits.increment();
    return copy.value();
  }

  long readFromRedis(String key) {
    return entries.read(prefix + key).value();
  }

  @Override
  public void close() {
    invalidations.close();
  }
}
