package io.github.redistoolkit.lock;

import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import redis.clients.jedis.params.SetParams;

/** Locks as tests make them, and their keys. */
final class Locks {

  private Locks() {}

  /** A lock through the suite's kind of client. */
  static RedisLock lock(TestRedis redis, String name, Duration lease) {
    return redis.over(p -> new RedisLock(p, name, lease), c -> new RedisLock(c, name, lease));
  }

  /**
   * A name whose server knows the scripts, so that the next request is what a test is about, and
   * not a script on its way there.
   */
  static String prepared(TestRedis redis, String text) {
    String name = redis.unique(text);
    Duration lease = Duration.ofSeconds(30);
    Lease first = lock(redis, name, lease).tryAcquire().orElseThrow();
    if (!first.extend(lease)) {
      throw new AssertionError("a new lease on " + name + " is lost");
    }
    first.close();
    return name;
  }

  /** The key of the lock's state. */
  static String key(String name) {
    return "lock:{" + name + "}";
  }

  /** For how many milliseconds the lock is held in Redis: 0 if it is not. */
  static long millisLeft(TestRedis redis, String name) {
    StoredState state = state(redis, name);
    return state.endMicros() == 0 ? 0 : Math.max(0, (state.endMicros() - state.now()) / 1_000);
  }

  /** Whether anybody has the lock in Redis. */
  static boolean isHeld(TestRedis redis, String name) {
    return millisLeft(redis, name) > 0;
  }

  /** Puts something in the place of what Redis has of the lock, for a minute. */
  static void put(TestRedis redis, String name, String stored) {
    String reply = redis.admin().set(key(name), stored, SetParams.setParams().px(60_000));
    if (!"OK".equals(reply)) {
      throw new AssertionError(reply);
    }
  }

  /** What Redis has of the lock. */
  static StoredState state(TestRedis redis, String name) {
    return StoredState.read(redis.admin(), key(name));
  }
}
