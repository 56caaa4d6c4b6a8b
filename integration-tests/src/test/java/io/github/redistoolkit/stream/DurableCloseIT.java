package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.startsWith;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.params.XReadGroupParams;

/** How consumers end: in good order, or without a word. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class DurableCloseIT extends StreamSuite {

  private static final String READER = "redis-stream-reader-";

  DurableCloseIT(TestRedis redis) {
    super(redis);
  }

  @Test
  void closingDuringEightHandlersTakesNoLongerThanItsTimeoutAndHandsBackTheRestAtOnce()
      throws Exception {
    // So long that nothing comes by its end.
    Duration lease = Duration.ofMinutes(10);
    Duration closeTimeout = Duration.ofMillis(500);
    DurableTopic<Integer> topic =
        open(builder().lease(lease).concurrency(8).closeTimeout(closeTimeout));
    publish(topic, 0, 32);
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch begun = new CountDownLatch(8);
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          begun.countDown();
          assertThat(held.await(60, TimeUnit.SECONDS), is(true));
          take(message);
        });
    assertThat(begun.await(60, TimeUnit.SECONDS), is(true));
    await("read ahead").until(() -> state(topic).pending(), is(32L));
    List<DurableMessage<Integer>> elsewhere = Collections.synchronizedList(new ArrayList<>());
    DurableTopic<Integer> other = open(builder().lease(lease));
    other.subscribe(GROUP, From.start(), elsewhere::add);

    long closing = System.nanoTime();
    topic.close();
    Duration took = Duration.ofNanos(System.nanoTime() - closing);

    // Of which one second is for what is said to Redis, and the rest for a busy machine.
    assertThat(took, is(lessThan(closeTimeout.plusSeconds(10))));
    await("elsewhere").until(elsewhere::size, is(24));
    assertThat(elsewhere.stream().map(DurableMessage::body).toList(), is(numbers(8, 32)));
    assertThat(elsewhere.stream().map(DurableMessage::delivery).toList(), everyItem(is(1)));
    // Those at work end as they would have, whatever became of the topic.
    held.countDown();
    assertThat(next(8), containsInAnyOrder(numbers(0, 8).toArray()));
    awaitPending(other, 0);
    assertThat(elsewhere, hasSize(24));
  }

  /**
   * Quick handlers are called by the thread that reads, which acknowledges what they have done. On
   * a busy machine some are not quick, so this goes on until it has seen one of these close.
   */
  @Test
  void closingInAQuickHandlerAcknowledgesWhatWasDoneBeforeIt() {
    DurableTopic<Integer> topic = open(builder().lease(Duration.ofMinutes(10)));
    await("closed by who reads").until(() -> whoClosesAfterNine(topic), startsWith(READER));
  }

  private String whoClosesAfterNine(DurableTopic<Integer> topic) throws Exception {
    BlockingQueue<String> threads = new LinkedBlockingQueue<>();
    BlockingQueue<Boolean> closed = new LinkedBlockingQueue<>();
    DurableSubscription[] own = new DurableSubscription[1];
    own[0] =
        topic.subscribe(
            GROUP,
            From.start(),
            message -> {
              threads.add(Thread.currentThread().getName());
              if (message.body() == 10) {
                closed.add(own[0].close(Duration.ofSeconds(30)));
              }
            });
    do {
      topic.publish(0);
    } while (!threads.take().startsWith(READER));
    // All at once, so that they are read at once.
    Object unused =
        redis
            .admin()
            .eval(
                "for i = 1, 20 do redis.call('XADD', KEYS[1], '*', 'd', i) end",
                List.of(stream()),
                List.of());

    assertThat(closed.poll(60, TimeUnit.SECONDS), is(true));
    DurableSubscription next = topic.subscribe(GROUP, From.start(), this::take);
    assertThat(next(10), is(numbers(11, 21)));
    awaitPending(topic, 0);
    assertNothingMore();
    assertThat(next.close(Duration.ofSeconds(30)), is(true));
    assertThat(threads, hasSize(10));
    return new ArrayList<>(threads).get(9);
  }

  /**
   * As processes do that are killed: what they had comes again, and none of them stays in Redis.
   */
  @Test
  void consumersThatWentWithoutAWordLeaveNothingBehind() throws Exception {
    int restarts = Matrix.size(20, 1_000);
    DurableTopic<Integer> topic = open(builder().lease(Duration.ofMillis(200)));
    redis.admin().xgroupCreate(stream(), GROUP, new StreamEntryID(0, 0), true);
    for (int i = 0; i < restarts; i++) {
      topic.publish(i);
      // Every other one has got a message.
      redis.admin().xgroupCreateConsumer(stream(), GROUP, "gone-" + i);
      if (i % 2 == 0) {
        assertThat(
            redis
                .admin()
                .xreadGroup(
                    GROUP,
                    "gone-" + i,
                    XReadGroupParams.xReadGroupParams().count(1),
                    Map.of(stream(), StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY)),
            hasSize(1));
      }
    }
    assertThat(redis.admin().xinfoConsumers(stream(), GROUP), hasSize(restarts));
    topic.subscribe(GROUP, From.start(), this::take);
    assertThat(new HashSet<>(next(restarts)), is(new HashSet<>(numbers(0, restarts))));
    awaitPending(topic, 0);
    await("removed")
        .until(
            () -> redis.admin().xinfoConsumers(stream(), GROUP).size(), is(lessThanOrEqualTo(2)));
    assertNothingMore();
  }
}
