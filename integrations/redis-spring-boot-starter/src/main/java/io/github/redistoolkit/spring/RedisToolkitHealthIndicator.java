package io.github.redistoolkit.spring;

import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;

/**
 * Up if the Redis of the toolkit answers {@code PING}, through the pool or client that it uses; in
 * a Cluster, if each node does.
 */
final class RedisToolkitHealthIndicator extends AbstractHealthIndicator {

  private final Connections redis;

  RedisToolkitHealthIndicator(Connections redis) {
    super("The Redis of the toolkit does not answer");
    this.redis = redis;
  }

  @Override
  protected void doHealthCheck(Health.Builder builder) {
    String answer =
        redis.over(
            pool -> {
              try (Jedis jedis = pool.getResource()) {
                return jedis.ping();
              }
            },
            UnifiedJedis::ping);
    builder.up().withDetail("answer", answer);
  }
}
