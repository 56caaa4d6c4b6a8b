package io.github.redistoolkit.cache;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.cache.NearCache.Values;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.OwnConnections;
import io.github.redistoolkit.core.PooledClient;
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
    this.client = client(pool);
    this.prefix = prefix;
    Codec<Long> codec = new Codec<>(Json.defaultGson(), TypeToken.get(Long.class));
    this.near = new NearCache<>(codec, Values.SHARED, 1000);
    this.entries = new Entries<>(client, codec, prefix, near);
    OwnConnections own = OwnConnections.of(client(listening));
    this.invalidations = new Invalidations(client, own, near, prefix);
    invalidations.start();
  }

  private static UnifiedJedis client(TestRedis redis) {
    return redis.over(PooledClient::over, given -> given);
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
