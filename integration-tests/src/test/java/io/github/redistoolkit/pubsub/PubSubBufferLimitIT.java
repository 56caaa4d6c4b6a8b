package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
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
      proxy.cut();
      pass(Duration.ofSeconds(1));
      long requests = proxy.requests("subscribe") - before;
      assertThat(recorder.connection, contains("lost"));
      assertThat("tried again", requests, is(greaterThan((long) topics.size())));
      // At once, and then eight times at most: half of 50, 100, 200, 400, 800 ms have passed.
      assertThat(requests, is(lessThan(10L * topics.size())));
      limit(BY_DEFAULT);
      Wire.await("healed").until(() -> recorder.gaps, hasSize(1));
      assertReceivesAgain(1);
    }
    assertThat(recorder.connection, contains("lost", "back"));
  }

  @Test
  void aStallThatIsTooLongForRedisHoldsUpAllSubscriptionsAndIsReportedAsALoss() {
    String payload = '"' + "x".repeat(1 << 18) + '"';
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
                Publisher.publish(redis, stuck.topic(), payload);
                return wire.connections().isEmpty();
              });
      assertThat("the other handler is held up", kept, is(empty()));
      goOn.countDown();
      Wire.await("reported").until(() -> recorder.connection, is(List.of("lost", "back")));
      assertReceivesAgain(2);
      assertThat(stuck.dropped(), is(0L));
    }
    assertThat(recorder.connection, contains("lost", "back"));
    assertThat(recorder.failures, is(empty()));
  }
}
