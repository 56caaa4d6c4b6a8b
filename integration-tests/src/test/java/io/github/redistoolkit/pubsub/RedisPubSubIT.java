package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.JsonParseException;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@EachClient
@Tag("smoke")
class RedisPubSubIT {

  record UserEvent(String event, String userId, Instant at) {}

  private static final UserEvent CREATED =
      new UserEvent("user_created", "123", Instant.parse("2025-01-15T10:00:00Z"));

  private final TestRedis redis;
  private final Wire wire;
  private final String channel;
  private final Recorder recorder = new Recorder();
  private final RedisPubSub pubSub;

  RedisPubSubIT(TestRedis redis) {
    this.redis = redis;
    this.wire = new Wire(redis);
    this.channel = redis.unique("events:user");
    this.pubSub =
        redis
            .<RedisPubSub.Builder>over(RedisPubSub::builder, RedisPubSub::builder)
            .listener(recorder)
            .build();
  }

  @AfterEach
  void close() {
    pubSub.close();
    assertThat("connections taken from the caller", redis.borrowed(), is(0));
  }

  private static <T> T next(BlockingQueue<T> received) throws InterruptedException {
    T first = received.poll(2, TimeUnit.SECONDS);
    if (first == null) {
      throw new AssertionError("nothing received within 2 s");
    }
    return first;
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
    assertThat(subscription.received(), is(1L));
  }

  @Test
  void isSubscribedAtRedisWhenSubscribeReturns() {
    for (int i = 0; i < 100; i++) {
      Subscription subscription = pubSub.subscribe(channel + i, String.class, message -> {});
      assertThat(wire.subscribers(channel + i), is(1L));
      assertThat(subscription.isActive(), is(true));
      assertThat(subscription.topic(), is(channel + i));
    }
    assertThat(pubSub.isConnected(), is(true));
    assertThat(wire.connections().size(), is(1));
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

    assertThat(pubSub.publish(channel, "both"), is(1L));
    assertThat(next(first), is("both"));
    assertThat(next(second), is("both"));

    one.close();
    one.close();
    assertThat(one.isActive(), is(false));
    assertThat(pubSub.publish(channel, "one"), is(1L));
    assertThat(next(second), is("one"));
    assertThat(first, is(empty()));

    other.close();
    Wire.await("the last one unsubscribes").until(() -> wire.subscribers(channel) == 0);
    assertThat(second, is(empty()));
  }

  @Test
  void deliversByPatternWithTheChannelThatMatched() throws Exception {
    BlockingQueue<Message<String>> received = new LinkedBlockingQueue<>();
    long before = wire.patterns();
    Subscription subscription =
        pubSub.subscribePattern(channel + ":*", String.class, received::add);
    assertThat(wire.patterns(), is(before + 1));
    BlockingQueue<String> exact = new LinkedBlockingQueue<>();
    pubSub.subscribe(channel + ":a", String.class, message -> exact.add(message.body()));

    pubSub.publish(channel + ":a", "x");
    pubSub.publish(channel, "not matched");
    pubSub.publish(channel + ":b", "y");

    assertThat(next(received), is(new Message<>(channel + ":a", "x")));
    assertThat(next(received), is(new Message<>(channel + ":b", "y")));
    assertThat(next(exact), is("x"));
    subscription.close();
    Wire.await("no pattern left").until(() -> wire.patterns() == before);
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
  }

  @Test
  void leavesByteArraysAsTheyAre() throws Exception {
    BlockingQueue<byte[]> received = new LinkedBlockingQueue<>();
    pubSub.subscribe(channel, byte[].class, message -> received.add(message.body()));
    byte[] bytes = {0, -1, 13, 10, 42};
    pubSub.publish(channel, bytes);
    pubSub.publish(channel, new byte[0]);
    pubSub.publish(channel, "text");
    assertThat(next(received), is(bytes));
    assertThat(next(received), is(new byte[0]));
    assertThat(next(received), is("\"text\"".getBytes(UTF_8)));
  }

  @Test
  void goesOnAfterAHandlerThrewAndReportsIt() throws Exception {
    BlockingQueue<Integer> received = new LinkedBlockingQueue<>();
    Exception checked = new Exception("checked");
    Error error = new AssertionError("error");
    Subscription subscription =
        pubSub.subscribe(
            channel,
            Integer.class,
            message -> {
              received.add(message.body());
              switch (message.body()) {
                case 1 -> throw checked;
                case 2 -> throw error;
                case 3 -> throw new InterruptedException();
                default -> {}
              }
            });
    IntStream.rangeClosed(1, 4).forEach(i -> pubSub.publish(channel, i));
    for (int i = 1; i <= 4; i++) {
      assertThat(next(received), is(i));
    }
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
    BlockingQueue<UserEvent> received = new LinkedBlockingQueue<>();
    Subscription subscription =
        pubSub.subscribe(channel, UserEvent.class, message -> received.add(message.body()));
    List<String> malformed = List.of("{", "", " ", "null", "[1]", "{\"at\":\"soon\"}");
    malformed.forEach(text -> pubSub.publish(channel, text.getBytes(UTF_8)));
    byte[] notUtf8 = {'{', '"', 'e', 'v', 'e', 'n', 't', '"', ':', '"', (byte) 0xC3, '"', '}'};
    pubSub.publish(channel, notUtf8);
    pubSub.publish(channel, CREATED);

    assertThat(next(received), is(CREATED));
    assertThat(received, is(empty()));
    List<String> reported = new ArrayList<>(malformed);
    reported.add(new String(notUtf8, UTF_8));
    assertThat(recorder.failures.stream().map(Recorder.Failure::payload).toList(), is(reported));
    for (Recorder.Failure failure : recorder.failures) {
      assertThat(failure.error(), is(instanceOf(JsonParseException.class)));
      assertThat(failure.subscription(), is(sameInstance(subscription)));
    }
    assertThat(subscription.received(), is(8L));
    assertThat(subscription.dropped(), is(0L));
  }

