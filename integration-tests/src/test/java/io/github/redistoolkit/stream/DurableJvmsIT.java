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
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.StreamEntryID;

/** Several JVMs in one group, of which some are killed or stopped. */
@EachClient
class DurableJvmsIT extends StreamSuite {

  /** What a consumer may have read and not done with, as the builder has it. */
  private static final int IN_FLIGHT = 32;

  private final List<ChildJvms> children = new CopyOnWriteArrayList<>();
  private final List<Said> history = Collections.synchronizedList(new ArrayList<>());

  /**
   * A line of a consumer's.
   *
   * @param by who said it
   * @param delivery 0 where it says none
   */
  private record Said(ChildJvm by, String event, int number, int delivery) {

    static Said of(ChildJvm by, String line) {
      String[] words = line.split(" ", -1);
      int delivery = words.length > 2 ? Integer.parseInt(words[2]) : 0;
      return new Said(by, words[0], Integer.parseInt(words[1]), delivery);
    }
  }

  DurableJvmsIT(TestRedis redis) {
    super(redis);
  }

  @AfterEach
  void closeChildren() {
    children.forEach(ChildJvms::close);
  }

  private ChildJvm start(Behaviour behaviour) {
    return start(behaviour, IN_FLIGHT);
  }

  private ChildJvm start(Behaviour behaviour, int batch) {
    ChildJvms started =
        ChildJvms.start(
            redis,
            1,
            ConsumingChild.class,
            name,
            redis.mark() + "s:",
            behaviour.name(),
            String.valueOf(batch));
    children.add(started);
    return started.get(0);
  }

  /** What all have said so far, those that were killed too. */
  private List<Said> said(String event) {
    for (ChildJvms each : children) {
      ChildJvm child = each.get(0);
      child.linesSoFar().forEach(line -> history.add(Said.of(child, line)));
    }
    synchronized (history) {
      return history.stream().filter(said -> said.event().equals(event)).toList();
    }
  }

  private List<Integer> numbersOf(String event) {
    return said(event).stream().map(Said::number).toList();
  }

  /** Kills consumers in the middle of their work, each replaced by another. */
  private List<ChildJvm> killWhileConsuming(Behaviour behaviour, int count) throws Exception {
    List<ChildJvm> running =
        new ArrayList<>(List.of(start(behaviour), start(behaviour), start(behaviour)));
    List<ChildJvm> killed = new ArrayList<>();
    int kills = Matrix.size(2, 20);
    for (int i = 1; i <= kills; i++) {
      int some = i * count / (2 * kills);
      ChildJvm victim = running.remove(0);
      running.add(start(behaviour));
      await("at work").until(() -> said("done").size(), is(greaterThan(some)));
      victim.kill();
      killed.add(victim);
    }
    return killed;
  }

  @Test
  @Proves("durable-topic.at-least-once")
  void nothingIsLostAndLittleComesTwiceWhenConsumersAreKilled() throws Exception {
    int count = Matrix.size(4_000, 100_000);
    DurableTopic<Integer> topic = open();
    publish(topic, 0, count);
    List<ChildJvm> killed = killWhileConsuming(Behaviour.QUICK, count);
    await("all")
        .atMost(Duration.ofMinutes(Matrix.size(1, 10)))
        .until(() -> new HashSet<>(numbersOf("done")).size(), is(count));
    awaitPending(topic, 0);
    List<Said> done = said("done");
    assertThat(new HashSet<>(numbersOf("done")), is(new HashSet<>(numbers(0, count))));
    assertThat(done.size() - count, is(lessThanOrEqualTo(killed.size() * IN_FLIGHT)));
    Map<Integer, Long> times =
        done.stream().collect(Collectors.groupingBy(Said::number, Collectors.counting()));
    for (ChildJvm each : killed) {
      long again =
          done.stream().filter(said -> said.by() == each && times.get(said.number()) > 1).count();
      assertThat(
          "done by one that was killed, and again", again, is(lessThanOrEqualTo((long) IN_FLIGHT)));
    }
    assertThat(topic.deadLetters(GROUP, 10), is(empty()));
  }

