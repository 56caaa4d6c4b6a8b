package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import redis.clients.jedis.UnifiedJedis;

/** Which client of a Cluster a cache can be built on. */
@EachClient(topologies = Topology.CLUSTER)
class CacheClusterClientIT {

  private final TestRedis redis;

  CacheClusterClientIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void theDeprecatedOneIsRefused() {
    try (UnifiedJedis deprecated = jedisCluster()) {
      List<Executable> ways =
          List.of(
              () -> new CacheService<>(deprecated, Integer.class),
              () -> CacheService.builder(deprecated, Integer.class));
      for (Executable way : ways) {
        IllegalArgumentException failure = assertThrows(IllegalArgumentException.class, way);
        assertThat(failure.getMessage(), containsString("use RedisClusterClient"));
      }
    }
  }

  @SuppressWarnings("deprecation") // what is refused
  private UnifiedJedis jedisCluster() {
    return new redis.clients.jedis.JedisCluster(new HashSet<>(redis.primaries()));
  }
}
