package io.github.redistoolkit.pubsub;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.util.Pool;

/** A pool for tests that never connect. */
final class Offline {

  private Offline() {}

  /** To nowhere: nothing listens on port 1. */
  @SuppressWarnings("deprecation") // JedisPool is what most code holds
  static Pool<Jedis> pool() {
    return new JedisPool("127.0.0.1", 1);
  }
}
