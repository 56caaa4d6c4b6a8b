package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.RedisAccess;

/** Refuses clients that a cache cannot keep its promises with. */
final class Clients {

  private Clients() {}

  static RedisAccess require(RedisAccess redis) {
    if (redis.cachesReads()) {
      throw new IllegalArgumentException(
          "client must not have Jedis's client-side cache on, whose reads may miss an"
              + " invalidation: use nearCache(…) of this cache instead");
    }
    return redis;
  }
}
