package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.args.ClientType;
import redis.clients.jedis.params.ClientKillParams;

/** The same promises behind Sentinel and in a Cluster. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class PubSubTopologyIT {

  private static final Pattern REPLICA = Pattern.compile("slave\\d+:ip=([^,]+),port=(\\d+)");

  private final TestRedis redis;
  private final String channel;
  private final Recorder recorder = new Recorder();
  private final List<Message<Integer>> received = new CopyOnWriteArrayList<>();
  private final RedisPubSub pubSub;

  PubSubTopologyIT(TestRedis redis) {
    this.redis = redis;
    this.channel = redis.unique("channel");
    this.pubSub =
        redis
            .<RedisPubSub.Builder>over(RedisPubSub::builder, RedisPubSub::builder)
            .listener(recorder)
            .build();
  }

  @AfterEach
  void close() {
    pubSub.close();
    Wire.await("no thread left").until(Wire::threads, is(empty()));
    assertThat(redis.borrowed(), is(0));
  }

  /** Kills what has subscriptions on every server, and so ours wherever it is. */
  private void killEverywhere() {
    for (HostAndPort primary : redis.primaries()) {
      List<HostAndPort> servers = new ArrayList<>(List.of(primary));
      try (Jedis jedis = redis.open(primary)) {
        Matcher replica = REPLICA.matcher(jedis.info("replication"));
        while (replica.find()) {
          servers.add(new HostAndPort(replica.group(1), Integer.parseInt(replica.group(2))));
        }
      }
      for (HostAndPort server : servers) {
        try (Jedis jedis = redis.open(server)) {
          jedis.clientKill(ClientKillParams.clientKillParams().type(ClientType.PUBSUB));
        }
      }
    }
  }

  @Test
  void receivesAtOnceWhatIsPublishedAnywhere() {
    List<Message<Integer>> expected = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      pubSub.subscribe(channel + i, Integer.class, received::add);
      pubSub.publish(channel + i, i);
      expected.add(new Message<>(channel + i, i));
    }
    Wire.await("all received").until(() -> received.size() == 50);
    assertThat(received, containsInAnyOrder(expected.toArray()));
    received.clear();
    for (HostAndPort primary : redis.primaries()) {
      try (Jedis jedis = redis.open(primary)) {
        jedis.publish(channel + 7, String.valueOf(primary.getPort()));
      }
    }
    Wire.await("received from each node").until(() -> received, hasSize(redis.primaries().size()));
    assertThat(recorder.connection, is(empty()));
    assertThat(pubSub.isConnected(), is(true));
  }

  @Test
  void receivesByPatternAndInOrder() {
    pubSub.subscribePattern(channel + ":*", Integer.class, received::add);
    int count = 2000;
    try (Jedis jedis = redis.open(redis.address())) {
      for (int i = 0; i < count; i++) {
        jedis.publish(channel + ":a", String.valueOf(i));
      }
    }
    Wire.await("all received").until(() -> received, hasSize(count));
    assertThat(
        received.stream().map(Message::body).toList(),
        is(IntStream.range(0, count).boxed().toList()));
  }

  @Test
  void comesBackWhereverItsConnectionIsKilled() {
    for (int i = 0; i < 20; i++) {
      pubSub.subscribe(channel + i, Integer.class, received::add);
    }
    for (int round = 1; round <= 3; round++) {
      int body = round;
      killEverywhere();
      Wire.await("back on all")
          .until(
              () -> {
                for (int i = 0; i < 20; i++) {
                  pubSub.publish(channel + i, body);
                }
                return received.stream().filter(m -> m.body() == body).distinct().count() == 20;
              });
      // In a Cluster it may have gone on to a node where it was killed once more.
      assertThat(recorder.causes.size(), is(greaterThanOrEqualTo(round)));
    }
    Wire.await("every loss is paired with a return")
        .until(() -> recorder.gaps.size() == recorder.causes.size());
    assertThat(recorder.failures, is(empty()));
  }

  @Test
  void staysOnItsConnectionWhileNothingFailsOver() {
    pubSub.subscribe(channel, Integer.class, received::add);
    // Longer than the look at the primary of the moment takes to come round twice.
    long start = System.nanoTime();
    Wire.await("time passes").until(() -> System.nanoTime() - start > 2_500_000_000L);
    pubSub.publish(channel, 1);
    Wire.await("received").until(() -> received, hasSize(1));
    assertThat(recorder.connection, is(empty()));
  }

  @Test
  void endsWhenThePoolOrClientIsClosed() {
    RedisPubSub other;
    Subscription subscription;
    try (TestRedis closing = redis.withMaxTotal(2)) {
      other = closing.over(RedisPubSub::new, RedisPubSub::new);
      subscription = other.subscribe(channel, Integer.class, received::add);
      assertThat(subscription.isActive(), is(true));
    }
    Wire.await("ended").atMost(Duration.ofSeconds(10)).until(() -> !subscription.isActive());
    other.close();
  }
}
