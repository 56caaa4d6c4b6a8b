package io.github.redistoolkit.testing;

import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.commons.pool2.impl.BaseObjectPoolConfig;
import org.apache.commons.pool2.impl.GenericObjectPoolConfig;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.ConnectionPoolConfig;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.JedisPoolConfig;
import redis.clients.jedis.JedisSentinelPool;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * A pool or a client of Jedis, made as users make them.
 *
 * @param pool what a pool's user holds; else null
 * @param client what a client's user holds; else null
 * @param pools the pools that its connections are in, which change with failovers
 * @param below what the client does not close since it is not the client's; else null
 */
record Client(
    @Nullable Pool<Jedis> pool,
    @Nullable UnifiedJedis client,
    Supplier<Collection<? extends Pool<?>>> pools,
    @Nullable Pool<Jedis> below)
    implements AutoCloseable {

  /** One of this kind. */
  static Client of(
      ClientKind kind, Deployment deployment, JedisClientConfig config, Limits limits) {
    return switch (kind) {
      case POOL, POOL_RESP3 -> of(pool(deployment, config, limits));
      case CLIENT, CLIENT_RESP2 -> of(RedisClients.standalone(deployment, config, limits));
      case SENTINEL_POOL, SENTINEL_POOL_RESP3 -> of(sentinelPool(deployment, config, limits));
      case SENTINEL_CLIENT, SENTINEL_CLIENT_RESP2 ->
          of(RedisClients.sentinel(deployment, config, limits));
      case CLUSTER, CLUSTER_RESP2 -> of(RedisClients.cluster(deployment, config, limits));
      case JEDIS_POOLED -> of(FormerClients.standalone(deployment, config, limits));
      case JEDIS_SENTINELED -> of(FormerClients.sentinel(deployment, config, limits));
      case JEDIS_CLUSTER -> of(FormerClients.cluster(deployment, config, limits));
      case COALESCING -> coalesced(pool(deployment, config, limits));
    };
  }

  /**
   * How far it goes.
   *
   * @param maxTotal how many connections it may have, to each node if there are several
   * @param maxWait how long one of them is waited for; null for what the bed thinks a user sets,
   *     which is no limit for pools, as Jedis has it
   * @param retriesFor how long it tries again, if it does so by itself; null for its default
   */
  record Limits(int maxTotal, @Nullable Duration maxWait, @Nullable Duration retriesFor) {

    @SuppressWarnings("deprecation") // goes with JedisPool
    private JedisPoolConfig ofPool() {
      return set(new JedisPoolConfig(), BaseObjectPoolConfig.DEFAULT_MAX_WAIT);
    }

    ConnectionPoolConfig ofClient() {
      return set(new ConnectionPoolConfig(), Duration.ofSeconds(10));
    }

    private <C extends GenericObjectPoolConfig<?>> C set(C config, Duration maxWaitByDefault) {
      config.setMaxTotal(maxTotal);
      config.setMaxIdle(maxTotal);
      config.setMaxWait(maxWait == null ? maxWaitByDefault : maxWait);
      config.setJmxEnabled(false); // a third of what it costs a child JVM to start
      return config;
    }
  }

  /** A client for the bed's own use. */
  static Client admin(Deployment deployment) {
    JedisClientConfig config = deployment.config().protocol(RedisProtocol.RESP3).build();
    Limits few = new Limits(8, null, null);
    return switch (deployment.topology()) {
      case STANDALONE -> of(ClientKind.CLIENT, ClientKind.JEDIS_POOLED, deployment, config, few);
      case SENTINEL ->
          of(ClientKind.SENTINEL_CLIENT, ClientKind.JEDIS_SENTINELED, deployment, config, few);
      case CLUSTER -> of(ClientKind.CLUSTER, ClientKind.JEDIS_CLUSTER, deployment, config, few);
    };
  }

  private static Client of(
      ClientKind kind,
      ClientKind former,
      Deployment deployment,
      JedisClientConfig config,
      Limits limits) {
    return of(kind.isAvailable() ? kind : former, deployment, config, limits);
  }

  /** How many connections are borrowed at this moment. */
  int borrowed() {
    return pools.get().stream().mapToInt(Pool::getNumActive).sum();
  }

  @Override
  public void close() {
    if (pool != null) {
      pool.close();
    }
    if (client != null) {
      client.close();
    }
    if (below != null) {
      below.close();
    }
  }

  private static Client of(Pool<Jedis> pool) {
    return new Client(pool, null, () -> Set.of(pool), null);
  }

  private static Client of(UnifiedJedis client) {
    return new Client(null, client, () -> ConnectionPools.of(client), null);
  }

  private static Client coalesced(Pool<Jedis> pool) {
    return new Client(null, Coalesced.over(pool), () -> Set.of(pool), pool);
  }

  @SuppressWarnings("deprecation") // JedisPool is what most code holds
  private static Pool<Jedis> pool(Deployment deployment, JedisClientConfig config, Limits limits) {
    return new JedisPool(limits.ofPool(), deployment.nodes().get(0), config);
  }

  @SuppressWarnings("deprecation") // as is JedisSentinelPool
  private static Pool<Jedis> sentinelPool(
      Deployment deployment, JedisClientConfig config, Limits limits) {
    return new JedisSentinelPool(
        Deployment.PRIMARY_NAME,
        new HashSet<>(deployment.sentinels()),
        limits.ofPool(),
        config,
        sentinelConfig(deployment));
  }

  static JedisClientConfig sentinelConfig(Deployment deployment) {
    return deployment.config().protocol(RedisProtocol.RESP2).build();
  }
}
