package io.github.redistoolkit.ratelimit;

import io.github.redistoolkit.core.RedisAccess;
import java.util.Set;
import redis.clients.jedis.util.JedisClusterCRC16;

/** Where a Cluster has keys. */
final class Slots {

  private Slots() {}

  /** Refuses keys that no one script can reach. */
  static void requireOne(RedisAccess redis, Set<String> keys) {
    if (!redis.spreadsKeys()) {
      return;
    }
    long slots =
        keys.stream().mapToInt(key -> JedisClusterCRC16.getSlot(redis.key(key))).distinct().count();
    if (slots > 1) {
      throw new IllegalArgumentException(
          "ids of one decision must share a tag in a Cluster, but these are in "
              + slots
              + " slots");
    }
  }
}
