package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.OwnConnections;
import io.github.redistoolkit.core.PooledClient;
import java.util.Objects;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.RedisSentinelClient;
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

  /**
   * Returns how to open a connection on which a near cache hears of changes.
   *
   * @throws IllegalArgumentException if entries may be on more than one server, or on another one
   *     after a failover
   */
  @SuppressWarnings("deprecation") // JedisSentinelPool is refused
  static OwnConnections forNearCache(UnifiedJedis client) {
    boolean ofSentinel =
        client instanceof RedisSentinelClient
            || (client instanceof PooledClient pooled
                && pooled.pool() instanceof redis.clients.jedis.JedisSentinelPool);
    if (ofSentinel || client instanceof RedisClusterClient) {
      throw new IllegalArgumentException(
          "nearCache needs a pool or client of one server, not of Sentinel or a Cluster");
    }
    return OwnConnections.of(client);
  }
}
