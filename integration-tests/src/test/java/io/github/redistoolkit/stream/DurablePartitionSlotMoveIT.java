package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.SlotMove;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisException;

/** Slots of a topic with partitions move to other nodes, while it is published to and consumed. */
@EachClient(topologies = Topology.CLUSTER)
class DurablePartitionSlotMoveIT extends StreamSuite {

  private static final int PARTITIONS = 6;
  private static final int KEYS = 12;
  private static final int BURST = 5;

  private final PrivateRedis servers;

  /** On servers that nobody disturbs. */
  private final PartitionHistory history;

  private final Partitions partitions;
  private final List<Integer> deliveries = Collections.synchronizedList(new ArrayList<>());

  DurablePartitionSlotMoveIT(TestRedis shared) {
    super(shared.privateServers().redis());
    this.servers = shared.privateServers();
    this.history = new PartitionHistory(shared.admin(), shared.unique("history"));
    this.partitions = Partitions.of(redis.mark() + "s:", name, PARTITIONS);
  }

  private DurableTopic<Integer> parted() {
    return open(builder().partitions(PARTITIONS));
  }

  private String partition(int number) {
    return partitions.parts().get(number).stream();
  }

  private String keyOf(int partition) {
    return IntStream.range(0, 1_000)
        .mapToObj(i -> "key " + i)
        .filter(key -> partitions.of(key) == partition)
        .findFirst()
        .orElseThrow();
  }

  private void takeAndCount(DurableMessage<Integer> message) {
    deliveries.add(message.delivery());
    take(message);
  }

  private void assertGoesOnInOrder(DurableTopic<Integer> topic, int from) throws Exception {
    for (int i = from; i < from + 20; i++) {
      topic.publish(keyOf(0), i);
    }
    assertThat(next(20), is(numbers(from, from + 20)));
  }

  private void forgetScriptsAt(HostAndPort node) {
    try (Jedis jedis = servers.redis().open(node)) {
      assertThat(jedis.scriptFlush(), is("OK"));
    }
  }

  @Test
  @Proves("durable-topic.goes-on")
  void aPartitionGoesOnInOrderInEachStepOfItsMove() throws Exception {
    DurableTopic<Integer> topic = parted();
    topic.subscribe(GROUP, From.start(), this::takeAndCount);
    assertGoesOnInOrder(topic, 0);
    SlotMove move = servers.beginMoveOfSlot(partition(0));
    assertGoesOnInOrder(topic, 20);
    forgetScriptsAt(move.target());
    move.moveKeys();
    // The old owner answers ASK now, and the new one has never seen the scripts.
    assertGoesOnInOrder(topic, 40);
    move.finish();
    assertGoesOnInOrder(topic, 60);
    awaitPending(topic, 0);
    assertThat(deliveries, everyItem(is(1)));
    assertThat(heard.of("lost"), is(empty()));
    assertThat(heard.of("lease"), is(empty()));
  }

  @Test
  void aPartitionIsHandedOverInEachStepOfItsMove() throws Exception {
    DurableSubscription before = handingOver().subscribe(GROUP, From.start(), this::takeAndCount);
    DurableTopic<Integer> topic = handingOver();
    assertGoesOnInOrder(topic, 0);
    SlotMove move = servers.beginMoveOfSlot(partition(0));
    before = assertHandedOver(topic, before, 20);
    forgetScriptsAt(move.target());
    move.moveKeys();
    before = assertHandedOver(topic, before, 40);
    move.finish();
    before = assertHandedOver(topic, before, 60);
    awaitPending(topic, 0);
    assertThat(deliveries, everyItem(is(1)));
    assertThat(before.handled(), is(20L));
    assertThat(heard.of("lost"), is(empty()));
    assertThat(heard.of("lease"), is(empty()));
  }

  /** With a lease so long that nothing comes by its end. */
  private DurableTopic<Integer> handingOver() {
    return open(builder().partitions(PARTITIONS).lease(Duration.ofMinutes(10)));
  }

