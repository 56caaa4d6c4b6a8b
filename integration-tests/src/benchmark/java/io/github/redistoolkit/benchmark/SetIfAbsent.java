package io.github.redistoolkit.benchmark;

import java.util.List;
import java.util.function.Function;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.params.SetParams;
import redis.clients.jedis.util.Pool;

/** The lock that one would write by hand. It does not wait. */
record SetIfAbsent(Pool<Jedis> pool, String sha1, String name) implements Mutex {

  private static final String RELEASE =
      """
      if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
      return 0
      """;
  private static final String OWNER = "0123456789abcdef0123456789abcdef";

  static Function<String, Mutex> client(Pool<Jedis> pool) {
    String sha1 = RawScript.load(pool, RELEASE);
    return name -> new SetIfAbsent(pool, sha1, name);
  }

  @Override
  public boolean tryAcquire() {
    try (Jedis jedis = pool.getResource()) {
      return jedis.set(name, OWNER, SetParams.setParams().nx().px(LEASE.toMillis())) != null;
    }
  }

  @Override
  public void acquire() {
    throw new UnsupportedOperationException("it does not wait");
  }

  @Override
  public void release() {
    try (Jedis jedis = pool.getResource()) {
      if (!jedis.evalsha(sha1, List.of(name), List.of(OWNER)).equals(1L)) {
        throw new IllegalStateException("the lock was lost");
      }
    }
  }
}
