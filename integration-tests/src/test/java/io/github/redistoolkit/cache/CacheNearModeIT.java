package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.CacheStats.NearMode;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import org.junit.jupiter.api.Test;

/** A near cache finds the way in which a server tells of changes, and says which it is. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class CacheNearModeIT {

  private final TestRedis redis;

  CacheNearModeIT(TestRedis redis) {
    this.redis = redis.ours();
  }

  @Test
  void redirectsWhereTheServerAllowsIt() {
    NearHearing.require(redis, redis, NearMode.REDIRECT);
  }

  @Test
  void hasChangesPushedWhereItMayNotRedirect() {
    try (TestRedis user = redis.withoutCommands("client|id")) {
      NearHearing.require(redis, user, NearMode.PUSH);
    }
  }
}