  @Test
  void aThrowingListenerHarmsNothing() throws Exception {
    BlockingQueue<Integer> received = new LinkedBlockingQueue<>();
    try (RedisPubSub other =
        redis
            .<RedisPubSub.Builder>over(RedisPubSub::builder, RedisPubSub::builder)
            .listener(
                new PubSubListener() {
                  @Override
                  public void onDisconnected(Throwable cause) {
                    throw new IllegalStateException("on purpose, in onDisconnected");
                  }

                  @Override
                  public void onReconnected(Duration gap) {
                    throw new AssertionError("on purpose, in onReconnected");
                  }

                  @Override
                  public void onError(
                      Subscription subscription, String to, byte[] payload, Throwable error) {
                    throw new IllegalStateException("on purpose, in onError");
                  }
                })
            .build()) {
      other.subscribe(channel, Integer.class, message -> received.add(message.body()));
      other.publish(channel, "not a number");
      other.publish(channel, 1);
      assertThat(next(received), is(1));
      assertThat(wire.killSubscribers(), is(1L));
      Wire.await("back").until(() -> other.publish(channel, 2) == 1);
      assertThat(next(received), is(2));
    }
  }

  @Test
  void keepsTheOrderOfReceiptForEachSubscription() {
    int count = Matrix.size(20_000, 100_000);
    List<Integer> received = new CopyOnWriteArrayList<>();
    List<Integer> batch = new ArrayList<>();
    Subscription subscription =
        pubSub.subscribe(
            channel,
            Integer.class,
            message -> {
              batch.add(message.body());
              if (batch.size() == count) {
                received.addAll(batch);
              }
            });
    Publisher.flood(redis, channel, count, String::valueOf);
    Wire.await("all received").until(() -> received.size() == count);
    assertThat(received, is(IntStream.range(0, count).boxed().toList()));
    assertThat(subscription.dropped(), is(0L));
    assertThat(recorder.connection, is(empty()));
  }

  @Test
  void refusesBadInputBeforeAnythingIsSent() {
    MessageHandler<Object> handler = message -> {};
    assertThrows(NullPointerException.class, () -> pubSub.publish(null, "x"));
    assertThrows(NullPointerException.class, () -> pubSub.publish(channel, null));
    assertThrows(IllegalArgumentException.class, () -> pubSub.publish("", "x"));
    assertThrows(IllegalArgumentException.class, () -> pubSub.publish(channel, new Object() {}));
    assertThrows(NullPointerException.class, () -> pubSub.subscribe(null, String.class, handler));
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
      assertThat(next(received), is(new Message<>(channel + name, "m")));
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
        assertThat(narrow.publish(channel + i, "m" + i), is(1L));
        expected.add("m" + i);
      }
      Wire.await("all received").until(() -> received.size() == 50);
      assertThat(received, containsInAnyOrder(expected.toArray()));
      assertThat(single.borrowed(), is(0));
    }
  }

  @Test
  void closingEndsSubscriptionsThreadsAndTheConnectionAndNothingElse() {
    BlockingQueue<String> received = new LinkedBlockingQueue<>();
    Subscription subscription =
        pubSub.subscribe(channel, String.class, message -> received.add(message.body()));
    pubSub.publish(channel, "before");
    Wire.await("received").until(() -> received.size() == 1);
    Subscription kept = pubSub.subscribePattern(channel + "*", String.class, message -> {});

    long start = System.nanoTime();
    pubSub.close();
    pubSub.close();
    assertThat(Duration.ofNanos(System.nanoTime() - start), lessThan(Duration.ofSeconds(1)));

    assertThat(subscription.isActive(), is(false));
    assertThat(kept.isActive(), is(false));
    assertThat(pubSub.isConnected(), is(false));
    subscription.close();
    Wire.await("no thread left").until(Wire::threads, is(empty()));
    Wire.await("no connection left").until(wire::connections, is(empty()));
    assertThrows(IllegalStateException.class, () -> pubSub.publish(channel, "after"));
    assertThrows(
        IllegalStateException.class, () -> pubSub.subscribe(channel, String.class, message -> {}));
    assertThat(received, contains("before"));
    assertThat(recorder.connection, is(empty()));
    // The caller's own pool or client goes on.
    try (RedisPubSub again = redis.over(RedisPubSub::new, RedisPubSub::new)) {
      assertThat(again.publish(channel, "after"), is(0L));
    }
  }

  @Test
  void closingBeforeAnySubscriptionIsFine() {
    pubSub.close();
    assertThrows(IllegalStateException.class, () -> pubSub.publish(channel, "x"));
  }
}
