package io.github.redistoolkit.stream;

import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.Map;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.params.XReadGroupParams;

/**
 * A JVM that consumes a topic of numbers until it is killed or its parent ends. It says {@code
 * begun} and {@code done}, with the number and the delivery, around each message.
 *
 * <p>Of arguments, it gets the topic, its prefix, {@link Behaviour}, and how many messages it may
 * have read and not done with.
 */
final class ConsumingChild {

  /** A number that makes its handler end the JVM. */
  static final int KILLER = -1;

  /** A number that its handler throws for. */
  static final int THROWER = -2;

  /** What the handler does, or what consumes instead of a topic. */
  enum Behaviour {
    /** Takes about a millisecond. */
    QUICK,
    /** Takes as long as the parent lets it. */
    HELD,
    /** Acknowledges before it begins, as who reads with {@code NOACK}. */
    NAIVE
  }

  private ConsumingChild() {}

  public static void main(String[] args) throws Exception {
    Child child = Child.of(args);
    String name = args[2];
    String prefix = args[3];
    Behaviour behaviour = Behaviour.valueOf(args[4]);
    int batch = Integer.parseInt(args[5]);
    try (TestRedis redis = child.redis()) {
      if (behaviour == Behaviour.NAIVE) {
        consumeNaively(child, redis.client(), prefix + "{" + name + "}");
        return;
      }
      DurableTopic.Builder<Integer> builder =
          redis.over(
              pool -> DurableTopic.builder(pool, name, Integer.class),
              client -> DurableTopic.builder(client, name, Integer.class));
      DurableListener telling =
          new DurableListener() {
            @Override
            public void onLeaseLost(DurableSubscription subscription, DurableMessage<?> message) {
              child.send("lease " + message.body());
            }
          };
      try (DurableTopic<Integer> topic =
          builder
              .prefix(prefix)
              .lease(StreamSuite.LEASE)
              .retryDelay(Duration.ofMillis(10))
              .maxDeliveries(3)
              .batch(batch)
              .listener(telling)
              .build()) {
        topic.subscribe(
            StreamSuite.GROUP,
            From.start(),
            message -> {
              child.send("begun " + message.body() + " " + message.delivery());
              if (message.body() == KILLER) {
                Runtime.getRuntime().halt(1);
              }
              if (message.body() == THROWER) {
                throw new IllegalStateException("on purpose");
              }
              if (behaviour == Behaviour.HELD) {
                String unused = child.receive();
              } else {
                Thread.sleep(1);
              }
              child.send("done " + message.body() + " " + message.delivery());
            });
        Thread.sleep(Duration.ofHours(1).toMillis());
      }
    }
  }

  private static void consumeNaively(Child child, UnifiedJedis redis, String stream)
      throws InterruptedException {
    while (true) {
      var read =
          redis.xreadGroup(
              StreamSuite.GROUP,
              "naive",
              XReadGroupParams.xReadGroupParams().count(32).block(1_000).noAck(),
              Map.of(stream, StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY));
      if (read != null) {
        for (var entry : read.get(0).getValue()) {
          Thread.sleep(1);
          child.send("done " + entry.getFields().get("d") + " 1");
        }
      }
    }
  }
}
