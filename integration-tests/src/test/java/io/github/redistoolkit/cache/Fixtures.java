package io.github.redistoolkit.cache;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.TestRedis;
import java.util.Arrays;

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

  /** How many threads wait, within this method of the class, for what another thread does. */
  static long waitingIn(Class<?> type, String method) {
    return Thread.getAllStackTraces().entrySet().stream()
        .filter(thread -> thread.getKey().getState() == Thread.State.WAITING)
        .filter(thread -> Arrays.stream(thread.getValue()).anyMatch(at -> isIn(at, type, method)))
        .count();
  }

  private static boolean isIn(StackTraceElement frame, Class<?> type, String method) {
    return frame.getClassName().equals(type.getName()) && frame.getMethodName().equals(method);
  }
}
