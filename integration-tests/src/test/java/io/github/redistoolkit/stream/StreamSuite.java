package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;

/** What the suites begin with, and that everything is closed when a test ends. */
abstract class StreamSuite {

  static final Duration LEASE = Duration.ofSeconds(2);
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

  void awaitPending(DurableTopic<?> topic, long pending) {
    await("pending " + pending).until(() -> state(topic).pending(), is(pending));
  }

  void assertNothingMore() {
    assertThat(received.poll(), is((Object) null));
  }
}
