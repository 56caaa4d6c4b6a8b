package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What is told of losses: when, how often, why, and since when messages may have been lost. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class PubSubGapIT extends PubSubFaultSuite {

  private final CountDownLatch goOn = new CountDownLatch(1);
  private final List<Integer> lost = new ArrayList<>();

  PubSubGapIT(TestRedis redis) {
    super(redis);
  }

  /** Also when a test has failed: else it would take the next ones with it. */
  @AfterEach
  void letHandlersEnd() {
    goOn.countDown();
  }

  /**
   * Publishes numbers all the time while nothing comes through, though the connection seems to be
   * alive. What is lost must have been published within the gap.
   */
  @Test
  @Proves("pub-sub.loss-told")
  void whatIsLostWasPublishedWithinTheReportedGap() {
    List<Long> publishedNanos = new ArrayList<>();
    try (RedisPubSub pubSub = builder(proxied).heartbeat(Duration.ofSeconds(1)).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      for (int outage = 0; outage < 3; outage++) {
        int losses = recorder.causes.size();
        publishUntil(publishedNanos, () -> kept.contains(publishedNanos.size() - 1));
        proxy.blackHole(Direction.TO_CLIENT);
        publishUntil(publishedNanos, () -> recorder.causes.size() > losses);
        proxy.heal();
        awaitHealed();
        long back = recorder.backNanos;
        publishUntil(publishedNanos, () -> kept.contains(publishedNanos.size() - 1));
        Duration gap = recorder.gaps.get(recorder.gaps.size() - 1);
        long gapBegan = back - gap.toNanos();
        for (int i = 0; i < publishedNanos.size(); i++) {
          if (!kept.contains(i) && publishedNanos.get(i) - back < 0) {
            lost.add(i);
            assertThat(
                "lost, and published before the gap by ns",
                gapBegan - publishedNanos.get(i),
                is(lessThan(0L)));
          }
        }
        assertThat("something is lost", lost, is(not(empty())));
        kept.addAll(lost); // they are accounted for
        lost.clear();
      }
    }
  }

  private void publishUntil(List<Long> publishedNanos, Callable<Boolean> condition) {
    Wire.await("published enough")
        .atMost(Duration.ofSeconds(30))
        .until(
            () -> {
              if (condition.call() && !publishedNanos.isEmpty()) {
                return true;
              }
              publishedNanos.add(System.nanoTime());
              Publisher.publish(redis, channel, String.valueOf(publishedNanos.size() - 1));
              return false;
            });
  }

  /** Each time all is confirmed it is cut again. */
  @Test
  void reconnectsLessAndLessOftenIfItIsCutAgainAndAgain() {
    AtomicBoolean done = new AtomicBoolean();
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      Future<?> cutting =
          threads.submit(
              () -> {
                while (!done.get()) {
                  wire.closeConnections();
                }
              });
      pass(Duration.ofSeconds(4));
      done.set(true);
      Wire.await("no longer cut").until(cutting::isDone);
      // At once, after 50, 100, 200, 400, 800 ms at most, and then once or twice a second.
      assertThat(recorder.causes.size(), is(greaterThan(1)));
      assertThat(recorder.causes.size(), is(lessThan(30)));
      awaitHealed();
    }
  }

  @Test
  void aCutIsReportedWhileAHandlerThatBlocksTheReaderStandsStill() {
    try (RedisPubSub pubSub =
        builder()
            .heartbeat(Duration.ofMillis(300))
            .longestSilence(Duration.ofSeconds(20))
            .overflow(Overflow.BLOCK)
            .queueBytes(1)
            .build()) {
      pubSub.subscribe(channel, Integer.class, message -> goOn.await());
      Publisher.publish(redis, channel, "1", "2", "3");
      Wire.await("stalled").until(() -> Wire.threadIsIn("reader", "makeRoom"));
      wire.closeConnections();
      Wire.await("reported").until(() -> recorder.connection, contains("lost", "back"));
      assertThat("it stands still", goOn.getCount(), is(1L));
    }
  }

  @Test
  void aHandlerWhoseQueueIsFullCanSubscribe() {
    List<String> received = new CopyOnWriteArrayList<>();
    CountDownLatch full = new CountDownLatch(1);
    try (RedisPubSub pubSub = builder().overflow(Overflow.BLOCK).queueBytes(1).build()) {
      pubSub.subscribe(
          channel,
          Integer.class,
          message -> {
            full.await();
            pubSub.subscribe(channel + ":" + message.body(), Integer.class, inner -> {});
            received.add("subscribed in " + message.body());
          });
      Publisher.publish(redis, channel, "1", "2", "3", "4");
      Wire.await("stalled").until(() -> Wire.threadIsIn("reader", "makeRoom"));
      full.countDown();
      Wire.await("subscribed in each").until(() -> received, hasSize(4));
    }
    assertThat(recorder.failures, is(empty()));
  }

  @Test
  void tellsWhyItDoesNotComeBackOnceForEachCause() {
    String user = redis.unique("user");
    String[] rules = {"reset", "on", ">for-this-test-only", "+@all", "~*", "&*"};
    wire.atEach(jedis -> assertThat(jedis.aclSetUser(user, rules), is("OK")));
    try (TestRedis client = redis.with(config -> config.user(user).password("for-this-test-only"));
        RedisPubSub pubSub = builder(client).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      wire.atEach(jedis -> assertThat(jedis.aclSetUser(user, "resetpass", ">another"), is("OK")));
      wire.closeConnections();
      Wire.await("told").until(() -> recorder.connectFailures, is(not(empty())));
      pass(Duration.ofSeconds(2));
      assertThat(recorder.connectFailures, hasSize(1));
      assertThat(recorder.connectFailures.get(0).toString(), containsString("WRONGPASS"));
      wire.atEach(jedis -> assertThat(jedis.aclSetUser(user, "resetpass", rules[2]), is("OK")));
      awaitHealed();
    } finally {
      wire.atEach(jedis -> assertThat(jedis.aclDelUser(user), is(1L)));
    }
    assertThat(recorder.connection, contains("lost", "back"));
  }
}
