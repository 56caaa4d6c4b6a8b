package io.github.redistoolkit.cache;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.CoreAccess;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Ticker;
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
  private final NearStore<Long> store;
  private final Tracking tracking;
  private final Tracking.Member member;
  private final LongAdder nearHits = new LongAdder();

  NearReads(TestRedis pool, TestRedis listening, String prefix) {
    this.client = pool.client();
    this.prefix = prefix;
    Codec<Long> codec = new Codec<>(Json.standard(), TypeToken.get(Long.class));
    RedisAccess redis = CoreAccess.of(pool);
    Names names = new Names(prefix, Names.Writing.VERBATIM, 1024);
    this.tracking = new Tracking(redis, CoreAccess.of(listening), Ticker.system());
    this.near =
        new NearCache<>(
            NearValues.shared(),
            1000,
            1 << 20,
            key -> tracking.trustIn(names.of(key)),
            Ticker.system());
    this.store =
        new NearStore<>(
            redis,
            names,
            codec,
            near,
            new Counters(new CacheListener() {}),
            RedisStore.Reading.VALUE_ALONE,
            0);
    this.member = tracking.add(near, prefix);
  }

  final boolean isTrusted() {
    return tracking.isTrusted();
  }

  final long nearHits() {
    return nearHits.sum();
  }

  final long read(String key) {
    Found.Value<Long> copy = near.get(key);
    if (copy == null) {
      return readFromRedis(key);
    }
    nearHits.increment();
    return copy.value();
  }

  long readFromRedis(String key) {
    return store.read(key).valueOrNull();
  }

  @Override
  public void close() {
    tracking.remove(member);
  }
}
