package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.params.SetParams;

@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class PubSubKeyEventsIT extends PubSubSuite {

  private static final int KEYS = 60;
  private static final String SETTING = "notify-keyspace-events";

  private final PrivateRedis servers;

  PubSubKeyEventsIT(TestRedis shared) {
    super(shared.privateServers());
    this.servers = shared.privateServers();
  }

  @Test
  void hearsOfTheKeysOfAllPrimaries() {
    servers.configure(SETTING, "KEA");
    Set<String> set = ConcurrentHashMap.newKeySet();
    Set<String> expired = ConcurrentHashMap.newKeySet();
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribeKeyEvents(List.of("set"), message -> set.add(message.body().key()));
      pubSub.subscribeKeyEvents(List.of("expired"), message -> expired.add(message.body().key()));
      UnifiedJedis admin = redis.admin();
      for (int i = 0; i < KEYS; i++) {
        admin.set(channel + i, "v", SetParams.setParams().px(50));
      }
      Wire.await("all are set").until(set::size, is(KEYS));
      Wire.await("all have expired").until(expired::size, is(KEYS));
      assertThat(pubSub.isConnected(), is(true));
    }
    assertThat(recorder.failures, is(empty()));
  }

  @Test
  void severalEventsOfOneKeyComeInOrder() {
    servers.configure(SETTING, "E$g");
    Queue<KeyEvent> heard = new ConcurrentLinkedQueue<>();
    try (RedisPubSub pubSub = builder().build()) {
      Subscription subscription =
          pubSub.subscribeKeyEvents(
              List.of("set", "expire", "del"), message -> heard.add(message.body()));
      UnifiedJedis admin = redis.admin();
      admin.set(channel, "v");
      admin.expire(channel, 100);
      admin.append(channel, "not asked for");
      admin.del(channel);
      Wire.await("all heard").until(heard::size, is(3));
      assertThat(
          heard,
          contains(
              new KeyEvent("set", channel),
              new KeyEvent("expire", channel),
              new KeyEvent("del", channel)));
      assertThat(
          subscription.topic(), is("__keyevent@0__:set,__keyevent@0__:expire,__keyevent@0__:del"));
      subscription.close();
      Wire.await("unsubscribed").until(() -> wire.subscribers("__keyevent@0__:set") == 0);
    }
  }

  @Test
  void saysSoIfServersDoNotSendTheEvents() {
    servers.configure(SETTING, "Ex");
    try (RedisPubSub pubSub = builder().build()) {
      Exception e =
          assertThrows(
              IllegalStateException.class,
              () -> pubSub.subscribeKeyEvents(List.of("expired", "set"), message -> {}));
      assertThat(
          e.getMessage(),
          allOf(containsString("no event set"), containsString(SETTING + " is \"xE\"")));
      pubSub.subscribeKeyEvents(List.of("expired"), message -> {});
    }
  }

  @Test
  void refusesWhatCannotBeAnEvent() {
    try (RedisPubSub pubSub = builder().build()) {
      for (List<String> events : List.of(List.<String>of(), List.of("set", "a b"), List.of("*"))) {
        assertThrows(
            IllegalArgumentException.class, () -> pubSub.subscribeKeyEvents(events, message -> {}));
      }
    }
  }
}
