package io.github.redistoolkit.cache;

import java.util.Objects;
import redis.clients.jedis.UnifiedJedis;

/** Which clients a cache can be built on. */
final class Clients {

  private Clients() {}

  /**
   * Checks a client, without I/O.
   *
   * @throws IllegalArgumentException if what it reads may be older than what was written, or its
   *     keys cannot be spread over nodes
   */
  @SuppressWarnings("deprecation") // JedisCluster is refused
  static UnifiedJedis require(UnifiedJedis client) {
    Objects.requireNonNull(client, "client");
    if (client.getCache() != null) {
      throw new IllegalArgumentException(
          "client must not have Jedis's client-side cache on, whose reads may miss an"
              + " invalidation: use nearCache(…) of this cache instead");
    }
    if (client instanceof redis.clients.jedis.JedisCluster) {
      throw new IllegalArgumentException(
          "client must not be the deprecated JedisCluster: use RedisClusterClient");
    }
    return client;
  }
}
