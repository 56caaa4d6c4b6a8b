package io.github.redistoolkit.cache;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.CoreAccess;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.Arrays;

/** Caches and values that the suites share. */
final class Fixtures {

  private Fixtures() {}

  record User(String id, String name) {}

  static <V> CacheService.Builder<V> builder(TestRedis redis, String prefix, TypeToken<V> type) {
    return redis.over(
        pool -> CacheService.builder(pool, prefix, type),
        client -> CacheService.builder(client, prefix, type));
  }

  static <V> CacheService.Builder<V> builder(TestRedis redis, String prefix, Class<V> type) {
    return builder(redis, prefix, TypeToken.get(type));
  }

  /** Where keys are unique, they are the Redis keys. */
  static <V> CacheService.Builder<V> builder(TestRedis redis, TypeToken<V> type) {
    return new CacheService.Builder<>(CoreAccess.of(redis), "", type);
  }

  /** Where keys are unique, they are the Redis keys. */
  static <V> CacheService.Builder<V> builder(TestRedis redis, Class<V> type) {
    return builder(redis, TypeToken.get(type));
  }

  /** Where keys are unique, they are the Redis keys. */
  static <V> CacheService<V> cache(TestRedis redis, Class<V> type) {
    return builder(redis, type).build();
  }

  /** The lease of a load in another JVM, as Redis has it. */
  static String lease(Duration left) {
    return "#lease:elsewhere@" + (System.currentTimeMillis() + left.toMillis());
  }

  /** How many threads wait, within this method of the class, for what another thread does. */
  static long waitingIn(Class<?> type, String method) {
    return Thread.getAllStackTraces().entrySet().stream()
        .filter(thread -> isWaiting(thread.getKey().getState()))
        .filter(thread -> Arrays.stream(thread.getValue()).anyMatch(at -> isIn(at, type, method)))
        .filter(thread -> Arrays.stream(thread.getValue()).noneMatch(at -> isIn(at, type, "pause")))
        .count();
  }

  private static boolean isWaiting(Thread.State state) {
    return state == Thread.State.WAITING || state == Thread.State.TIMED_WAITING;
  }

  private static boolean isIn(StackTraceElement frame, Class<?> type, String method) {
    return frame.getClassName().equals(type.getName()) && frame.getMethodName().equals(method);
  }
}
