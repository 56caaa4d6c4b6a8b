package io.github.redistoolkit.benchmark;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/** Scripts of the rows without the toolkit. */
final class RawScript {

  private RawScript() {}

  /** Has the server know a script; returns the name for {@code EVALSHA}. */
  static String load(Pool<Jedis> pool, String source) {
    try (Jedis jedis = pool.getResource()) {
      return jedis.scriptLoad(source);
    }
  }
}
