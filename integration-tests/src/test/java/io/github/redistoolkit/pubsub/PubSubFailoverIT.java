package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** Servers that change their roles or die. */
@EachClient(topologies = {Topology.SENTINEL, Topology.CLUSTER})
class PubSubFailoverIT extends PubSubSuite {

  private static final Duration HEARTBEAT = Duration.ofMillis(500);
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final PrivateRedis servers;

  PubSubFailoverIT(TestRedis shared) {
    super(shared.privateServers());
    this.servers = shared.privateServers();
  }

  @Override
  RedisPubSub.Builder builder() {
    return super.builder().heartbeat(HEARTBEAT);
  }

  /** Whether the subscription is on this very server: Redis counts them one server at a time. */
  private boolean isSubscribedAt(RedisServer server) {
    try (Jedis jedis = redis.open(server.address())) {
      return jedis.pubsubNumSub(channel).get(channel) == 1;
    }
  }

  private RedisServer subscribedAt() {
    return servers.servers().stream().filter(this::isSubscribedAt).findFirst().orElseThrow();
  }

  private void awaitOnNewPrimary(RedisServer old) {
    Wire.await("on the new primary")
        .atMost(PATIENCE)
        .until(() -> isSubscribedAt(servers.primaryOf(channel)));
    Wire.await("the old one has heard of it").atMost(PATIENCE).until(() -> follows(old));
  }

  private boolean follows(RedisServer server) {
    try (Jedis jedis = redis.open(server.address())) {
      return jedis.info("replication").contains("role:slave");
    } catch (JedisConnectionException e) {
      return false; // a sentinel that demotes a server also has it drop all its clients
    }
  }

  /** The servers need some time until what one was told is known to all. */
  private void assertReceivesInTheEnd(int body, RedisServer publishing) {
    Wire.await("received again")
        .atMost(PATIENCE)
        .until(
            () -> {
              try (Jedis jedis = redis.open(publishing.address())) {
                jedis.publish(channel, String.valueOf(body));
              }
              return kept.contains(body);
            });
  }

  @Test
  void goesOnAfterAFailoverAndThroughSentinelOnTheNewPrimary() {
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      RedisServer old = servers.primaryOf(channel);
      servers.failOver(channel);
      if (redis.topology() == Topology.SENTINEL) {
        // The old one would go on answering PING, and get no message that a client publishes.
        awaitOnNewPrimary(old);
        Wire.await("reported").until(() -> recorder.connection, is(List.of("lost", "back")));
      }
      assertReceivesInTheEnd(1, servers.primaryOf(channel));
      Wire.await("connected").until(pubSub::isConnected);
    }
    assertThat(recorder.failures, is(empty()));
  }

  @Test
  void comesBackElsewhereWhenItsServerDies() {
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      RedisServer server = subscribedAt();
      HostAndPort before = servers.primaryOf(channel).address();
      server.kill();
      Wire.await("noticed").until(() -> recorder.causes.size() == 1);
      if (before.equals(server.address())) {
        servers.awaitFailover(channel, before);
      }
      Wire.await("healed").atMost(PATIENCE).until(() -> recorder.gaps.size() == 1);
      assertReceivesInTheEnd(1, servers.primaryOf(channel));
    }
    assertThat(recorder.connection, contains("lost", "back"));
    assertThat(recorder.failures, is(empty()));
  }

  @Test
  void comesBackElsewhereWhenItsServerHangsAndStaysThere() {
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      RedisServer server = subscribedAt();
      long start = System.nanoTime();
      server.pause();
      Wire.await("noticed").until(() -> recorder.causes.size() == 1);
      // Two and a half heartbeats are promised; the rest is for a busy machine.
      assertThat(
          Duration.ofNanos(System.nanoTime() - start), is(lessThan(HEARTBEAT.multipliedBy(6))));
      Wire.await("healed").atMost(PATIENCE).until(() -> recorder.gaps.size() == 1);
      server.resume();
      if (redis.topology() == Topology.SENTINEL) {
        awaitOnNewPrimary(server);
      }
      Wire.await("nothing is left behind there").until(() -> !isSubscribedAt(server));
      assertReceivesInTheEnd(1, servers.primaryOf(channel));
    }
    assertThat(recorder.connection, contains("lost", "back"));
    assertThat(recorder.failures, is(empty()));
  }
}
