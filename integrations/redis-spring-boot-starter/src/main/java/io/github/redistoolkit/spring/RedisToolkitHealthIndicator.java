package io.github.redistoolkit.spring;

import java.util.List;
import org.springframework.boot.health.contributor.AbstractHealthIndicator;
import org.springframework.boot.health.contributor.Health;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;

/**
 * Up if the Redis of the toolkit answers {@code PING}, through the pool or client that it uses; in
 * a Cluster, if each node does. Down too while a subscription to a durable topic cannot read, as
 * when a permission is missing.
 */
final class RedisToolkitHealthIndicator extends AbstractHealthIndicator {

  private final Connections redis;
  private final TopicSubscriptions subscriptions;

  RedisToolkitHealthIndicator(Connections redis, TopicSubscriptions subscriptions) {
    super("The Redis of the toolkit does not answer");
    this.redis = redis;
    this.subscriptions = subscriptions;
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
    List<String> unreadable = subscriptions.unreadable();
    if (!unreadable.isEmpty()) {
      builder.down().withDetail("unreadable", unreadable);
    }
  }
}
