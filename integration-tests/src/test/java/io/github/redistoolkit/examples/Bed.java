package io.github.redistoolkit.examples;

import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.TestRedis;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/** A Redis for an example, with a pool as an application has one. Closing it removes the keys. */
final class Bed implements AutoCloseable {

  private final TestRedis redis;
  private final String prefix;

  private Bed(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("example:");
  }

  static Bed open() {
    return new Bed(TestRedis.of(ClientKind.POOL));
  }

  Pool<Jedis> pool() {
    return redis.over(
        pool -> pool,
        client -> {
          throw new IllegalStateException("the bed was asked for a pool");
        });
  }

  /** What is in the names of all keys and channels, as the server may be somebody's. */
  String prefix() {
    return prefix;
  }

  @Override
  public void close() {
    redis.removeKeys();
    redis.close();
  }
}