  private DurableSubscription assertHandedOver(
      DurableTopic<Integer> topic, DurableSubscription before, int from) throws Exception {
    assertThat(before.close(Duration.ofSeconds(30)), is(true));
    DurableSubscription next = handingOver().subscribe(GROUP, From.start(), this::takeAndCount);
    assertGoesOnInOrder(topic, from);
    return next;
  }

  /** Consumers say there that they are there. */
  @Test
  void consumersComeAndGoInEachStepOfAMoveOfTheTopicItself() throws Exception {
    DurableTopic<Integer> topic = parted();
    DurableSubscription first = topic.subscribe(GROUP, From.start(), message -> {});
    publish(topic, 0, 20);
    await("handled").until(first::handled, is(20L));
    SlotMove move = servers.beginMoveOfSlot(stream());
    DurableSubscription second = topic.subscribe(GROUP, From.start(), message -> {});
    awaitShare(topic, second);
    forgetScriptsAt(move.target());
    move.moveKeys();
    DurableSubscription third = topic.subscribe(GROUP, From.start(), message -> {});
    awaitShare(topic, third);
    assertThat(first.close(Duration.ofSeconds(30)), is(true));
    move.finish();
    assertThat(second.close(Duration.ofSeconds(30)), is(true));
    await("handled").until(() -> state(topic).pending() + state(topic).lag(), is(0L));
    long before = third.handled();
    publish(topic, 0, 100);
    await("all are of the third").until(() -> state(topic).pending() + state(topic).lag(), is(0L));
    assertThat(third.handled(), is(before + 100));
    assertThat(heard.lines(), is(empty()));
  }

  private void awaitShare(DurableTopic<Integer> topic, DurableSubscription consumer) {
    await("has a share")
        .until(
            () -> {
              publish(topic, 0, 10);
              return consumer.handled() > 0;
            });
  }

  @Test
  @Proves({"durable-topic.order-per-key", "durable-topic.goes-on"})
  void keepsTheOrderOfEachKeyWhileSlotsMove() throws Exception {
    DurableTopic<Integer> topic = parted();
    DurableHandler<Integer> handler = history.handler(3, Duration.ofMillis(4));
    topic.subscribe(GROUP, From.start(), handler);
    parted().subscribe(GROUP, From.start(), handler);
    AtomicBoolean enough = new AtomicBoolean();
    Set<Integer> published = Collections.synchronizedSet(new HashSet<>());
    List<JedisException> failures = Collections.synchronizedList(new ArrayList<>());
    Thread publisher =
        new Thread(() -> publish(topic, enough, published, failures), "slot-move-publisher");
    publisher.start();
    try {
      for (int i = 0; i < Matrix.size(6, 60); i++) {
        String key = i % 3 == 2 ? stream() : partition(i % PARTITIONS);
        HostAndPort source = servers.primaryOf(key).address();
        int before = history.timesDone();
        servers.moveSlot(key);
        servers.awaitFailover(key, source);
        await("consumes").until(history::timesDone, is(greaterThan(before)));
      }
    } finally {
      enough.set(true);
      publisher.join();
    }
    assertThat(failures, is(empty()));
    await("all").until(() -> history.done().size(), is(published.size()));
    awaitPending(topic, 0);
    assertThat(history.done(), is(published));
    assertThat(history.outOfOrder(), is(empty()));
    assertThat(history.ofFormerOwners(), is(empty()));
    assertThat(history.overlapping(), is(empty()));
    assertThat(heard.of("lost"), is(empty()));
  }

  private static void publish(
      DurableTopic<Integer> topic,
      AtomicBoolean enough,
      Set<Integer> published,
      List<JedisException> failures) {
    for (int i = 0; !enough.get(); i++) {
      // Several of a key at once, so that there is something behind one that fails.
      int message =
          PartitionHistory.message(i / BURST % KEYS, i / BURST / KEYS * BURST + i % BURST);
      try {
        topic.publish(PartitionHistory.key(message), message);
        published.add(message);
        if (i % BURST == 0) {
          Thread.sleep(10); // so that the history stays short
        }
      } catch (JedisException e) {
        failures.add(e); // it may be there all the same
      } catch (InterruptedException e) {
        return;
      }
    }
  }
}
