package io.github.redistoolkit.soak;

import io.github.redistoolkit.stream.DurableMessage;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.From;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import redis.clients.jedis.params.XPendingParams;

/** Publishes numbers on a durable topic. */
final class DurableActor implements Actor {

  static final String ONE = "handled-by-one";
  static final String TWO = "handled-by-two";
  static final String STATE = "state";

  private static final String PREFIX = "soak-topics:";

  private final DurableTopic<String> topic;
  private final String name;
  private final AtomicLong next = new AtomicLong();
  private final Recorder recorder;

  DurableActor(Access access, String name, Recorder recorder) {
    this.topic = topic(access, name);
    this.name = name;
    this.recorder = recorder;
  }

  private static DurableTopic<String> topic(Access access, String name) {
    return access
        .over(
            pool -> DurableTopic.builder(pool, name, String.class),
            client -> DurableTopic.builder(client, name, String.class))
        .prefix(PREFIX)
        .lease(Duration.ofSeconds(2))
        .retryDelay(Duration.ofMillis(20))
        .maxDeliveries(1000)
        .build();
  }

  @Override
  public void act(SplittableRandom random) throws InterruptedException {
    String message = name + "-" + next.incrementAndGet();
    long asked = System.nanoTime();
    Optional<String> id = recorder.call("durable publish", () -> topic.publish(message));
    if (id.isPresent()) {
      recorder.add(NothingLost.ADDED, name, message, asked, System.nanoTime());
    }
  }

  @Override
  public void close() {
    topic.close();
  }

  /** Handles what is published until it is closed. */
  interface Consumer extends AutoCloseable {

    Consumer NONE = () -> "nobody consumes";

    /** How far the groups are, for who looks into what they have not handled. */
    String state();

    @Override
    default void close() {}
  }

  /** Handles what is published, now and then at the second try, now and then slowly. */
  static Consumer consume(Access access, String name, Recorder recorder) {
    DurableTopic<String> topic = topic(access, name);
    topic.subscribe("one", From.start(), message -> handle(message, ONE, name, recorder));
    topic.subscribe("two", From.start(), message -> handle(message, TWO, name, recorder));
    return new Consumer() {
      @Override
      public String state() {
        return Stream.of("one", "two")
            .map(group -> group + ": " + topic.state(group) + " " + pending(access, name, group))
            .collect(Collectors.joining(", "));
      }

      @Override
      public void close() {
        topic.close();
      }
    };
  }

  /** What is delivered and not acknowledged: to which consumer, for how long, how often. */
  private static List<String> pending(Access access, String name, String group) {
    XPendingParams all = XPendingParams.xPendingParams("-", "+", 20);
    return access.redis().admin().xpending(PREFIX + "{" + name + "}", group, all).stream()
        .map(
            entry ->
                String.join(
                    " ",
                    entry.getID().toString(),
                    entry.getConsumerName(),
                    entry.getIdleTime() + " ms",
                    entry.getDeliveredTimes() + " times"))
        .toList();
  }

  private static void handle(
      DurableMessage<String> message, String group, String name, Recorder recorder)
      throws Exception {
    int draw = Math.floorMod((message.body() + message.delivery()).hashCode(), 100);
    if (draw < 5) {
      throw new Exception("as it happens");
    }
    if (draw > 97) {
      TimeUnit.MILLISECONDS.sleep(20L * (100 - draw));
    }
    long now = System.nanoTime();
    recorder.add(group, name, message.body(), now, now);
  }
}
