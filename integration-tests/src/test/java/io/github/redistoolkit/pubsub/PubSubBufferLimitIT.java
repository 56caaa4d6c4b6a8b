package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Subscribers for which Redis has kept so much that it cuts them off. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class PubSubBufferLimitIT extends PubSubFaultSuite {

  private static final String BY_DEFAULT = "32mb 8mb 60";

  private final CountDownLatch goOn = new CountDownLatch(1);

  PubSubBufferLimitIT(TestRedis redis) {
    super(redis);
  }

  /** Also when a test has failed: else it would take the next ones with it. */
  @AfterEach
  void letHandlersEnd() {
    goOn.countDown();
  }

  private void limit(String limit) {
    wire.atEach(jedis -> jedis.configSet("client-output-buffer-limit", "pubsub " + limit));
  }

  @AfterEach
  void restoreLimit() {
    limit(BY_DEFAULT);
  }

  /** Confirmations so long that Redis has to keep them are more than the limit allows. */
  @Test
  void doesNotHammerAServerThatCutsItOffEachTimeBeforeAllIsConfirmed() {
    List<String> topics =
        List.of(channel, channel + "x".repeat(40_000), channel + "y".repeat(40_000));
    try (RedisPubSub pubSub = builder(proxied).build()) {
      topics.forEach(topic -> pubSub.subscribe(topic, Integer.class, this::keep));
      limit("1kb 0 0");
      long before = proxy.requests("subscribe");
      long start = System.nanoTime();
      proxy.cut();
      pass(Duration.ofSeconds(1));
      Wire.await("tried again").until(() -> proxy.requests("subscribe") - before > topics.size());
      long requests = proxy.requests("subscribe") - before;
      double seconds = (System.nanoTime() - start) / 1e9;
      Wire.await("reported").until(() -> !recorder.connection.isEmpty());
      assertThat(recorder.connection, contains("lost"));
      // At once, and then after half of 50, 100, 200, 400, 800 ms at least, and so twice a second.
      assertThat((double) requests, is(lessThan((8 + 2 * seconds) * topics.size())));
      limit(BY_DEFAULT);
      Wire.await("healed").until(() -> recorder.gaps, hasSize(1));
      assertReceivesAgain(1);
    }
    assertThat(recorder.connection, contains("lost", "back"));
  }

  @Test
  void aStallThatIsTooLongForRedisHoldsUpAllSubscriptionsAndIsReportedAsALoss() {
    String payload = '"' + "x".repeat(1 << 18) + '"';
    String[] several = Collections.nCopies(8, payload).toArray(String[]::new);
    limit("2mb 0 0");
    try (RedisPubSub pubSub = builder().overflow(Overflow.BLOCK).queueBytes(1).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      Subscription stuck =
          pubSub.subscribe(channel + ":stuck", String.class, message -> goOn.await());
      // One is handled, one is queued, and for the third there is no room.
      Publisher.publish(redis, stuck.topic(), payload, payload, payload);
      Wire.await("stalled").until(() -> Wire.threadIsIn("reader", "makeRoom"));
      Publisher.publish(redis, channel, "1");
      Wire.await("cut off")
          .until(
              () -> {
                // Several at once, since in a Cluster it takes some time to look at each server.
                Publisher.publish(redis, stuck.topic(), several);
                return wire.connections().isEmpty();
              });
      assertThat("the other handler is held up", kept, is(empty()));
      goOn.countDown();
      Wire.await("reported").until(() -> recorder.connection, is(List.of("lost", "back")));
      assertReceivesAgain(2);
      assertThat(stuck.stats().dropped(), is(0L));
    }
    assertThat(recorder.connection, contains("lost", "back"));
    assertThat(recorder.failures, is(empty()));
  }
}
