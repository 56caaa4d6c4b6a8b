package io.github.redistoolkit.benchmark;

import java.util.function.Function;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * The limit of a hand-over: an element of a list that is taken with {@code BLPOP} and put back with
 * {@code LPUSH}. It is no lock, since it is gone with a holder that dies.
 */
record Baton(Pool<Jedis> pool, String list) implements Mutex {

  /** Puts the only baton there. */
  static void putDown(UnifiedJedis admin, String list) {
    admin.lpush(list, "baton");
  }

  static Function<String, Mutex> client(Pool<Jedis> pool) {
    return list -> new Baton(pool, list);
  }

  @Override
  public boolean tryAcquire() {
    try (Jedis jedis = pool.getResource()) {
      return jedis.lpop(list) != null;
    }
  }

  @Override
  public void acquire() {
    try (Jedis jedis = pool.getResource()) {
      if (jedis.blpop((int) LEASE.toSeconds(), list) == null) {
        throw new IllegalStateException("the baton was lost");
      }
    }
  }

  @Override
  public void release() {
    try (Jedis jedis = pool.getResource()) {
      jedis.lpush(list, "baton");
    }
  }
}
