package io.github.redistoolkit.cache;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.cache.NearCache.Stamp;
import io.github.redistoolkit.cache.NearCache.Values;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.OwnConnections;
import io.github.redistoolkit.core.PooledClient;
import io.github.redistoolkit.testing.TestRedis;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import redis.clients.jedis.UnifiedJedis;

/** A near cache whose fill looks for changes after the read instead of before it. */
final class NaiveNearReads implements AutoCloseable {

  private final UnifiedJedis client;
  private final String prefix;
  private final NearCache<Long> near;
  private final Invalidations invalidations;

  NaiveNearReads(TestRedis redis, String prefix) {
    this.client = redis.over(PooledClient::over, given -> given);
    this.prefix = prefix;
    TypeToken<Long> type = TypeToken.get(Long.class);
    this.near = new NearCache<>(new Codec<>(Json.defaultGson(), type), Values.SHARED, 1000);
    this.invalidations = new Invalidations(client, OwnConnections.of(client), near, prefix);
    invalidations.start();
  }

  boolean isTrusted() {
    return near.isTrusted();
  }

  long read(String key) {
    Content<Long> copy = near.get(key);
    if (copy != null) {
      return copy.value();
    }
    long value = Long.parseLong(client.get(prefix + key));
    // As long as between two writes of a key, so that the last one is all but certain to fall here.
    LockSupport.parkNanos(ThreadLocalRandom.current().nextInt(5_000_000));
    Stamp tooLate = near.stamp(key);
    if (tooLate != null) {
      near.put(key, tooLate, value, String.valueOf(value), 60_000);
    }
    return value;
  }

  @Override
  public void close() {
    invalidations.close();
  }
}
