package io.github.redistoolkit.testing;

import redis.clients.jedis.RedisProtocol;

/** The ways in which a user reaches Redis with Jedis. */
public enum ClientKind {
  /** A {@code JedisPool} speaking RESP2, which is what most code holds. */
  POOL(Topology.STANDALONE, RedisProtocol.RESP2),
  /** A {@code RedisClient} speaking RESP3. */
  CLIENT(Topology.STANDALONE, RedisProtocol.RESP3);

  private final Topology topology;
  private final RedisProtocol protocol;

  ClientKind(Topology topology, RedisProtocol protocol) {
    this.topology = topology;
    this.protocol = protocol;
  }

  /** What it is made for. */
  public Topology topology() {
    return topology;
  }

  /** What it speaks. */
  public RedisProtocol protocol() {
    return protocol;
  }
}
