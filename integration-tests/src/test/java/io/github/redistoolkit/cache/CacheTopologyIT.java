package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import org.junit.jupiter.api.Test;

/** What the cache says where it cannot do something. */
@EachClient(topologies = {Topology.SENTINEL, Topology.CLUSTER})
class CacheTopologyIT {

  private final TestRedis redis;

  CacheTopologyIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void aNearCacheIsRefusedWhereThereIsMoreThanOneServer() {
    CacheBuilder<Integer> builder =
        Fixtures.builder(redis, Integer.class).prefix(redis.unique("near:")).nearCache(10);
    IllegalArgumentException failure = assertThrows(IllegalArgumentException.class, builder::build);
    assertThat(failure.getMessage(), containsString("nearCache"));
  }
}
