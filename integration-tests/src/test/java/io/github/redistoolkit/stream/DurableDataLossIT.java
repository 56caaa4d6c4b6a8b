package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;

/** The group, the stream, or everything is gone. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class DurableDataLossIT extends StreamSuite {

  private static final Duration SOON = Duration.ofSeconds(20);

  DurableDataLossIT(TestRedis redis) {
    super(redis.ours());
  }

  private void flushAll() {
    for (HostAndPort primary : redis.primaries()) {
      try (Jedis jedis = redis.open(primary)) {
        assertThat(jedis.flushAll(), is("OK"));
      }
    }
  }

  private void destroy() {
    assertThat(redis.admin().xgroupDestroy(stream(), GROUP), is(1L));
  }

  /** Gone while the reader blocks; what is published afterwards arrives, and it is told once. */
  private void assertGoesOnAfter(Runnable loss) throws Exception {
    // The lease is long, so that nothing depends on what is looked for by time.
    DurableTopic<Integer> topic = open(builder().lease(LONG_LEASE));
    topic.subscribe(GROUP, From.start(), this::take);
    publish(topic, 0, 3);
    assertThat(next(3), is(numbers(0, 3)));
    awaitPending(topic, 0);
    for (int round = 1; round <= 2; round++) {
      loss.run();
      long since = System.nanoTime();
      publish(topic, 3, 6);
      assertThat(next(3), is(numbers(3, 6)));
      assertThat(Duration.ofNanos(System.nanoTime() - since), is(lessThan(SOON)));
      int told = round;
      await("told").until(() -> heard.of("lost"), hasSize(told));
      awaitPending(topic, 0);
    }
    assertNothingMore();
    assertThat(heard.lines(), is(List.of("lost", "lost")));
  }

  @Test
  @Proves("durable-topic.goes-on")
  void goesOnAfterDel() throws Exception {
    assertGoesOnAfter(() -> assertThat(redis.admin().del(stream()), is(1L)));
  }

  @Test
  @Proves("durable-topic.goes-on")
  void goesOnAfterFlushAll() throws Exception {
    assertGoesOnAfter(this::flushAll);
  }

  @Test
  @Proves("durable-topic.goes-on")
  void goesOnAfterXgroupDestroy() throws Exception {
    assertGoesOnAfter(this::destroy);
  }

  @Test
  @Proves("durable-topic.goes-on")
  void goesOnAfterDelThoughTheHandlerIsSlowNow() throws Exception {
    DurableTopic<Integer> topic = open(builder().lease(LONG_LEASE));
    SuddenlySlow handler = suddenlySlow(topic);
    awaitPending(topic, 1);
    assertThat(redis.admin().del(stream()), is(1L));
    await("told").atMost(AT_ONCE).until(() -> heard.lines(), is(List.of("lost")));
    assertThat("made again", topic.state(GROUP).isPresent(), is(true));
    topic.publish(SuddenlySlow.FAST + 1);
    awaitPending(topic, 1);
    assertNothingMore();
    handler.goOn();
    assertThat(next(2), is(numbers(SuddenlySlow.FAST, SuddenlySlow.FAST + 2)));
    awaitPending(topic, 0);
    assertThat(heard.lines(), is(List.of("lost")));
  }

  @Test
  void eachSubscriptionIsToldOnceThatTheGroupWasGone() throws Exception {
    DurableTopic<Integer> topic = open();
    topic.subscribe(GROUP, From.start(), this::take);
    topic.subscribe(GROUP, From.start(), this::take);
    publish(topic, 0, 10);
    assertThat(next(10), containsInAnyOrder(numbers(0, 10).toArray()));
    awaitPending(topic, 0);
    flushAll();
    await("told").until(() -> heard.of("lost"), hasSize(2));
    publish(topic, 10, 20);
    assertThat(next(10), containsInAnyOrder(numbers(10, 20).toArray()));
    // Several renewals and looks.
    Thread.sleep(LEASE.multipliedBy(2).toMillis());
    assertThat(heard.of("lost"), hasSize(2));
  }

  @Test
  void whatWasNotDoneWithIsDeliveredAnewAfterTheGroupWasDestroyed() throws Exception {
    DurableTopic<Integer> topic = open();
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch begun = new CountDownLatch(1);
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          begun.countDown();
          assertThat(held.await(60, TimeUnit.SECONDS), is(true));
          take(message);
        });
    publish(topic, 0, 10);
    assertThat(begun.await(60, TimeUnit.SECONDS), is(true));
    await("read ahead").until(() -> state(topic).pending(), is(10L));
    destroy();
    await("told").until(() -> heard.of("lost"), hasSize(1));
    await("delivered anew").until(() -> state(topic).pending(), is(10L));
    held.countDown();
    // Not twice either: this process knows what it has.
    assertThat(next(10), is(numbers(0, 10)));
    awaitPending(topic, 0);
    assertNothingMore();
  }

  /** Of a topic that notices by itself only seconds later that its group is gone. */
  private DurableTopic<Integer> slowToNotice(int partitions, int maxDeliveries) {
    return open(
        builder()
            .lease(LONG_LEASE)
            .partitions(partitions)
            .maxDeliveries(maxDeliveries)
            .retryDelay(Duration.ofSeconds(1)));
  }

  /** Where a message of one key is. */
  private String streamOf(String id, int partitions) {
    Partitions all = Partitions.of(redis.mark() + "s:", name, partitions);
    return all.parts().get(all.place(id, "id").partition()).stream();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  @Proves("durable-topic.at-least-once")
  void whatWaitsForItsRetryIsDeliveredAlsoIfTheGroupIsDestroyedMeanwhile(int partitions)
      throws Exception {
    DurableTopic<Integer> topic = slowToNotice(partitions, 5);
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          if (heard.of("error").isEmpty()) {
            throw new IllegalStateException("for the first time");
          }
          take(message);
        });
    String id = topic.publish("key", 1);
    await("failed").until(() -> heard.of("error"), hasSize(1));
    assertThat(redis.admin().xgroupDestroy(streamOf(id, partitions), GROUP), is(1L));
    assertThat(next().id(), is(id));
    awaitPending(topic, 0);
    assertNothingMore();
  }

  /** Nothing is read meanwhile: the retry itself has to find out that the group is gone. */
  @Test
  @Proves("durable-topic.at-least-once")
  void whatWaitsForItsRetryIsDeliveredThoughNoReadTellsThatTheGroupIsGone() throws Exception {
    DurableTopic<Integer> topic =
        open(builder().lease(LONG_LEASE).retryDelay(Duration.ofSeconds(1)).concurrency(2).batch(2));
    CountDownLatch busy = new CountDownLatch(2);
    CountDownLatch held = new CountDownLatch(1);
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          if (message.body() != 1) {
            busy.countDown();
            assertThat(held.await(60, TimeUnit.SECONDS), is(true));
          } else if (busy.getCount() > 0) {
            throw new IllegalStateException("before the others have begun");
          }
          take(message);
        });
    String id = topic.publish(1);
    await("failed").until(() -> heard.of("error").isEmpty(), is(false));
    topic.publish(2);
    topic.publish(3);
    assertThat("no room for more", busy.await(60, TimeUnit.SECONDS), is(true));
    destroy();
    await("told").until(() -> heard.of("lost"), hasSize(1));
    held.countDown();
    await("delivered").until(() -> received.stream().anyMatch(message -> message.id().equals(id)));
    // The two others may have been done before their group was made again, and read anew after
    // that.
    await("all").until(() -> state(topic).pending() + state(topic).lag(), is(0L));
    assertThat(heard.of("lost"), hasSize(1));
  }

  @Test
  @Proves({"durable-topic.at-least-once", "durable-topic.order-per-key"})
  void whatWaitsForItsRetryStaysBeforeThoseBehindItIfItsPartitionLosesTheGroup() throws Exception {
    DurableTopic<Integer> topic = slowToNotice(2, 5);
    AtomicBoolean gone = new AtomicBoolean();
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          if (message.body() == 1 && !gone.get()) {
            throw new IllegalStateException("while there is the group");
          }
          take(message);
        });
    String id = topic.publish("key", 0);
    for (int i = 1; i < 5; i++) {
      topic.publish("key", i);
    }
    assertThat(next(1), is(List.of(0)));
    await("failed").until(() -> heard.of("error").isEmpty(), is(false));
    await("the first done").until(() -> state(topic).pending() + state(topic).lag(), is(4L));
    assertThat(redis.admin().xgroupDestroy(streamOf(id, 2), GROUP), is(1L));
    gone.set(true);
    assertThat(next(4), is(numbers(1, 5)));
    await("all").until(() -> state(topic).pending() + state(topic).lag(), is(0L));
    assertThat(heard.of("lost"), is(List.of("lost")));
    assertNothingMore();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  @Proves("durable-topic.at-least-once")
  void whatFailsForTheLastTimeIsNotForgottenIfTheGroupIsDestroyedMeanwhile(int partitions)
      throws Exception {
    DurableTopic<Integer> topic = slowToNotice(partitions, 1);
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          if (heard.of("error").isEmpty()) {
            assertThat(
                redis.admin().xgroupDestroy(streamOf(message.id(), partitions), GROUP), is(1L));
            throw new IllegalStateException("for the last time");
          }
          take(message);
        });
    String id = topic.publish("key", 1);
    await("handled anew, or a dead letter of the group that was made anew")
        .until(
            () ->
                received.stream().anyMatch(message -> message.id().equals(id))
                    || topic.deadLetters(GROUP, 1).stream()
                        .anyMatch(letter -> letter.messageId().equals(id)));
    awaitPending(topic, 0);
  }

  @Test
  void aStreamWithLowerIdsIsReadFromItsStart() throws Exception {
    DurableTopic<Integer> topic = open();
    topic.subscribe(GROUP, From.start(), this::take);
    topic.publish(0);
    assertThat(next(1), is(List.of(0)));
    awaitPending(topic, 0);
    replaceByOneWithLowerIds();
    assertThat(next(2), is(List.of(1, 2)));
    await("told").until(() -> heard.lines(), is(List.of("lost")));
  }

  @Test
  void aFollowerReadsAStreamWithLowerIdsFromItsStartToo() throws Exception {
    DurableTopic<Integer> topic = open();
    topic.follow(From.start(), this::take);
    topic.publish(0);
    assertThat(next(1), is(List.of(0)));
    replaceByOneWithLowerIds();
    assertThat(next(2), is(List.of(1, 2)));
    await("told").until(() -> heard.lines(), is(List.of("lost")));
  }

  /** In one step, as if the clock of another server were behind. */
  private void replaceByOneWithLowerIds() {
    Object unused =
        redis
            .admin()
            .eval(
                "redis.call('DEL', KEYS[1]) redis.call('XADD', KEYS[1], '5-1', 'd', '1')"
                    + " redis.call('XADD', KEYS[1], '5-2', 'd', '2')",
                List.of(stream()),
                List.of());
  }

  @Test
  void idsGoOnAboveThoseThatWereGiven() throws Exception {
    DurableTopic<Integer> topic = open();
    topic.subscribe(GROUP, From.start(), this::take);
    // A clock that is ahead.
    StreamEntryID ahead = new StreamEntryID(9_999_999_999_999L, 5);
    redis.admin().xadd(stream(), ahead, Map.of("d", "1"));
    assertThat(next(1), is(List.of(1)));
    awaitPending(topic, 0);
    assertThat(redis.admin().del(stream()), is(1L));
    await("told").until(() -> heard.of("lost"), hasSize(1));
    assertThat(topic.publish(2), is("9999999999999-6"));
    assertThat(next(1), is(List.of(2)));
  }

  @Test
  void deadLettersAndOtherGroupsAreNoneOfAGroupThatIsDestroyed() throws Exception {
    DurableTopic<Integer> topic = open(builder().maxDeliveries(1));
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          take(message);
          throw new Exception("always");
        });
    topic.subscribe("other", From.start(), this::take);
    topic.publish(1);
    assertThat(next(2), is(List.of(1, 1)));
    await("buried").until(() -> topic.deadLetters(GROUP, 1), hasSize(1));
    destroy();
    await("told").until(() -> heard.lines(), hasItems("lost"));
    assertThat(topic.deadLetters(GROUP, 1), hasSize(1));
    assertThat(heard.of("lost"), hasSize(1));
  }
}
