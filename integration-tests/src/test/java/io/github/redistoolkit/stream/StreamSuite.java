package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;

/** What the suites begin with, and that everything is closed when a test ends. */
abstract class StreamSuite {

  static final Duration LEASE = Duration.ofSeconds(2);

  /** So long that nothing comes by its end, nor by what is done several times in it. */
  static final Duration LONG_LEASE = Duration.ofMinutes(5);

  /** A second or two is what something may take; this is for busy machines. */
  static final Duration AT_ONCE = Duration.ofSeconds(5);

  static final String GROUP = "group";

  final TestRedis redis;
  final String name;
  final Heard heard = new Heard();
  final BlockingQueue<DurableMessage<Integer>> received = new LinkedBlockingQueue<>();

  private final List<DurableTopic<?>> topics = new ArrayList<>();

  StreamSuite(TestRedis redis) {
    this.redis = redis;
    this.name = redis.unique("topic");
  }

  @AfterEach
  void closeAll() {
    topics.forEach(DurableTopic::close);
  }

  static ConditionFactory await(String what) {
    return Awaitility.await(what)
        .atMost(Duration.ofSeconds(60))
        .pollInterval(Duration.ofMillis(10));
  }

  <T> DurableTopic.Builder<T> builder(TestRedis by, String topic, Class<T> type) {
    return by.over(
        pool -> DurableTopic.builder(pool, topic, type),
        client -> DurableTopic.builder(client, topic, type));
  }

  DurableTopic.Builder<Integer> builder() {
    return builder(redis, name, Integer.class)
        .prefix(redis.mark() + "s:")
        .lease(LEASE)
        .retryDelay(Duration.ofMillis(10))
        .listener(heard);
  }

  <T> DurableTopic<T> open(DurableTopic.Builder<T> builder) {
    DurableTopic<T> topic = builder.build();
    topics.add(topic);
    return topic;
  }

  DurableTopic<Integer> open() {
    return open(builder());
  }

  /** The key of the stream. */
  String stream() {
    return redis.mark() + "s:{" + name + "}";
  }

  void take(DurableMessage<Integer> message) {
    received.add(message);
  }

  DurableMessage<Integer> next() throws InterruptedException {
    DurableMessage<Integer> message = received.poll(60, TimeUnit.SECONDS);
    if (message == null) {
      throw new AssertionError("no message came; heard " + heard.lines());
    }
    return message;
  }

  List<Integer> next(int count) throws InterruptedException {
    List<Integer> bodies = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      bodies.add(next().body());
    }
    return bodies;
  }

  static List<Integer> numbers(int from, int to) {
    return IntStream.range(from, to).boxed().toList();
  }

  static void publish(DurableTopic<Integer> topic, int from, int to) {
    for (int i = from; i < to; i++) {
      topic.publish(i);
    }
  }

  GroupState state(DurableTopic<?> topic) {
    return topic.state(GROUP).orElseThrow();
  }

  /** A handler that is fast a thousand times, and then takes until it is let go on. */
  final class SuddenlySlow implements DurableHandler<Integer> {

    static final int FAST = 1_000;

    private final CountDownLatch begun = new CountDownLatch(1);
    private final CountDownLatch held = new CountDownLatch(1);

    @Override
    public void onMessage(DurableMessage<Integer> message) throws InterruptedException {
      if (message.body() == FAST) {
        begun.countDown();
        assertThat(held.await(60, TimeUnit.SECONDS), is(true));
      }
      take(message);
    }

    void goOn() {
      held.countDown();
    }
  }

  /** Subscribes one; returns once it has done what is fast, and has begun what is slow. */
  SuddenlySlow suddenlySlow(DurableTopic<Integer> topic) throws InterruptedException {
    SuddenlySlow handler = new SuddenlySlow();
    publish(topic, 0, SuddenlySlow.FAST + 1);
    topic.subscribe(GROUP, From.start(), handler);
    assertThat(next(SuddenlySlow.FAST), is(numbers(0, SuddenlySlow.FAST)));
    assertThat(handler.begun.await(60, TimeUnit.SECONDS), is(true));
    return handler;
  }

  void awaitPending(DurableTopic<?> topic, long pending) {
    await("pending " + pending).until(() -> state(topic).pending(), is(pending));
  }

  void assertNothingMore() {
    assertThat(received.poll(), is((Object) null));
  }
}
