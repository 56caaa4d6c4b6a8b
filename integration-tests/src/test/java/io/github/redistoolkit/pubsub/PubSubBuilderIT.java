package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.TypeAdapter;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonWriter;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a subscription is built with, and what it does if it is not told. */
@EachClient
class PubSubBuilderIT extends PubSubSuite {

  private record Amount(long cents) {}

  /** Notes where it decodes. */
  private static final class Amounts extends TypeAdapter<Amount> {

    final List<String> decodedBy = new CopyOnWriteArrayList<>();

    @Override
    public void write(JsonWriter out, Amount amount) throws IOException {
      out.value(amount.cents() + " ct");
    }

    @Override
    public Amount read(JsonReader in) throws IOException {
      decodedBy.add(Thread.currentThread().getName());
      return new Amount(Long.parseLong(in.nextString().replace(" ct", "")));
    }
  }

  private final CountDownLatch goOn = new CountDownLatch(1);

  PubSubBuilderIT(TestRedis redis) {
    super(redis);
  }

  /** Also when a test has failed: else it would take the next ones with it. */
  @AfterEach
  void letHandlersEnd() {
    goOn.countDown();
  }

  @Test
  void encodesAndDecodesWithTheGivenGsonOnTheGivenExecutor() {
    Amounts amounts = new Amounts();
    Gson gson = new GsonBuilder().registerTypeAdapter(Amount.class, amounts).create();
    ExecutorService executor = Executors.newSingleThreadExecutor(task -> new Thread(task, "given"));
    List<Object> received = new CopyOnWriteArrayList<>();
    try (RedisPubSub pubSub = builder().gson(gson).executor(executor).build()) {
      pubSub.subscribe(channel, Amount.class, message -> received.add(message.body()));
      pubSub.publish(channel, new Amount(5));
      Wire.await("received").until(() -> received, contains(new Amount(5)));
      pubSub.subscribe(channel + "s", Object.class, message -> received.add(message.body()));
      pubSub.publish(channel + "s", List.of(new Amount(6)));
      Wire.await("received").until(() -> received, hasSize(2));
    }
    executor.shutdown();
    assertThat(received.get(1), is(List.of("6 ct")));
    // Publishing reads back what it is about to send, on the thread that publishes.
    assertThat(amounts.decodedBy, hasItem("given"));
    assertThat(amounts.decodedBy, not(hasItem(startsWith("redis-pubsub-"))));
  }

  @Test
  void keepsNoJvmAlive() {
    List<Thread> handledBy = new CopyOnWriteArrayList<>();
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, Integer.class, message -> handledBy.add(Thread.currentThread()));
      pubSub.publish(channel, 1);
      Wire.await("handled").until(() -> handledBy, hasSize(1));
      List<Boolean> daemons =
          Thread.getAllStackTraces().keySet().stream()
              .filter(thread -> thread.getName().startsWith("redis-pubsub-"))
              .map(Thread::isDaemon)
              .toList();
      assertThat("reader, writer and handlers", daemons.size() >= 3, is(true));
      assertThat(daemons, everyItem(is(true)));
      assertThat(handledBy.get(0).getName().startsWith("redis-pubsub-handler"), is(true));
    }
  }

  @Test
  void logsWhateverHappensIfNobodyListens() {
    try (CapturedLog log = new CapturedLog();
        RedisPubSub pubSub =
            redis
                .<RedisPubSub.Builder>over(RedisPubSub::builder, RedisPubSub::builder)
                .queueBytes(1)
                .build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      Publisher.publish(redis, channel, "no number");
      Wire.await("error").until(() -> log.warnsOf("A message from channel " + channel));
      assertThat(redis.killClients("pubsub"), is(1));
      Wire.await("loss").until(() -> log.warnsOf("Lost the connection of 1 subscriptions"));
      Wire.await("return").until(() -> log.warnsOf("1 subscriptions are confirmed again"));
      Subscription stuck =
          pubSub.subscribe(channel + ":stuck", Integer.class, message -> goOn.await());
      Publisher.publish(redis, stuck.topic(), "1", "2", "3");
      Wire.await("drops").until(() -> log.warnsOf("The handler of " + stuck.topic()));
      goOn.countDown();
    }
  }

  @Test
  void aThrowingListenerHarmsNothingAndIsLogged() {
    PubSubListener throwing =
        new PubSubListener() {
          @Override
          public void onDisconnected(List<Subscription> subscriptions, Throwable cause) {
            throw new IllegalStateException("on purpose, in onDisconnected");
          }

          @Override
          public void onReconnected(List<Subscription> subscriptions, Duration gap) {
            throw new AssertionError("on purpose, in onReconnected");
          }

          @Override
          public void onUndecodable(
              Subscription subscription, String to, byte[] payload, Throwable error) {
            throw new UnsupportedOperationException("on purpose, in onUndecodable");
          }
        };
    try (CapturedLog log = new CapturedLog();
        RedisPubSub pubSub = builder().listener(throwing).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      Publisher.publish(redis, channel, "no number", "1");
      Wire.await("received").until(() -> kept.contains(1));
      assertThat(redis.killClients("pubsub"), is(1));
      assertReceivesAgain(2);
      for (String method : List.of("onUndecodable", "onDisconnected", "onReconnected")) {
        Wire.await(method).until(() -> log.text().contains("on purpose, in " + method));
      }
      assertThat(log.warnsOf("The listener threw"), is(true));
    }
  }

  @Test
  void logsNothingOfItsOwnBesideAListener() {
    AtomicInteger returns = new AtomicInteger();
    PubSubListener counting =
        new PubSubListener() {
          @Override
          public void onReconnected(List<Subscription> subscriptions, Duration gap) {
            returns.incrementAndGet();
          }
        };
    try (CapturedLog log = new CapturedLog();
        RedisPubSub pubSub = builder().listener(counting).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      Publisher.publish(redis, channel, "no number", "1");
      Wire.await("received").until(() -> kept.contains(1));
      assertThat(redis.killClients("pubsub"), is(1));
      assertReceivesAgain(2);
      Wire.await("all is reported").until(returns::get, is(1));
      assertThat(log.text().contains(RedisPubSub.class.getName()), is(false));
    }
  }
}
