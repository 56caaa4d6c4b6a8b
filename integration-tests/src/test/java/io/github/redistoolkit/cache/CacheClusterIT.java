package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.UnifiedJedis;

/** Which client of a Cluster a cache can be built on. */
@EachClient(topologies = Topology.CLUSTER)
class CacheClusterIT {

  private final TestRedis redis;

  CacheClusterIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void theDeprecatedOneIsAsGoodAsItsSuccessor() {
    String prefix = redis.unique("deprecated:");
    try (UnifiedJedis deprecated = jedisCluster();
        CacheService<Integer> cache = new CacheService<>(deprecated, prefix, Integer.class)) {
      cache.set("1", 1);
      assertThat(cache.getOrLoad("2", () -> 2), is(2));
      assertThat(cache.getAll(List.of("1", "2")), is(Map.of("1", 1, "2", 2)));
      assertThat(cache.deleteAll(List.of("1", "2")), is(2L));
    }
  }

  @SuppressWarnings("deprecation") // what is tried
  private UnifiedJedis jedisCluster() {
    return new redis.clients.jedis.JedisCluster(new HashSet<>(redis.primaries()));
  }
}
