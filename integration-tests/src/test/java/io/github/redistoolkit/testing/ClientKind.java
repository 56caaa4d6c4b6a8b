package io.github.redistoolkit.testing;

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
  CLUSTER_RESP2(Topology.CLUSTER, RedisProtocol.RESP2, Matrix.CLIENTS);

  private final Topology topology;
  private final RedisProtocol protocol;
  private final Matrix matrix;

  ClientKind(Topology topology, RedisProtocol protocol, Matrix matrix) {
    this.topology = topology;
    this.protocol = protocol;
    this.matrix = matrix;
  }

  /** What it is made for. */
  public Topology topology() {
    return topology;
  }

  /** What it speaks. */
  public RedisProtocol protocol() {
    return protocol;
  }

  /** Whether suites run through it in a run of the given size. */
  boolean isIn(Matrix size) {
    return matrix.compareTo(size) <= 0;
  }
}
