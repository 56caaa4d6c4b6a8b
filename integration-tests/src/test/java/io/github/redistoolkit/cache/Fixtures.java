package io.github.redistoolkit.cache;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.TestRedis;

/** Caches and values that the suites share. */
final class Fixtures {

  private Fixtures() {}

  record User(String id, String name) {}

  static <V> CacheBuilder<V> builder(TestRedis redis, TypeToken<V> type) {
    return redis.over(
        pool -> CacheService.builder(pool, type), client -> CacheService.builder(client, type));
  }

  static <V> CacheBuilder<V> builder(TestRedis redis, Class<V> type) {
    return builder(redis, TypeToken.get(type));
  }

  static <V> CacheService<V> cache(TestRedis redis, Class<V> type) {
    return redis.over(
        pool -> new CacheService<>(pool, type), client -> new CacheService<>(client, type));
  }
}
