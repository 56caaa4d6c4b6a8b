package io.github.redistoolkit.core;

import io.github.redistoolkit.testing.TestRedis;

/** The way that the modules take through the client of a test. */
public final class CoreAccess {

  private CoreAccess() {}

  /** That through the pool or the client, whichever this Redis is reached by. */
  public static RedisAccess of(TestRedis redis) {
    return redis.over(RedisAccess::of, RedisAccess::of);
  }
}
