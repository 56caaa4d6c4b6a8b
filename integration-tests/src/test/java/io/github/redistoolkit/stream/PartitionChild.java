package io.github.redistoolkit.stream;

import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;

/**
 * A JVM that consumes a topic with partitions until it is killed or its parent ends. Of arguments,
 * it gets the topic, its prefix, how many partitions, and the list in which it says what it does;
 * then perhaps a key without which no handler ends, and then it has one for each partition.
 */
final class PartitionChild {

  private PartitionChild() {}

  public static void main(String[] args) throws Exception {
    Child child = Child.of(args);
    try (TestRedis redis = child.redis()) {
      PartitionHistory history = new PartitionHistory(redis.client(), args[5]);
      DurableTopic.Builder<Integer> builder =
          redis.over(
              pool -> DurableTopic.builder(pool, args[2], Integer.class),
              client -> DurableTopic.builder(client, args[2], Integer.class));
      int partitions = Integer.parseInt(args[4]);
      boolean waits = args.length > 6;
      try (DurableTopic<Integer> topic =
          builder
              .prefix(args[3])
              .partitions(partitions)
              .concurrency(waits ? partitions : 1)
              .lease(StreamSuite.LEASE)
              .retryDelay(Duration.ofMillis(10))
              .maxDeliveries(100)
              .listener(new DurableListener() {})
              .build()) {
        topic.subscribe(
            StreamSuite.GROUP,
            From.start(),
            waits ? history.handlerBehind(args[6]) : history.handler(1, Duration.ofMillis(2)));
        Thread.sleep(Duration.ofHours(1).toMillis());
      }
    }
  }
}
