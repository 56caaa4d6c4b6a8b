package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

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
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/** The slot of a topic moves to another node, while it is published to and consumed. */
@EachClient(topologies = Topology.CLUSTER)
class DurableSlotMoveIT extends StreamSuite {

  private final PrivateRedis servers;
  private final List<Integer> deliveries = Collections.synchronizedList(new ArrayList<>());

  DurableSlotMoveIT(TestRedis shared) {
    super(shared.privateServers().redis());
    this.servers = shared.privateServers();
  }

  private void takeAndCount(DurableMessage<Integer> message) {
    deliveries.add(message.delivery());
    take(message);
  }

  private void assertGoesOn(DurableTopic<Integer> topic, int from) throws Exception {
    publish(topic, from, from + 20);
    assertThat(next(20), is(numbers(from, from + 20)));
  }

  private static void assertTryAgain(Executable call) {
    JedisDataException refused = assertThrows(JedisDataException.class, call);
    assertThat(refused.getMessage(), startsWith("TRYAGAIN"));
  }

  @Test
  @Proves("durable-topic.goes-on")
  void goesOnInEachStepOfAMove() throws Exception {
    DurableTopic<Integer> topic = open();
    topic.subscribe(GROUP, From.start(), this::takeAndCount);
    assertGoesOn(topic, 0);
    SlotMove move = servers.beginMoveOfSlot(stream());
    assertGoesOn(topic, 20);
    try (Jedis target = servers.redis().open(move.target())) {
      assertThat(target.scriptFlush(), is("OK"));
    }
    move.moveKeys();
    // The old owner answers ASK now, and the new one has never seen the scripts.
    assertGoesOn(topic, 40);
    move.finish();
    // And MOVED now.
    assertGoesOn(topic, 60);
    awaitPending(topic, 0);
    assertThat(servers.primaryOf(stream()).address(), is(move.target()));
    assertThat(deliveries, everyItem(is(1)));
    assertNothingMore();
    assertThat(heard.of("lost"), is(empty()));
    assertThat(heard.of("lease"), is(empty()));
  }

  /** There are no dead letters, so of the keys that it takes one is at neither node. */
  @Test
  void theStateIsAnsweredTryAgainUntilTheMoveIsOver() throws Exception {
    DurableTopic<Integer> topic = open();
    topic.subscribe(GROUP, From.start(), this::take);
    assertGoesOn(topic, 0);
    awaitPending(topic, 0);
    SlotMove move = servers.beginMoveOfSlot(stream());
    assertTryAgain(() -> topic.state(GROUP));
    move.moveKeys();
    assertTryAgain(() -> topic.state(GROUP));
    move.finish();
    assertThat(state(topic).lag(), is(0L));
    assertThat(state(topic).consumers(), is(1L));
  }

  @Test
  void aHandlerKeepsItsLeaseInEachStepOfAMove() throws Exception {
    DurableTopic<Integer> topic = open();
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch begun = new CountDownLatch(1);
    DurableHandler<Integer> handler =
        message -> {
          begun.countDown();
          assertThat(held.await(60, TimeUnit.SECONDS), is(true));
          takeAndCount(message);
        };
    topic.subscribe(GROUP, From.start(), handler);
    topic.subscribe(GROUP, From.start(), handler);
    topic.publish(0);
    assertThat(begun.await(60, TimeUnit.SECONDS), is(true));
    SlotMove move = servers.beginMoveOfSlot(stream());
    Thread.sleep(LEASE.multipliedBy(2).toMillis());
    move.moveKeys();
    Thread.sleep(LEASE.multipliedBy(2).toMillis());
    move.finish();
    Thread.sleep(LEASE.multipliedBy(2).toMillis());
    held.countDown();
    assertThat(next(1), is(List.of(0)));
    awaitPending(topic, 0);
    assertThat(deliveries, is(List.of(1)));
    assertNothingMore();
    assertThat(heard.of("lease"), is(empty()));
  }

  @Test
  void whatFailsDuringAMoveIsADeadLetterAfterItAndTheOthersAreHandledMeanwhile() throws Exception {
    DurableTopic<Integer> topic = open(builder().maxDeliveries(2));
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          if (message.body() < 0) {
            throw new IllegalStateException("always");
          }
          take(message);
        });
    assertGoesOn(topic, 0);
    SlotMove move = servers.beginMoveOfSlot(stream());
    topic.publish(-1);
    assertGoesOn(topic, 20);
    await("failed").until(() -> heard.of("error"), is(List.of("error -1 1", "error -1 2")));
    move.moveKeys();
    topic.publish(-2);
    assertGoesOn(topic, 40);
    move.finish();
    await("buried").until(() -> topic.deadLetters(GROUP, 10), hasSize(2));
    awaitPending(topic, 0);
    assertThat(
        topic.deadLetters(GROUP, 10).stream()
            .map(letter -> letter.body().orElseThrow())
            .sorted()
            .toList(),
        is(List.of(-2, -1)));
    assertThat(heard.of("error"), hasSize(4));
  }

  /** A wait goes over the connection that the message did not go over. */
  @Test
  void whatWasRedirectedIsNotKnownToBeAtAReplica() {
    DurableTopic<Integer> topic = open(builder().waitReplicas(1, Duration.ofSeconds(1)));
    servers.awaitReplicated(stream());
    topic.publish(0);
    SlotMove move = servers.beginMoveOfSlot(stream());
    topic.publish(1);
    move.moveKeys();
    TooFewReplicasException few =
        assertThrows(TooFewReplicasException.class, () -> topic.publish(2));
    assertThat(few.getMessage(), containsString("at 0 of 1"));
    move.finish();
    assertThat(
        topic.read(From.start(), 10).stream().map(DurableMessage::body).toList(),
        is(numbers(0, 3)));
  }

  @Test
  @Proves("durable-topic.goes-on")
  void nothingIsLostWhileItsSlotMovesBackAndForth() throws Exception {
    DurableTopic<Integer> topic = open();
    topic.subscribe(GROUP, From.start(), this::takeAndCount);
    topic.subscribe(GROUP, From.start(), this::takeAndCount);
    AtomicBoolean enough = new AtomicBoolean();
    Set<Integer> published = Collections.synchronizedSet(new HashSet<>());
    List<JedisException> failures = Collections.synchronizedList(new ArrayList<>());
    Thread publisher =
        new Thread(
            () -> {
              for (int i = 0; !enough.get(); i++) {
                try {
                  topic.publish(i);
                  published.add(i);
                } catch (JedisException e) {
                  failures.add(e); // it may be there all the same
                }
              }
            },
            "slot-move-publisher");
    publisher.start();
    try {
      for (int i = 0; i < Matrix.size(4, 60); i++) {
        HostAndPort source = servers.primaryOf(stream()).address();
        int before = deliveries.size();
        servers.moveSlot(stream());
        servers.awaitFailover(stream(), source);
        await("consumes where it is now").until(deliveries::size, is(greaterThan(before)));
      }
    } finally {
      enough.set(true);
      publisher.join();
    }
    assertThat(failures, is(empty()));
    await("all handled").until(() -> received.size() >= published.size());
    awaitPending(topic, 0);
    List<Integer> handled = received.stream().map(DurableMessage::body).toList();
    assertThat(new HashSet<>(handled), is(published));
    // What both have moved with their slot is nobody's a second time.
    assertThat(handled, hasSize(published.size()));
    assertThat(heard.of("lost"), is(empty()));
    received.clear();
  }
}
