package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.stream.ConsumingChild.Behaviour;
import io.github.redistoolkit.testing.ChildJvm;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.StreamEntryID;

/** Several JVMs in one group, of which some are killed or stopped. */
@EachClient
class DurableJvmsIT extends StreamSuite {

  /** What a consumer may have read and not done with, as the builder has it. */
  private static final int IN_FLIGHT = 32;

  private final List<ChildJvms> children = new CopyOnWriteArrayList<>();
  private final List<String> lines = Collections.synchronizedList(new ArrayList<>());

  DurableJvmsIT(TestRedis redis) {
    super(redis);
  }

  @AfterEach
  void closeChildren() {
    children.forEach(ChildJvms::close);
  }

  private ChildJvm start(Behaviour behaviour) {
    ChildJvms started =
        ChildJvms.start(redis, 1, ConsumingChild.class, name, redis.mark() + "s", behaviour.name());
    children.add(started);
    return started.get(0);
  }

  /** What all have said so far, those that were killed too. */
  private List<String> said(String event) {
    children.forEach(child -> lines.addAll(child.get(0).linesSoFar()));
    synchronized (lines) {
      return lines.stream().filter(line -> line.startsWith(event + " ")).toList();
    }
  }

  private List<Integer> numbersOf(String event) {
    return said(event).stream().map(line -> Integer.valueOf(line.split(" ", -1)[1])).toList();
  }

  /** Kills consumers in the middle of their work, each replaced by another. */
  private int killWhileConsuming(Behaviour behaviour, int count) throws Exception {
    List<ChildJvm> running = new ArrayList<>(List.of(start(behaviour), start(behaviour)));
    int kills = Matrix.size(2, 20);
    for (int i = 1; i <= kills; i++) {
      int some = i * count / (2 * kills);
      ChildJvm victim = running.remove(0);
      running.add(start(behaviour));
      await("at work").until(() -> said("done").size(), is(greaterThan(some)));
      victim.kill();
    }
    return kills;
  }

  @Test
  @Proves("durable-topic.at-least-once")
  void nothingIsLostAndLittleComesTwiceWhenConsumersAreKilled() throws Exception {
    int count = Matrix.size(4_000, 100_000);
    DurableTopic<Integer> topic = open();
    publish(topic, 0, count);
    int kills = killWhileConsuming(Behaviour.QUICK, count);
    await("all").until(() -> new HashSet<>(numbersOf("done")).size(), is(count));
    awaitPending(topic, 0);
    List<Integer> done = numbersOf("done");
    assertThat(new HashSet<>(done), is(new HashSet<>(numbers(0, count))));
    assertThat(done.size() - count, is(lessThanOrEqualTo(kills * IN_FLIGHT)));
    assertThat(topic.deadLetters(GROUP, 10), is(empty()));
  }

  @Test
  void theSameCatchesWhoAcknowledgesBeforeTheWork() throws Exception {
    int count = 4_000;
    DurableTopic<Integer> topic = open();
    publish(topic, 0, count);
    redis.admin().xgroupCreate(stream(), GROUP, new StreamEntryID(0, 0), true);
    int kills = killWhileConsuming(Behaviour.NAIVE, count);
    assertThat(kills, is(greaterThan(0)));
    await("all read").until(() -> state(topic).lag(), is(0L));
    // Those who live do what they have read.
    int soFar = said("done").size();
    Thread.sleep(1_000);
    assertThat(said("done").size(), is(lessThan(soFar + 64)));
    assertThat(new HashSet<>(numbersOf("done")).size(), is(lessThan(count)));
  }

  @Test
  @Proves("durable-topic.lease-renewed")
  void whatAKilledConsumerHadReadIsHandledElsewhereAfterItsLease() throws Exception {
    DurableTopic<Integer> topic = open();
    publish(topic, 0, 20);
    ChildJvm first = start(Behaviour.HELD);
    await("read ahead").until(() -> said("begun"), hasSize(1));
    await("read ahead").until(() -> topic.state(GROUP).orElseThrow().pending(), is(20L));
    topic.subscribe(GROUP, From.start(), this::take);
    // It is alive, and so keeps what it has, however long that takes.
    Thread.sleep(LEASE.multipliedBy(3).toMillis());
    assertNothingMore();
    first.kill();
    Set<Integer> all = new HashSet<>(next(20));
    assertThat(all, is(new HashSet<>(numbers(0, 20))));
    awaitPending(topic, 0);
    assertNothingMore();
  }

  @Test
  @Proves("durable-topic.counted-by-redis")
  void aMessageThatKillsItsJvmIsBuriedAndTakesNoOtherWithIt() throws Exception {
    DurableTopic<Integer> topic = open();
    publish(topic, 0, 5);
    topic.publish(ConsumingChild.KILLER);
    publish(topic, 5, 100);
    int deaths = 0;
    ChildJvm running = start(Behaviour.QUICK);
    while (topic.deadLetters(GROUP, 10).isEmpty()) {
      if (!running.isAlive()) {
        deaths++;
        running = start(Behaviour.QUICK);
      }
      Thread.sleep(20);
      assertThat("it dies as often as it may", deaths, is(lessThanOrEqualTo(3)));
    }
    await("the others").until(() -> new HashSet<>(numbersOf("done")).size(), is(100));
    assertThat(
        said("begun").stream().filter(line -> line.contains(" -1 ")).toList(),
        is(List.of("begun -1 1", "begun -1 2", "begun -1 3")));
    DeadLetter<Integer> letter = topic.deadLetters(GROUP, 10).get(0);
    assertThat(letter.body().orElseThrow(), is(ConsumingChild.KILLER));
    assertThat(letter.deliveries(), is(3));
    assertThat(topic.deadLetters(GROUP, 10), hasSize(1));
    awaitPending(topic, 0);
  }

  @Test
  void aConsumerThatStoodStillIsToldThatItHasLostItsLease() throws Exception {
    DurableTopic<Integer> topic = open();
    publish(topic, 0, 3);
    ChildJvm stopped = start(Behaviour.HELD);
    await("begun").until(() -> said("begun"), hasSize(1));
    await("read ahead").until(() -> topic.state(GROUP).orElseThrow().pending(), is(3L));
    stopped.pause();
    topic.subscribe(GROUP, From.start(), this::take);
    assertThat(new HashSet<>(next(3)), is(new HashSet<>(numbers(0, 3))));
    awaitPending(topic, 0);
    stopped.resume();
    await("told").until(() -> said("lease"), is(not(empty())));
    assertThat(said("lease"), hasItem("lease 0"));
    stopped.send("go on");
    await("done all the same").until(() -> said("done"), hasSize(1));
    // What it had only read it does not begin any more.
    topic.publish(3);
    await("another").until(() -> state(topic).pending() == 0 || said("begun").size() > 1);
    assertThat(
        said("begun").stream().filter(line -> !line.contains(" 3 ")).toList(),
        is(List.of("begun 0 1")));
  }
}
