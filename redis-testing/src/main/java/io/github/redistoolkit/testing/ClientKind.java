package io.github.redistoolkit.testing;

import java.util.Set;
import redis.clients.jedis.RedisProtocol;

/** The ways in which a user reaches Redis with Jedis. */
public enum ClientKind {
  /** A {@code JedisPool} speaking RESP2, which is what most code holds. */
  POOL(Topology.STANDALONE, RedisProtocol.RESP2, Matrix.DEFAULT),
  /** A {@code JedisPool} speaking RESP3. */
  POOL_RESP3(Topology.STANDALONE, RedisProtocol.RESP3, Matrix.CLIENTS),
  /** A {@code RedisClient} speaking RESP3. */
  CLIENT(Topology.STANDALONE, RedisProtocol.RESP3, Matrix.DEFAULT),
  /** A {@code RedisClient} speaking RESP2. */
  CLIENT_RESP2(Topology.STANDALONE, RedisProtocol.RESP2, Matrix.CLIENTS),
  /** A {@code JedisSentinelPool} speaking RESP2. */
  SENTINEL_POOL(Topology.SENTINEL, RedisProtocol.RESP2, Matrix.DEFAULT),
  /** A {@code JedisSentinelPool} speaking RESP3. */
  SENTINEL_POOL_RESP3(Topology.SENTINEL, RedisProtocol.RESP3, Matrix.CLIENTS),
  /** A {@code RedisSentinelClient} speaking RESP3. */
  SENTINEL_CLIENT(Topology.SENTINEL, RedisProtocol.RESP3, Matrix.CLIENTS),
  /** A {@code RedisSentinelClient} speaking RESP2. */
  SENTINEL_CLIENT_RESP2(Topology.SENTINEL, RedisProtocol.RESP2, Matrix.CLIENTS),
  /** A {@code RedisClusterClient} speaking RESP3. */
  CLUSTER(Topology.CLUSTER, RedisProtocol.RESP3, Matrix.DEFAULT),
  /** A {@code RedisClusterClient} speaking RESP2. */
  CLUSTER_RESP2(Topology.CLUSTER, RedisProtocol.RESP2, Matrix.CLIENTS),
  /** A {@code JedisPooled}, which Jedis had before version 8, speaking RESP3. */
  JEDIS_POOLED(Topology.STANDALONE, RedisProtocol.RESP3, Matrix.CLIENTS),
  /** A {@code JedisSentineled}, which Jedis had before version 8, speaking RESP3. */
  JEDIS_SENTINELED(Topology.SENTINEL, RedisProtocol.RESP3, Matrix.CLIENTS),
  /** A {@code JedisCluster} speaking RESP3. */
  JEDIS_CLUSTER(Topology.CLUSTER, RedisProtocol.RESP3, Matrix.CLIENTS),
  /**
   * What {@code redis-coalescing}, if it is on the class path, makes of a {@code JedisPool}
   * speaking RESP2: a {@code UnifiedJedis} by which callers share connections.
   */
  COALESCING(Topology.STANDALONE, RedisProtocol.RESP2, Matrix.CLIENTS);

  private final Topology topology;
  private final RedisProtocol protocol;
  private final Matrix matrix;

  ClientKind(Topology topology, RedisProtocol protocol, Matrix matrix) {
    this.topology = topology;
    this.protocol = protocol;
    this.matrix = matrix;
  }

  /** The name of its class in Jedis. */
  private String type() {
    return switch (this) {
      case POOL, POOL_RESP3 -> "JedisPool";
      case CLIENT, CLIENT_RESP2 -> "RedisClient";
      case SENTINEL_POOL, SENTINEL_POOL_RESP3 -> "JedisSentinelPool";
      case SENTINEL_CLIENT, SENTINEL_CLIENT_RESP2 -> "RedisSentinelClient";
      case CLUSTER, CLUSTER_RESP2 -> "RedisClusterClient";
      case JEDIS_POOLED -> "JedisPooled";
      case JEDIS_SENTINELED -> "JedisSentineled";
      case JEDIS_CLUSTER -> "JedisCluster";
      case COALESCING -> "UnifiedJedis";
    };
  }

  /** Whether the Jedis on the class path has it, and there is what else it needs. */
  boolean isAvailable() {
    try {
      return load() != null && (this != COALESCING || Coalesced.isAvailable());
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  /**
   * Its class in Jedis.
   *
   * @throws IllegalStateException if the Jedis on the class path has it not
   */
  Class<?> jedisType() {
    try {
      return load();
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException("the Jedis on the class path has no " + type(), e);
    }
  }

  private Class<?> load() throws ClassNotFoundException {
    return Class.forName("redis.clients.jedis." + type(), false, ClientKind.class.getClassLoader());
  }

  /**
   * What it is made for.
   *
   * @return the one topology that it can reach
   */
  public Topology topology() {
    return topology;
  }

  /**
   * What it speaks.
   *
   * @return the protocol of all its connections
   */
  public RedisProtocol protocol() {
    return protocol;
  }

  /**
   * Whether what holds its connections is a pool, not a client.
   *
   * @return whether its user holds a {@code Pool<Jedis>}, not a {@code UnifiedJedis}
   */
  public boolean isPool() {
    return type().endsWith("Pool");
  }

  /**
   * Whether suites run through it in a run of this size, with this Jedis. {@code -Dredis.client}
   * names the kinds instead of the size, {@code -Dredis.topology} leaves those of some topologies.
   *
   * @return whether this run goes through it
   * @throws IllegalArgumentException if a property names what there is not
   */
  public boolean isInThisRun() {
    Set<ClientKind> kinds = Narrowing.to("redis.client", ClientKind.class);
    Set<Topology> topologies = Narrowing.to("redis.topology", Topology.class);
    boolean asked =
        kinds.isEmpty() ? matrix.compareTo(Matrix.ofThisRun()) <= 0 : kinds.contains(this);
    return asked && (topologies.isEmpty() || topologies.contains(topology)) && isAvailable();
  }
}
