package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.JsonParseException;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;

/** Publishing, subscribing and receiving, while nothing fails but handlers and payloads. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
@Tag("smoke")
class PubSubIT extends PubSubSuite {

  record UserEvent(String event, String userId, Instant at) {}

  record Event(String type, long number) {}

  private static final UserEvent CREATED =
      new UserEvent("user_created", "123", Instant.parse("2025-01-15T10:00:00Z"));

  private final RedisPubSub pubSub = builder().build();

  PubSubIT(TestRedis redis) {
    super(redis);
  }

  @AfterEach
  void close() {
    pubSub.close();
  }

  @Test
  void pubSubMessagingDeliversWithinTwoSecondsWithoutASettlingSleep() throws Exception {
    BlockingQueue<Map<String, Object>> received = new LinkedBlockingQueue<>();
    Subscription subscription =
        pubSub.subscribe(
            channel,
            new TypeToken<Map<String, Object>>() {},
            message -> received.add(message.body()));

    pubSub.publish(channel, Map.of("event", "user_created", "user_id", "123"));

    Map<String, Object> message = next(received);
    assertThat(message.get("event"), is("user_created"));
    assertThat(message.get("user_id"), is("123"));
    subscription.close();
    assertThat(received, is(empty()));
    assertThat(subscription.stats().received(), is(1L));
  }

  @Test
  @Proves("pub-sub.confirmed")
  void isSubscribedAtRedisWhenSubscribeReturns() {
    for (int i = 0; i < 100; i++) {
      Subscription subscription = pubSub.subscribe(channel + i, String.class, message -> {});
      assertThat(wire.subscribers(channel + i), is(1L));
      assertThat(subscription.isActive(), is(true));
      assertThat(subscription.topic(), is(channel + i));
    }
    assertThat(pubSub.isConnected(), is(true));
    assertThat(wire.connections(), hasSize(1));
  }

  @Test
  void receivesWhatIsPublishedAtOnceAfterSubscribing() throws Exception {
    int rounds = Matrix.size(200, 2000);
    for (int i = 0; i < rounds; i++) {
      BlockingQueue<Integer> received = new LinkedBlockingQueue<>();
      Subscription subscription =
          pubSub.subscribe(channel, Integer.class, message -> received.add(message.body()));
      pubSub.publish(channel, i);
      assertThat(next(received), is(i));
      subscription.close();
    }
  }

  @Test
  void sharesOneSubscriptionAtRedisAmongTheHandlersOfAChannel() throws Exception {
    BlockingQueue<String> first = new LinkedBlockingQueue<>();
    BlockingQueue<String> second = new LinkedBlockingQueue<>();
    Subscription one =
        pubSub.subscribe(channel, String.class, message -> first.add(message.body()));
    Subscription other =
        pubSub.subscribe(channel, String.class, message -> second.add(message.body()));
    assertThat(wire.subscribers(channel), is(1L));

    pubSub.publish(channel, "both");
    assertThat(next(first), is("both"));
    assertThat(next(second), is("both"));

    one.close();
    one.close();
    assertThat(one.isActive(), is(false));
    pubSub.publish(channel, "one");
    assertThat(next(second), is("one"));
    assertThat(first, is(empty()));

    other.close();
    Wire.await("the last one unsubscribes").until(() -> wire.subscribers(channel) == 0);
    assertThat(second, is(empty()));
  }

  @Test
  void deliversByPatternWithTheChannelThatMatched() throws Exception {
    BlockingQueue<Message<String>> received = new LinkedBlockingQueue<>();
    Subscription subscription =
        pubSub.subscribePattern(channel + ":*", String.class, received::add);
    assertThat(wire.patterns(), is(1L));
    BlockingQueue<String> exact = new LinkedBlockingQueue<>();
    pubSub.subscribe(channel + ":a", String.class, message -> exact.add(message.body()));

    pubSub.publish(channel + ":a", "x");
    assertThat(next(received), is(new Message<>(channel + ":a", "x", subscription)));
    pubSub.publish(channel, "not matched");
    pubSub.publish(channel + ":b", "y");
    assertThat(next(received), is(new Message<>(channel + ":b", "y", subscription)));
    assertThat(next(exact), is("x"));
    subscription.close();
    Wire.await("no pattern left").until(() -> wire.patterns() == 0);
  }

  @Test
  void decodesEachMessageToTheTypeOfItsHandler() throws Exception {
    BlockingQueue<Object> received = new LinkedBlockingQueue<>();
    pubSub.subscribe(channel, UserEvent.class, message -> received.add(message.body()));
    pubSub.publish(channel, CREATED);
    assertThat(next(received), is(CREATED));

    pubSub.subscribe(
        channel + "s",
        new TypeToken<List<UserEvent>>() {},
        message -> received.add(message.body()));
    pubSub.publish(channel + "s", List.of(CREATED, CREATED));
    assertThat(next(received), is(List.of(CREATED, CREATED)));

    pubSub.subscribePattern(
        channel + ":*",
        new TypeToken<List<UserEvent>>() {},
        message -> received.add(message.body()));
    pubSub.publish(channel + ":a", List.of(CREATED));
    assertThat(next(received), is(List.of(CREATED)));
  }

  @Test
  void leavesByteArraysAsTheyAre() throws Exception {
    BlockingQueue<byte[]> received = new LinkedBlockingQueue<>();
    pubSub.subscribe(channel, byte[].class, message -> received.add(message.body()));
    byte[] bytes = {0, -1, 13, 10, 42};
    pubSub.publish(channel, bytes);
    assertThat(next(received), is(bytes));
    pubSub.publish(channel, new byte[0]);
    assertThat(next(received), is(new byte[0]));
    pubSub.publish(channel, "text");
    assertThat(next(received), is("\"text\"".getBytes(UTF_8)));
  }

  @Test
  void goesOnAfterAHandlerThrewAndReportsIt() {
    Exception checked = new Exception("checked");
    Error error = new AssertionError("error");
    Subscription subscription =
        pubSub.subscribe(
            channel,
            Integer.class,
            message -> {
              keep(message);
              switch (message.body()) {
                case 1 -> throw checked;
                case 2 -> throw error;
                case 3 -> throw new InterruptedException();
                default -> {}
              }
            });
    Publisher.publish(redis, channel, "1", "2", "3", "4");
    Wire.await("all handled").until(() -> kept, is(List.of(1, 2, 3, 4)));
    Wire.await("all reported").until(() -> recorder.failures.size() == 3);
    assertThat(recorder.failures.get(0).error(), is(sameInstance(checked)));
    assertThat(recorder.failures.get(0).channel(), is(channel));
    assertThat(recorder.failures.get(0).payload(), is("1"));
    assertThat(recorder.failures.get(0).subscription(), is(sameInstance(subscription)));
    assertThat(recorder.failures.get(1).error(), is(sameInstance(error)));
    assertThat(recorder.failures.get(2).error(), is(instanceOf(InterruptedException.class)));
    assertThat(recorder.connection, is(empty()));
  }

  @Test
  void reportsMalformedPayloadsWithTheirBytesAndGoesOn() throws Exception {
    BlockingQueue<UserEvent> events = new LinkedBlockingQueue<>();
    Subscription subscription =
        pubSub.subscribe(channel, UserEvent.class, message -> events.add(message.body()));
    List<String> malformed = List.of("{", "", " ", "null", "[1]", "{\"at\":\"soon\"}");
    byte[] notUtf8 = {'{', '"', 'e', 'v', 'e', 'n', 't', '"', ':', '"', (byte) 0xC3, '"', '}'};
    Publisher.publish(redis, channel, malformed.toArray(String[]::new));
    Publisher.publish(redis, channel, notUtf8);
    Publisher.publish(redis, channel, Json.defaultGson().toJson(CREATED));

    assertThat(next(events), is(CREATED));
    assertThat(events, is(empty()));
    List<String> reported = new ArrayList<>(malformed);
    reported.add(new String(notUtf8, UTF_8));
    assertThat(recorder.failures.stream().map(Recorder.Failure::payload).toList(), is(reported));
    for (Recorder.Failure failure : recorder.failures) {
      assertThat(failure.error(), is(instanceOf(JsonParseException.class)));
      assertThat(failure.subscription(), is(sameInstance(subscription)));
    }
    assertThat(subscription.stats().received(), is(8L));
    assertThat(subscription.stats().dropped(), is(0L));
  }

  @Test
  @Proves("pub-sub.in-order")
  void keepsTheOrderOfReceiptForEachSubscriptionAndDropsNothing() {
    // A Cluster's nodes move all that they still owe each other whenever some of it is sent.
    int count = Matrix.size(redis.topology() == Topology.CLUSTER ? 5_000 : 20_000, 100_000);
    Queue<Long> exact = new ConcurrentLinkedQueue<>();
    Queue<Long> byPattern = new ConcurrentLinkedQueue<>();
    Subscription subscription =
        pubSub.subscribe(channel, Event.class, message -> exact.add(message.body().number()));
    Subscription pattern =
        pubSub.subscribePattern(
            channel + "*", Event.class, message -> byPattern.add(message.body().number()));
    Publisher.flood(redis, channel, count, i -> "{\"type\":\"paid\",\"number\":" + i + "}");
    Wire.await("all handled")
        .atMost(Duration.ofSeconds(60))
        .until(() -> exact.size() == count && byPattern.size() == count);
    List<Long> inOrder = LongStream.range(0, count).boxed().toList();
    assertThat(List.copyOf(exact), is(inOrder));
    assertThat(List.copyOf(byPattern), is(inOrder));
    assertThat(subscription.stats().dropped() + pattern.stats().dropped(), is(0L));
    assertThat(recorder.connection, is(empty()));
    assertThat(recorder.failures, is(empty()));
    subscription.close();
    pattern.close();
  }

  @Test
  void refusesBadInputBeforeAnythingIsSent() {
    MessageHandler<Object> handler = message -> {};
    assertThrows(NullPointerException.class, () -> pubSub.publish(null, "x"));
    assertThrows(NullPointerException.class, () -> pubSub.publish(channel, null));
    assertThrows(IllegalArgumentException.class, () -> pubSub.publish("", "x"));
    assertThrows(IllegalArgumentException.class, () -> pubSub.publish(channel, new Object() {}));
    assertThrows(
        NullPointerException.class, () -> pubSub.subscribe((String) null, String.class, handler));
    assertThrows(IllegalArgumentException.class, () -> pubSub.subscribe("", String.class, handler));
    assertThrows(
        IllegalArgumentException.class, () -> pubSub.subscribe("\uD83D", String.class, handler));
    assertThrows(
        NullPointerException.class, () -> pubSub.subscribe(channel, (Class<String>) null, handler));
    assertThrows(
        NullPointerException.class,
        () -> pubSub.subscribe(channel, (TypeToken<String>) null, handler));
    assertThrows(NullPointerException.class, () -> pubSub.subscribe(channel, String.class, null));
    assertThrows(
        IllegalArgumentException.class, () -> pubSub.subscribePattern("", String.class, handler));
    assertThrows(
        NullPointerException.class, () -> pubSub.subscribePattern(null, String.class, handler));
    assertThrows(
        NullPointerException.class,
        () -> pubSub.subscribePattern(null, new TypeToken<String>() {}, handler));
    assertThrows(
        NullPointerException.class,
        () -> pubSub.subscribePattern(channel, (TypeToken<String>) null, handler));
    assertThrows(
        NullPointerException.class, () -> pubSub.subscribePattern(channel, String.class, null));
    assertThat(wire.connections(), is(empty()));
    assertThat(Wire.threads(), is(empty()));
    assertThat(pubSub.isConnected(), is(false));
  }

  @Test
  void carriesAnyChannelNameThatUtf8CanCarry() throws Exception {
    for (String name : List.of(" ", "a\r\nb", "\u0000", "é\uD83D\uDE00", "x".repeat(20_000))) {
      BlockingQueue<Message<String>> received = new LinkedBlockingQueue<>();
      Subscription subscription = pubSub.subscribe(channel + name, String.class, received::add);
      pubSub.publish(channel + name, "m");
      assertThat(next(received), is(new Message<>(channel + name, "m", subscription)));
      subscription.close();
    }
  }

  @Test
  void takesMessagesLargerThanAnyBuffer() throws Exception {
    BlockingQueue<byte[]> received = new LinkedBlockingQueue<>();
    pubSub.subscribe(channel, byte[].class, message -> received.add(message.body()));
    byte[] large = new byte[4 << 20];
    large[large.length - 1] = 1;
    pubSub.publish(channel, large);
    assertThat(next(received), is(large));
  }

  @Test
  void leavesAPoolOfOneConnectionUsableBesideFiftySubscriptions() throws Exception {
    try (TestRedis single = redis.withMaxTotal(1);
        RedisPubSub narrow = single.over(RedisPubSub::new, RedisPubSub::new)) {
      BlockingQueue<String> received = new LinkedBlockingQueue<>();
      List<String> expected = new ArrayList<>();
      for (int i = 0; i < 50; i++) {
        narrow.subscribe(channel + i, String.class, message -> received.add(message.body()));
      }
      for (int i = 0; i < 50; i++) {
        narrow.publish(channel + i, "m" + i);
        expected.add("m" + i);
      }
      Wire.await("all received").until(() -> received.size() == 50);
      assertThat(received, containsInAnyOrder(expected.toArray()));
      assertThat(single.borrowed(), is(0));
    }
  }

  @Test
  void receivesWhatIsPublishedAtAnyPrimary() {
    pubSub.subscribe(channel, Integer.class, this::keep);
    List<Integer> expected = new ArrayList<>();
    for (HostAndPort primary : redis.primaries()) {
      try (Jedis jedis = redis.open(primary)) {
        jedis.publish(channel, String.valueOf(primary.getPort()));
        expected.add(primary.getPort());
      }
    }
    Wire.await("received from each").until(() -> kept, hasSize(expected.size()));
    assertThat(kept, containsInAnyOrder(expected.toArray()));
  }
}
