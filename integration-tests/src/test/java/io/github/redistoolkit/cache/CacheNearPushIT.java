package io.github.redistoolkit.cache;

import io.github.redistoolkit.testing.TestRedis;

/** The same, where a near cache cannot redirect what it tracks, and so has it pushed. */
class CacheNearPushIT extends CacheNearIT {

  CacheNearPushIT(TestRedis redis) {
    super(redis.ours().withoutCommands("client|id"));
  }
}
