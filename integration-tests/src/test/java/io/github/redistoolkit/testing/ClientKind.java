package io.github.redistoolkit.testing;

/** The ways in which a user reaches Redis with Jedis. */
public enum ClientKind {
  /** A {@code JedisPool} speaking RESP2, which is what most code holds. */
  POOL,
  /** A {@code RedisClient} speaking RESP3. */
  CLIENT
}