  @Test
  void theSameCatchesWhoAcknowledgesBeforeTheWork() throws Exception {
    int count = 4_000;
    DurableTopic<Integer> topic = open();
    publish(topic, 0, count);
    redis.admin().xgroupCreate(stream(), GROUP, new StreamEntryID(0, 0), true);
    assertThat(killWhileConsuming(Behaviour.NAIVE, count), is(not(empty())));
    await("all read").until(() -> state(topic).lag(), is(0L));
    // Those who live do what they have read.
    int soFar;
    do {
      soFar = said("done").size();
      Thread.sleep(2_000);
    } while (said("done").size() > soFar);
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

  /** The one that was killed has more pending than anybody takes over at once. */
  @Test
  void whatAKilledConsumerWasTakingOverIsHandledElsewhereToo() throws Exception {
    int count = 50;
    DurableTopic<Integer> topic = open();
    publish(topic, 0, count);
    ChildJvm first = start(Behaviour.HELD, 64);
    await("at work").until(() -> said("begun"), hasSize(1));
    awaitPending(topic, count);
    ChildJvm second = start(Behaviour.HELD, 64);
    await("two consumers").until(() -> state(topic).consumers(), is(2L));
    first.kill();
    await("taken over by the second").until(() -> said("begun"), hasSize(2));
    assertThat(deliveriesOf(0), is(List.of(1, 2)));
    topic.subscribe(GROUP, From.start(), this::take);
    second.kill();
    long killed = System.nanoTime();
    assertThat(new HashSet<>(next(count)), is(new HashSet<>(numbers(0, count))));
    // A lease and a third, and time for a busy machine.
    assertThat(
        Duration.ofNanos(System.nanoTime() - killed),
        is(lessThan(LEASE.multipliedBy(2).plusSeconds(10))));
    awaitPending(topic, 0);
    assertNothingMore();
    assertThat(said("done"), is(empty()));
    assertThat(topic.deadLetters(GROUP, 1), is(empty()));
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
    assertThat(deliveriesOf(ConsumingChild.KILLER), is(List.of(1, 2, 3)));
    DeadLetter<Integer> letter = topic.deadLetters(GROUP, 10).get(0);
    assertThat(letter.body().orElseThrow(), is(ConsumingChild.KILLER));
    assertThat(letter.deliveries(), is(3));
    assertThat(topic.deadLetters(GROUP, 10), hasSize(1));
    awaitPending(topic, 0);
  }

  private List<Integer> deliveriesOf(int number) {
    return said("begun").stream()
        .filter(said -> said.number() == number)
        .map(Said::delivery)
        .toList();
  }

  /** One that throws, one that kills its JVM, one that is no JSON. */
  @Test
  @Proves("durable-topic.counted-by-redis")
  void threeThatNobodyCanHandleAreBuriedAndAllOthersHandled() throws Exception {
    int count = Matrix.size(97, 997);
    DurableTopic<Integer> topic = open();
    // Or what the other has acknowledged would be trimmed before the first consumer is there.
    topic.subscribe(GROUP, From.start(), this::take).close();
    topic.subscribe("other", From.start(), this::take);
    publish(topic, 0, count / 3);
    String thrower = topic.publish(ConsumingChild.THROWER);
    publish(topic, count / 3, count / 2);
    String killer = topic.publish(ConsumingChild.KILLER);
    publish(topic, count / 2, count - 1);
    String noJson =
        redis.admin().xadd(stream(), StreamEntryID.NEW_ENTRY, Map.of("d", "{")).toString();
    publish(topic, count - 1, count);

    List<ChildJvm> running = new ArrayList<>(List.of(start(Behaviour.QUICK)));
    await("three dead letters")
        .atMost(Duration.ofMinutes(3)) // four JVMs one after the other, each after a lease
        .until(
            () -> {
              if (!running.get(0).isAlive()) {
                running.set(0, start(Behaviour.QUICK));
              }
              return topic.deadLetters(GROUP, 10).size() == 3;
            });
    await("the others").until(() -> new HashSet<>(numbersOf("done")).size(), is(count));
    awaitPending(topic, 0);
    assertThat(new HashSet<>(numbersOf("done")), is(new HashSet<>(numbers(0, count))));
    // It may have lost one of its own to a JVM that died while it waited for it.
    assertThat(List.of(1, 2, 3).containsAll(deliveriesOf(ConsumingChild.THROWER)), is(true));
    assertThat(deliveriesOf(ConsumingChild.KILLER), is(List.of(1, 2, 3)));
    Map<String, Integer> deliveries =
        topic.deadLetters(GROUP, 10).stream()
            .collect(Collectors.toMap(DeadLetter::messageId, DeadLetter::deliveries));
    assertThat(deliveries, is(Map.of(thrower, 3, killer, 3, noJson, 1)));

    assertThat(next(count + 2), hasSize(count + 2));
    DeadLetter<Integer> letter =
        topic.deadLetters(GROUP, 10).stream()
            .filter(each -> each.messageId().equals(thrower))
            .findFirst()
            .orElseThrow();
    int before = deliveriesOf(ConsumingChild.THROWER).size();
    assertThat(topic.redrive(GROUP, letter.id()), is(true));
    await("delivered anew")
        .until(() -> deliveriesOf(ConsumingChild.THROWER).size(), is(before + 3));
    await("buried again").until(() -> topic.deadLetters(GROUP, 10), hasSize(3));
    awaitPending(topic, 0);
    // To the other group it never came again.
    assertNothingMore();
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
    assertThat(numbersOf("lease"), hasItem(0));
    stopped.send("go on");
    await("done all the same").until(() -> said("done"), hasSize(1));
    // What it had only read it does not begin any more.
    topic.publish(3);
    await("another").until(() -> state(topic).pending() == 0 || said("begun").size() > 1);
    assertThat(numbersOf("begun").stream().filter(number -> number != 3).toList(), is(List.of(0)));
    assertThat(deliveriesOf(0), is(List.of(1)));
  }
}
