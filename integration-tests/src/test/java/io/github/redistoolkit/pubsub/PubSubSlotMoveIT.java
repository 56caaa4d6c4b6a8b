package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisException;

/** Sharded channels whose slot moves, or whose owner is replaced. */
@EachClient(topologies = Topology.CLUSTER)
class PubSubSlotMoveIT extends PubSubSuite {

  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final PrivateRedis servers;

  PubSubSlotMoveIT(TestRedis shared) {
    super(shared.privateServers());
    this.servers = shared.privateServers();
  }

  @Override
  RedisPubSub.Builder builder() {
    return super.builder().heartbeat(Duration.ofMillis(500)).longestSilence(Duration.ofSeconds(5));
  }

  private boolean isSubscribedAt(RedisServer server) {
    try (Jedis jedis = redis.open(server.address())) {
      return jedis.pubsubShardNumSub(channel).get(channel) == 1;
    }
  }

  private void assertReceivesInTheEnd(RedisPubSub pubSub, int body) {
    Wire.await("received")
        .atMost(PATIENCE)
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(
            () -> {
              pubSub.publishSharded(channel, body);
              return kept.contains(body);
            });
  }

  @Test
  void followsASlotThatMovesAndReportsTheGapOfItsChannelsAlone() {
    try (RedisPubSub pubSub = builder().build()) {
      Subscription moved = pubSub.subscribeSharded(channel, Integer.class, this::keep);
      Subscription other = pubSub.subscribeSharded(elsewhere(), Integer.class, message -> {});
      assertReceivesInTheEnd(pubSub, 1);
      RedisServer before = servers.primaryOf(channel);
      servers.moveSlot(channel);
      RedisServer after = servers.primaryOf(channel);
      Wire.await("there").atMost(PATIENCE).until(() -> isSubscribedAt(after));
      Wire.await("no longer here").atMost(PATIENCE).until(() -> !isSubscribedAt(before));
      Wire.await("reported").atMost(PATIENCE).until(() -> recorder.reconnected, hasItem(moved));
      assertReceivesInTheEnd(pubSub, 2);
      assertThat(recorder.connection, contains("lost", "back"));
      assertThat(recorder.reconnected, contains(moved));
      assertThat(other.stats().reconnects(), is(0L));
    }
    assertThat(recorder.failures, is(empty()));
  }

  /** A channel of another primary. */
  private String elsewhere() {
    for (int i = 0; ; i++) {
      String name = "elsewhere:" + i;
      if (!servers.primaryOf(name).address().equals(servers.primaryOf(channel).address())) {
        return name;
      }
    }
  }

  @Test
  void followsAFailover() {
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribeSharded(channel, Integer.class, this::keep);
      assertReceivesInTheEnd(pubSub, 1);
      servers.failOver(channel);
      RedisServer after = servers.primaryOf(channel);
      Wire.await("there").atMost(PATIENCE).until(() -> isSubscribedAt(after));
      Wire.await("connected").atMost(PATIENCE).until(pubSub::isConnected);
      assertReceivesInTheEnd(pubSub, 2);
    }
    assertThat(recorder.failures, is(empty()));
  }

  @Test
  void comesBackElsewhereWhenTheOwnerDies() {
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribeSharded(channel, Integer.class, this::keep);
      assertReceivesInTheEnd(pubSub, 1);
      RedisServer owner = servers.primaryOf(channel);
      owner.kill();
      servers.awaitFailover(channel, owner.address());
      Wire.await("there").atMost(PATIENCE).until(() -> isSubscribedAt(servers.primaryOf(channel)));
      assertReceivesInTheEnd(pubSub, 2);
      assertThat(recorder.connection.get(0), is("lost"));
      Wire.await("reported").atMost(PATIENCE).until(() -> recorder.connection, hasItem("back"));
    }
    assertThat(recorder.failures, is(empty()));
  }
}
