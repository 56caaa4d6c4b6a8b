package io.github.redistoolkit.spring;

import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * The way to Redis that the application has: one of the two.
 *
 * @param pool if it is a pool
 * @param client if it is a client
 */
record Connections(@Nullable Pool<Jedis> pool, @Nullable UnifiedJedis client) {

  static Connections of(Pool<Jedis> pool) {
    return new Connections(pool, null);
  }

  static Connections of(UnifiedJedis client) {
    return new Connections(null, client);
  }

  /** Makes something on whichever it is. */
  <T> T over(Function<Pool<Jedis>, T> ofPool, Function<UnifiedJedis, T> ofClient) {
    if (pool != null) {
      return ofPool.apply(pool);
    }
    if (client != null) {
      return ofClient.apply(client);
    }
    throw new AssertionError("neither a pool nor a client");
  }
}
