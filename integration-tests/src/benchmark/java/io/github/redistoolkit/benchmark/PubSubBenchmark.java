package io.github.redistoolkit.benchmark;

import io.github.redistoolkit.core.Json;
import java.util.concurrent.Semaphore;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import redis.clients.jedis.AbstractPipeline;

/**
 * How fast a subscriber takes messages, decoding included, against {@code JedisPubSub} with Gson.
 * The publisher is the same for every row, and is no bottleneck: a raw pipeline.
 */
@State(Scope.Benchmark)
public class PubSubBenchmark {

  private static final int BURST = 1_000;

  @Param({"RAW", "POOL", "CLIENT", "REDISSON", "SPRING_JEDIS", "SPRING_LETTUCE", "LETTUCE"})
  Through through;

  private final Semaphore bursts = new Semaphore(0);
  private Access access;
  private Receiver receiver;
  private String[] messages;
  private int received;

  @Setup
  public void subscribe() {
    access = Access.by(through);
    receiver = Receiver.open(access);
    receiver.subscribe(access.name(), event -> count());
    messages =
        IntStream.range(0, BURST)
            .mapToObj(i -> new Receiver.Event("user_created", "user-" + i, i))
            .map(Json.defaultGson()::toJson)
            .toArray(String[]::new);
  }

  @TearDown
  public void close() {
    receiver.close();
    access.close();
  }

  /** One operation is one message, from the publisher to the end of its handler. */
  @Benchmark
  @OperationsPerInvocation(BURST)
  public void receive() throws InterruptedException {
    try (AbstractPipeline pipeline = access.admin().pipelined()) {
      for (String message : messages) {
        var unused = pipeline.publish(access.name(), message);
      }
    }
    bursts.acquire();
  }

  /** Called by one handler at a time. */
  private void count() {
    received++;
    if (received % BURST == 0) {
      bursts.release();
    }
  }
}
