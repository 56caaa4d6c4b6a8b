package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;

/** Servers that change their roles or die. */
@EachClient(topologies = {Topology.SENTINEL, Topology.CLUSTER})
class PubSubFailoverIT {

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final String channel;
  private final Recorder recorder = new Recorder();
  private final List<Integer> received = new CopyOnWriteArrayList<>();

  PubSubFailoverIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
    this.channel = redis.unique("channel");
  }

  @AfterEach
  void end() {
    Wire.await("no thread left").until(Wire::threads, is(empty()));
  }

  private RedisPubSub.Builder builder() {
    return redis
        .<RedisPubSub.Builder>over(RedisPubSub::builder, RedisPubSub::builder)
        .heartbeat(Duration.ofSeconds(1))
        .listener(recorder);
  }

  /** Whether the subscription is on this very server: Redis counts them one server at a time. */
  private boolean isSubscribedAt(RedisServer server) {
    if (!server.isRunning()) {
      return false;
    }
    try (Jedis jedis = new Jedis(server.address())) {
      return jedis.pubsubNumSub(channel).get(channel) == 1;
    }
  }

  private void assertReceivesAgain(int body) {
    Wire.await("received again")
        .atMost(Duration.ofSeconds(30))
        .until(
            () -> {
              try (Jedis jedis = redis.open(servers.primaryOf(channel).address())) {
                jedis.publish(channel, String.valueOf(body));
              }
              return received.contains(body);
            });
  }

  @Test
  void goesOnAfterAFailoverAndThroughSentinelOnTheNewPrimary() {
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, Integer.class, message -> received.add(message.body()));
      assertReceivesAgain(1);
      servers.failOver(channel);
      if (redis.topology() == Topology.SENTINEL) {
        // The old one would go on answering PING, and get no message that a client publishes.
        RedisServer primary = servers.primaryOf(channel);
        Wire.await("on the new primary")
            .atMost(Duration.ofSeconds(30))
            .until(() -> isSubscribedAt(primary));
        Wire.await("reported").until(() -> recorder.gaps, hasSize(recorder.causes.size()));
        assertThat(recorder.causes.size(), is(greaterThan(0)));
      }
      assertReceivesAgain(2);
      Wire.await("connected").until(pubSub::isConnected);
    }
    assertThat(recorder.failures, is(empty()));
  }

  @Test
  void comesBackElsewhereWhenItsServerDies() {
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, Integer.class, message -> received.add(message.body()));
      RedisServer server =
          servers.servers().stream().filter(this::isSubscribedAt).findFirst().orElseThrow();
      HostAndPort before = servers.primaryOf(channel).address();
      server.kill();
      Wire.await("noticed").until(() -> recorder.causes.size() >= 1);
      if (before.equals(server.address())) {
        servers.awaitFailover(channel, before);
      }
      Wire.await("healed")
          .atMost(Duration.ofSeconds(30))
          .until(() -> recorder.gaps.size() == recorder.causes.size());
      assertReceivesAgain(1);
    }
    assertThat(recorder.failures, is(empty()));
  }
}
