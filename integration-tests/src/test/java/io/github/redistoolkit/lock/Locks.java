package io.github.redistoolkit.lock;

import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;

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

  /** The key of the lock itself. */
  static String key(String name) {
    return "lock:{" + name + "}";
  }
}
