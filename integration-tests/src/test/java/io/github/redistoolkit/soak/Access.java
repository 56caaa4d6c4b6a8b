package io.github.redistoolkit.soak;

import static java.util.Objects.requireNonNull;

import io.github.redistoolkit.coalescing.Coalescing;
import io.github.redistoolkit.testing.TestRedis;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * A way to Redis, on which operations build what they use.
 *
 * @param name what it is called where it is told of
 * @param redis through which pool or client
 * @param coalescing a client that is used instead, or null
 */
record Access(String name, TestRedis redis, @Nullable UnifiedJedis coalescing) {

  static Access to(String name, TestRedis redis) {
    return new Access(name, redis, null);
  }

  /** The same, sending the commands of several callers together. */
  Access coalesced() {
    return new Access(
        name + " coalesced",
        redis,
        redis.over(pool -> Coalescing.over(pool, 2), client -> Coalescing.over(client, 2)));
  }

  <T> T over(Function<Pool<Jedis>, T> ofPool, Function<UnifiedJedis, T> ofClient) {
    return coalescing == null
        ? redis.over(ofPool, ofClient)
        : ofClient.apply(requireNonNull(coalescing));
  }
}
