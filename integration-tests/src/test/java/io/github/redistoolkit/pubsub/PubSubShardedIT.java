package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisAccessControlException;

/** Sharded channels, and many channels at once. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class PubSubShardedIT extends PubSubSuite {

  PubSubShardedIT(TestRedis redis) {
    super(redis);
  }

  private List<String> channels(int count) {
    return IntStream.range(0, count).mapToObj(i -> channel + ":" + i).toList();
  }

  private long shardedSubscribers(String name) {
    return wire.sum(jedis -> jedis.pubsubShardNumSub(name).get(name));
  }

  @Test
  void whatIsPublishedShardedReachesThoseWhoSubscribedShardedAndNoOthers() {
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribeSharded(channel, Integer.class, this::keep);
      List<Integer> plain = new ArrayList<>();
      pubSub.subscribe(channel, Integer.class, message -> plain.add(message.body()));
      assertThat(pubSub.publishSharded(channel, 1), is(1L));
      pubSub.publish(channel, 2);
      assertThat(pubSub.publishSharded(channel, 3), is(1L));
      Wire.await("received").until(() -> kept, contains(1, 3));
      Wire.await("received").until(() -> plain, contains(2));
      assertThat(pubSub.isConnected(), is(true));
    }
    assertThat(recorder.connection, is(empty()));
  }

  @Test
  void keepsManyChannelsOfAllShardsInOrderOverOneConnectionEach() {
    int count = Matrix.size(200, 2_000);
    Queue<Message<Integer>> received = new ConcurrentLinkedQueue<>();
    try (RedisPubSub pubSub = builder().build()) {
      List<Subscription> subscriptions =
          pubSub.subscribeSharded(channels(count), Integer.class, received::add);
      assertThat(subscriptions, hasSize(count));
      assertThat(wire.connections().size(), is(lessThanOrEqualTo(redis.primaries().size())));
      for (int i = 0; i < 3; i++) {
        for (String each : channels(count)) {
          assertThat(pubSub.publishSharded(each, i), is(1L));
        }
      }
      Wire.await("all received").until(received::size, is(3 * count));
      for (Subscription subscription : subscriptions) {
        assertThat(
            received.stream()
                .filter(message -> message.subscription() == subscription)
                .map(Message::body)
                .toList(),
            contains(0, 1, 2));
        subscription.close();
      }
      Wire.await("unsubscribed").until(() -> shardedSubscribers(channel + ":0") == 0);
    }
  }

  @Test
  void comesBackWithShardedChannelsWhenTheirConnectionsAreKilled() {
    Set<String> back = ConcurrentHashMap.newKeySet();
    try (RedisPubSub pubSub = builder().build()) {
      List<Subscription> all =
          pubSub.subscribeSharded(
              channels(20), Integer.class, message -> back.add(message.channel()));
      wire.closeConnections();
      Set<Subscription> affected = new HashSet<>();
      Wire.await("each is told of its gap")
          .until(
              () -> {
                affected.addAll(recorder.reconnected);
                return affected.equals(new HashSet<>(all));
              });
      for (String each : channels(20)) {
        pubSub.publishSharded(each, 1);
      }
      Wire.await("received on all").until(back::size, is(20));
    }
  }

  @Test
  void aRefusedShardedChannelLeavesNothingOfTheWholeCall() {
    TestRedis limited = redis.with(config -> config.user(user()).password("for-this-test-only"));
    try (TestRedis client = limited;
        RedisPubSub pubSub = builder(client).build()) {
      List<String> wanted = new ArrayList<>(channels(10));
      wanted.add("forbidden" + channel);
      assertThrows(
          JedisAccessControlException.class,
          () -> pubSub.subscribeSharded(wanted, Integer.class, this::keep));
      Wire.await("nothing left").until(() -> shardedSubscribers(channel + ":0") == 0);
      pubSub.subscribeSharded(channels(10), Integer.class, this::keep);
      assertThat(shardedSubscribers(channel + ":0"), is(1L));
    } finally {
      wire.atEach(jedis -> assertThat(jedis.aclDelUser(user()), is(1L)));
    }
  }

  private String user() {
    String user = channel + "-user";
    wire.atEach(
        jedis ->
            jedis.aclSetUser(
                user,
                "reset",
                "on",
                ">for-this-test-only",
                "+@all",
                "~*",
                "&" + channel + "*",
                "&" + Probe.PREFIX + "*"));
    return user;
  }

  /** Each of them one by one would take a round trip. */
  @Test
  void subscribesToManyChannelsInFewRoundTrips() {
    int count = Matrix.size(2_000, 10_000);
    AtomicInteger received = new AtomicInteger();
    try (RedisPubSub pubSub = builder().maxWait(Duration.ofSeconds(30)).build()) {
      List<Subscription> all =
          pubSub.subscribe(channels(count), Integer.class, message -> received.incrementAndGet());
      assertThat(all, hasSize(count));
      assertThat(wire.subscribers(channel + ":" + (count - 1)), is(1L));
      try (Jedis jedis = redis.open(redis.address())) {
        for (int i = 0; i < count; i += 100) {
          jedis.publish((channel + ":" + i).getBytes(UTF_8), "1".getBytes(UTF_8));
        }
      }
      Wire.await("received").until(received::get, is(count / 100));
    }
  }
}
