package io.github.redistoolkit.benchmark;

import io.github.redistoolkit.testing.ClientKind;
import java.awt.Color;

/** The rows of a table: by what the same work is done. */
public enum Through {
  /** The limit: raw Jedis commands on a pool, with nothing of the toolkit. */
  RAW("raw Jedis", ClientKind.POOL, 0x8c959f),
  /** The toolkit over a {@code JedisPool}. */
  POOL("ours, JedisPool", ClientKind.POOL, 0x2f81f7),
  /** The toolkit over a {@code RedisClient}. */
  CLIENT("ours, RedisClient", ClientKind.CLIENT, 0x1f9e8f),
  /**
   * The toolkit's subscriptions over a {@code JedisPool}, handlers run by the thread that reads.
   */
  ON_READER("ours, JedisPool, handler on the reader", ClientKind.POOL, 0x8250df),
  /** The toolkit's durable topics over a {@code JedisPool}, handlers run by an executor. */
  ON_EXECUTOR("ours, JedisPool, executor given", ClientKind.POOL, 0x5aa9e6),
  /** A client that coalesces, with 4 lanes over a {@code JedisPool}. */
  COALESCING("ours, 4 lanes", ClientKind.POOL, 0x2f81f7),
  /** The same with 2 lanes. */
  COALESCING_2("ours, 2 lanes", ClientKind.POOL, 0x1f9e8f),
  /** The same with 16 lanes, as many as the pool has connections. */
  COALESCING_16("ours, 16 lanes", ClientKind.POOL, 0x8250df),
  /** Redisson, with a client of its own. */
  REDISSON("Redisson", ClientKind.POOL, 0xe5534b),
  /** Redisson's reliable topic, likewise. */
  REDISSON_TOPIC("Redisson, reliable topic", ClientKind.POOL, 0x9c2f28),
  /** Spring Data Redis or Spring Integration, over Jedis. */
  SPRING_JEDIS("Spring, Jedis", ClientKind.POOL, 0x57a639),
  /** Spring Data Redis or Spring Integration, over Lettuce. */
  SPRING_LETTUCE("Spring, Lettuce", ClientKind.POOL, 0xa0a000),
  /** Lettuce alone. */
  LETTUCE("Lettuce", ClientKind.POOL, 0xc77f1a),
  /** JetCache, over the same {@code JedisPool} as raw commands. */
  JETCACHE("JetCache, JedisPool", ClientKind.POOL, 0xb66fd8),
  /** Caffeine, which no Redis stands behind. */
  CAFFEINE("Caffeine, no Redis", ClientKind.POOL, 0x6f4e37),
  /** ShedLock, over the same {@code JedisPool} as raw commands. */
  SHEDLOCK("ShedLock, JedisPool", ClientKind.POOL, 0xe36bae),
  /** Bucket4j, over the same {@code JedisPool} as raw commands. */
  BUCKET4J("Bucket4j, JedisPool", ClientKind.POOL, 0xa0522d),
  /** A token bucket in two keys and whole seconds, as gateways do it in a script. */
  TWO_KEYS("token bucket of two keys", ClientKind.POOL, 0x708090),
  /** The toolkit over a {@code JedisPool}, with permits taken ahead. */
  AHEAD("ours, permits ahead", ClientKind.POOL, 0x1b4f9c),
  /** The toolkit over a {@code JedisPool}, with refusals remembered. */
  DENY_CACHE("ours, deny cache", ClientKind.POOL, 0x5aa9e6);

  private final String label;
  private final ClientKind kind;
  private final int rgb;

  Through(String label, ClientKind kind, int rgb) {
    this.label = label;
    this.kind = kind;
    this.rgb = rgb;
  }

  /** How tables call it. */
  String label() {
    return label;
  }

  /** The client that Redis is reached by; peers with a client of their own leave it alone. */
  ClientKind kind() {
    return kind;
  }

  /** How plots draw it, readable on white. */
  Color colour() {
    return new Color(rgb);
  }

  /** Whether this is the toolkit. */
  boolean isOurs() {
    return switch (this) {
      case POOL,
          CLIENT,
          ON_READER,
          ON_EXECUTOR,
          COALESCING,
          COALESCING_2,
          COALESCING_16,
          AHEAD,
          DENY_CACHE ->
          true;
      default -> false;
    };
  }
}
