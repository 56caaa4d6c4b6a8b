package io.github.redistoolkit.spring;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.lock.RedisLocks;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.data.redis.autoconfigure.DataRedisAutoConfiguration;
import org.springframework.boot.health.contributor.HealthIndicator;
import org.springframework.boot.health.contributor.Status;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisCluster;
import redis.clients.jedis.JedisSentinelPool;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/** An application without a client of its own, whose properties name sentinels or a Cluster. */
@SuppressWarnings("deprecation") // what the starter makes, as each Jedis of Boot has it
@LeavesServerAlone
@EachClient(topologies = {Topology.SENTINEL, Topology.CLUSTER})
class StarterDetailsIT {

  private final TestRedis redis;
  private final String id;
  private final ApplicationContextRunner application;

  StarterDetailsIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("id");
    this.application =
        new ApplicationContextRunner()
            .withConfiguration(
                AutoConfigurations.of(
                    DataRedisAutoConfiguration.class, RedisToolkitAutoConfiguration.class))
            .withPropertyValues(
                "redis.toolkit.ratelimit.limits.api=1/1h,5/2h",
                "spring.data.redis.client-name=" + id)
            .withPropertyValues(
                redis.topology() == Topology.CLUSTER
                    ? new String[] {"spring.data.redis.cluster.nodes=" + text(redis.nodes())}
                    : new String[] {
                      "spring.data.redis.sentinel.master=" + redis.primaryName(),
                      "spring.data.redis.sentinel.nodes=" + text(redis.sentinels())
                    });
  }

  private static String text(List<HostAndPort> nodes) {
    return nodes.stream().map(HostAndPort::toString).collect(Collectors.joining(","));
  }

  @Test
  void aClientIsMadeAndClosedAtTheEnd() {
    List<AutoCloseable> made = new ArrayList<>();
    application.run(
        context -> {
          RateLimiter api = context.getBean("apiRateLimiter", RateLimiter.class);
          assertThat(api.isAllowed(id), is(true));
          assertThat(api.isAllowed(id), is(false));
          assertThat(
              context
                  .getBean(RedisLocks.class)
                  .lock(id, Duration.ofSeconds(5))
                  .tryAcquire()
                  .orElseThrow()
                  .release(),
              is(true));
          RedisPubSub pubsub = context.getBean(RedisPubSub.class);
          var unused = pubsub.subscribe(id, String.class, message -> {});
          assertThat(pubsub.isConnected(), is(true));
          assertThat(context.getBean(HealthIndicator.class).health().getStatus(), is(Status.UP));
          assertThat(connections(), is(greaterThan(0L)));
          made.add(
              redis.topology() == Topology.CLUSTER
                  ? context.getBean(UnifiedJedis.class)
                  : context.getBean(Pool.class));
        });
    assertThat(made.get(0), is(instanceOf(kind())));
    await().atMost(Duration.ofSeconds(10)).until(() -> connections() == 0);
  }

  private Class<?> kind() {
    return redis.topology() == Topology.CLUSTER ? JedisCluster.class : JedisSentinelPool.class;
  }

  private long connections() {
    return redis.nodes().stream()
        .mapToLong(
            node -> {
              try (Jedis jedis = redis.open(node)) {
                return jedis.clientList().lines().filter(line -> line.contains(id)).count();
              }
            })
        .sum();
  }
}
