package io.github.redistoolkit.stream;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.args.Rawable;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** The network is cut, or loses a reply. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class DurableFaultIT extends StreamSuite {

  private static final int IN_FLIGHT = 32;

  private final FaultProxy proxy;
  private final TestRedis proxied;

  DurableFaultIT(TestRedis redis) {
    super(redis);
    this.proxy = redis.proxy();
    this.proxied = redis.through(proxy);
  }

  @AfterEach
  void closeProxy() {
    closeAll();
    proxy.close();
  }

  private DurableTopic<Integer> consumer() {
    return open(consumerBuilder());
  }

  private DurableTopic.Builder<Integer> consumerBuilder() {
    return builder(proxied, name, Integer.class)
        .prefix(redis.mark() + "s:")
        .lease(LEASE)
        .listener(heard);
  }

  @Test
  @Proves("durable-topic.goes-on")
  void nothingIsLostOverAConnectionThatIsCutAgainAndAgain() throws Exception {
    int count = Matrix.size(2_000, 50_000);
    int cuts = Matrix.size(5, 20);
    DurableTopic<Integer> topic = open();
    Queue<Integer> done = new ConcurrentLinkedQueue<>();
    DurableTopic<Integer> consumer = consumer();
    consumer.subscribe(
        GROUP,
        From.start(),
        message -> {
          Thread.sleep(1);
          done.add(message.body());
        });
    publish(topic, 0, count);
    for (int i = 1; i <= cuts; i++) {
      await("at work").until(done::size, is(greaterThan(i * count / (2 * cuts))));
      proxy.cut();
    }
    await("all").until(() -> new HashSet<>(done).size(), is(count));
    awaitPending(topic, 0);
    assertThat(new HashSet<>(done), is(new HashSet<>(numbers(0, count))));
    // This process knows what it has, whatever becomes of the connection.
    assertThat(done.size() - count, is(lessThanOrEqualTo(cuts * IN_FLIGHT)));
    await("told").until(() -> heard.of("back").size(), is(heard.of("away").size()));
    assertThat(topic.deadLetters(GROUP, 1), is(empty()));
  }

  @Test
  void whatWasDeliveredWithAReplyThatGotLostComesAtOnceAsTheFirstDelivery() throws Exception {
    DurableTopic<Integer> topic = open();
    DurableTopic<Integer> consumer = consumer();
    consumer.subscribe(GROUP, From.start(), this::take);
    topic.publish(0);
    assertThat(next().body(), is(0));
    awaitPending(topic, 0);
    FaultProxy.Loss loss =
        proxy.loseReply(
            request -> request.name().equals("XREADGROUP") && topic.state(GROUP).isPresent(),
            1,
            FaultProxy.Then.CUT);
    topic.publish(1);
    topic.publish(2);
    DurableMessage<Integer> first = next();
    DurableMessage<Integer> second = next();
    loss.await();
    assertThat(List.of(first.body(), second.body()), is(List.of(1, 2)));
    assertThat(List.of(first.delivery(), second.delivery()), is(List.of(1, 1)));
    awaitPending(topic, 0);
    assertNothingMore();
  }

  /** Requests are sent again after a tenth of a lease, though the first may still be answered. */
  @Test
  void whatIsAnsweredTwiceIsDeliveredOnce() throws Exception {
    List<Integer> deliveries = Collections.synchronizedList(new ArrayList<>());
    CountDownLatch done = new CountDownLatch(1);
    DurableTopic<Integer> topic = open();
    DurableTopic<Integer> consumer = consumer();
    consumer.subscribe(
        GROUP,
        From.start(),
        message -> {
          deliveries.add(message.delivery());
          if (message.delivery() < 3) {
            throw new Exception("on purpose");
          }
          done.countDown();
        });
    proxy.latency(LEASE.dividedBy(4));
    topic.publish(0);
    assertThat(done.await(60, TimeUnit.SECONDS), is(true));
    awaitPending(topic, 0);
    assertThat(deliveries, is(List.of(1, 2, 3)));
  }

  /** Along with a read, or on its own. */
  private enum Acknowledgement {
    ALONG,
    ALONE
  }

  @ParameterizedTest
  @EnumSource
  void anAcknowledgementWhoseReplyGotLostIsRepeated(Acknowledgement how) throws Exception {
    boolean along = how == Acknowledgement.ALONG;
    DurableTopic<Integer> topic = open();
    // Handlers are called by the thread that reads, unless an executor is given.
    DurableTopic<Integer> consumer =
        along
            ? consumer()
            : open(consumerBuilder().executor(task -> new Thread(task, "handler").start()));
    consumer.subscribe(GROUP, From.start(), this::take);
    topic.publish(0);
    assertThat(next().body(), is(0));
    awaitPending(topic, 0);
    FaultProxy.Loss loss =
        proxy.loseReply(
            request ->
                along
                    ? request.name().equals("XACK")
                    : request.name().equals("EVALSHA")
                        && request.arguments().get(0).equals(StreamScripts.ACK.sha1()),
            1,
            FaultProxy.Then.CUT);
    for (int i = 1; i < 100; i++) {
      topic.publish(i);
    }
    assertThat(next(99), is(numbers(1, 100)));
    loss.await();
    awaitPending(topic, 0);
    // Nor is there one that it takes for unacknowledged.
    publish(topic, 100, 200);
    assertThat(next(100), is(numbers(100, 200)));
    assertNothingMore();
  }

  /** Jedis would connect anew for the second, and its answer be taken for that to the first. */
  @Test
  void anAcknowledgementIsNotTakenForAnsweredIfTheConnectionIsClosedBehindIt() {
    RedisAccess access = redis.over(RedisAccess::of, RedisAccess::of);
    OwnConnection connection = new OwnConnection(access, stream());
    assertThat(connection.ready(), is(true));
    List<String> outcome = new ArrayList<>();
    Rawable closing =
        () -> {
          connection.cut();
          return stream().getBytes(UTF_8);
        };
    CommandArguments acknowledgement =
        new CommandArguments(Command.XACK).add(closing).add(GROUP).add("1-0");
    OwnConnection.Ahead ahead =
        new OwnConnection.Ahead(
            acknowledgement, () -> outcome.add("done"), () -> outcome.add("failed"));

    assertThrows(
        JedisConnectionException.class,
        () -> connection.call(ahead, new CommandArguments(Command.PING), 0));

    assertThat(outcome, is(List.of("failed")));
    connection.drop();
  }

  @Test
  void aHandlerGoesOnWhileTheNetworkIsAwayForLongerThanItsLease() throws Exception {
    DurableTopic<Integer> topic = open();
    DurableTopic<Integer> consumer = consumer();
    consumer.subscribe(
        GROUP,
        From.start(),
        message -> {
          if (message.body() == 0) {
            proxy.refuse();
            proxy.cut();
            await("taken over").until(() -> !received.isEmpty());
            proxy.accept();
          }
        });
    topic.publish(0);
    await("begun").until(() -> state(topic).pending(), is(1L));
    topic.subscribe(GROUP, From.start(), this::take);
    DurableMessage<Integer> elsewhere = next();
    assertThat(elsewhere.delivery(), is(2));
    // The one that was away may only be told once it is back.
    received.add(elsewhere);
    await("told that it is away").until(() -> heard.of("away"), is(not(empty())));
    await("and back").until(() -> heard.of("back"), is(not(empty())));
    awaitPending(topic, 0);
  }
}
