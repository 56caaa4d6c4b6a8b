package io.github.redistoolkit.benchmark;

import io.github.redistoolkit.testing.ClientKind;

/** The rows of a table: by what the same work is done. */
public enum Through {
  /** The limit: raw Jedis commands on a pool, with nothing of the toolkit. */
  RAW("raw Jedis", ClientKind.POOL),
  /** The toolkit over a {@code JedisPool}. */
  POOL("ours, JedisPool", ClientKind.POOL),
  /** The toolkit over a {@code RedisClient}. */
  CLIENT("ours, RedisClient", ClientKind.CLIENT),
  /**
   * The toolkit's subscriptions over a {@code JedisPool}, handlers run by the thread that reads.
   */
  ON_READER("ours, JedisPool, handler on the reader", ClientKind.POOL),
  /** A client that coalesces, with 4 lanes over a {@code JedisPool}. */
  COALESCING("ours, 4 lanes", ClientKind.POOL),
  /** The same with 2 lanes. */
  COALESCING_2("ours, 2 lanes", ClientKind.POOL),
  /** Redisson, with a client of its own. */
  REDISSON("Redisson", ClientKind.POOL),
  /** Spring Data Redis or Spring Integration, over Jedis. */
  SPRING_JEDIS("Spring, Jedis", ClientKind.POOL),
  /** Spring Data Redis or Spring Integration, over Lettuce. */
  SPRING_LETTUCE("Spring, Lettuce", ClientKind.POOL),
  /** Lettuce alone. */
  LETTUCE("Lettuce", ClientKind.POOL),
  /** JetCache, over the same {@code JedisPool} as raw commands. */
  JETCACHE("JetCache, JedisPool", ClientKind.POOL),
  /** Caffeine, which no Redis stands behind. */
  CAFFEINE("Caffeine, no Redis", ClientKind.POOL),
  /** ShedLock, over the same {@code JedisPool} as raw commands. */
  SHEDLOCK("ShedLock, JedisPool", ClientKind.POOL),
  /** Bucket4j, over the same {@code JedisPool} as raw commands. */
  BUCKET4J("Bucket4j, JedisPool", ClientKind.POOL),
  /** A token bucket in two keys and whole seconds, as gateways do it in a script. */
  TWO_KEYS("token bucket of two keys", ClientKind.POOL),
  /** The toolkit over a {@code JedisPool}, with permits taken ahead. */
  AHEAD("ours, permits ahead", ClientKind.POOL),
  /** The toolkit over a {@code JedisPool}, with refusals remembered. */
  DENY_CACHE("ours, deny cache", ClientKind.POOL);

  private final String label;
  private final ClientKind kind;

  Through(String label, ClientKind kind) {
    this.label = label;
    this.kind = kind;
  }

  /** How tables call it. */
  String label() {
    return label;
  }

  /** The client that Redis is reached by; peers with a client of their own leave it alone. */
  ClientKind kind() {
    return kind;
  }
}
