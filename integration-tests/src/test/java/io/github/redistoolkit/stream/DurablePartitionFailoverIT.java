package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.args.ClientType;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.ClientKillParams;

/** The primary of a partition is replaced, while it is published to and consumed. */
@EachClient(topologies = {Topology.SENTINEL, Topology.CLUSTER})
class DurablePartitionFailoverIT extends StreamSuite {

  private static final int PARTITIONS = 6;
  private static final int KEYS = 12;
  private static final int BURST = 5;
  private static final Pattern REPLICA = Pattern.compile("slave0:ip=[^,]*,port=(\\d+)");

  /** A lease and two seconds are what the next owner may need; this is for busy machines. */
  private static final Duration GOES_ON = LEASE.plusSeconds(2).multipliedBy(10);

  private final PrivateRedis servers;
  private final Partitions partitions;

  /** On servers that nobody disturbs. */
  private final PartitionHistory history;

  private final List<Publisher> publishers = new ArrayList<>();

  /** While this is so, every handler throws. */
  private final AtomicBoolean troubled = new AtomicBoolean();

  DurablePartitionFailoverIT(TestRedis shared) {
    super(shared.privateServers().redis());
    this.servers = shared.privateServers();
    this.partitions = Partitions.of(redis.mark() + "s:", name, PARTITIONS);
    this.history = new PartitionHistory(shared.admin(), shared.unique("history"));
    // A cluster is calm unless told otherwise.
    if (redis.topology() == Topology.CLUSTER) {
      servers.configure("cluster-node-timeout", "1500");
    }
  }

  @AfterEach
  void stopPublishers() {
    publishers.forEach(Thread::interrupt);
  }

  /** The key of the stream of the first partition, whose primary is replaced. */
  private String first() {
    return partitions.parts().get(0).stream();
  }

  /** A key of messages of the first partition. */
  private String keyOfFirst() {
    return IntStream.range(0, 1_000)
        .mapToObj(i -> "key " + i)
        .filter(key -> partitions.of(key) == 0)
        .findFirst()
        .orElseThrow();
  }

  private void publishToFirst(DurableTopic<Integer> topic, int from, int to) {
    for (int i = from; i < to; i++) {
      topic.publish(keyOfFirst(), i);
    }
  }

  /** Publishes in the order of each key, each message until a replica has it. */
  private final class Publisher extends Thread {

    private final DurableTopic<Integer> topic;
    private final Set<Integer> confirmed = ConcurrentHashMap.newKeySet();
    private final AtomicInteger refused = new AtomicInteger();
    private final AtomicInteger failed = new AtomicInteger();
    private volatile boolean enough;

    Publisher(DurableTopic<Integer> topic) {
      super("failover-publisher");
      this.topic = topic;
      publishers.add(this);
    }

    @Override
    public void run() {
      try {
        // Several of a key at once, so that there is something behind one that fails.
        for (int number = 0; !enough; number += BURST) {
          for (int key = 0; key < KEYS; key++) {
            for (int i = 0; i < BURST; i++) {
              publish(PartitionHistory.message(key, number + i));
            }
            Thread.sleep(25); // so that the history stays short
          }
        }
      } catch (InterruptedException e) {
        // The test has failed.
      }
    }

    private void publish(int message) throws InterruptedException {
      while (!confirmed.contains(message)) {
        try {
          topic.publish(PartitionHistory.key(message), message);
          confirmed.add(message);
        } catch (TooFewReplicasException e) {
          refused.incrementAndGet(); // it may be there all the same
        } catch (JedisException e) {
          failed.incrementAndGet(); // this too
          Thread.sleep(5);
        }
      }
    }

    void awaitMore(int messages) {
      int some = confirmed.size() + messages;
      await("confirmed").until(confirmed::size, is(greaterThanOrEqualTo(some)));
    }

    void finish() throws InterruptedException {
      enough = true;
      join(TimeUnit.SECONDS.toMillis(60));
      assertThat(isAlive(), is(false));
    }
  }

  private DurableTopic.Builder<Integer> confirming() {
    // As often as a message may have to be taken over, or be in trouble. Not all that is published
    // of
    // a key at once is read ahead.
    return builder()
        .partitions(PARTITIONS)
        .batch(BURST - 1)
        .maxDeliveries(1_000)
        .waitReplicas(1, Duration.ofMillis(500));
  }

  private interface Disturbance {
    void happen(Publisher publisher) throws Exception;
  }

  private DurableHandler<Integer> handler() {
    DurableHandler<Integer> untroubled = history.handler(3, Duration.ofMillis(4));
    return message -> {
      if (troubled.get()) {
        throw new IllegalStateException("in trouble");
      }
      untroubled.onMessage(message);
    };
  }

  /** Until one waits for its retry, and one behind it has not been read. */
  private void awaitBacklog() {
    await("backlog")
        .until(
            () -> {
              long pending = redis.admin().xpending(first(), GROUP).getTotal();
              String got =
                  redis.admin().xinfoGroups(first()).get(0).getLastDeliveredId().toString();
              return pending > 0 && !redis.admin().xrange(first(), "(" + got, "+", 1).isEmpty();
            });
  }

  /** Says at once what is out of order: it may keep others from ever being done. */
  private boolean isDoneInOrder(Set<Integer> messages) {
    assertThat(history.outOfOrder(), is(empty()));
    return history.done().containsAll(messages);
  }

  /** Returns when all that was confirmed is done. */
  private void assertNothingIsLost(int times, Disturbance disturbance) throws Exception {
    DurableHandler<Integer> handler = handler();
    for (int i = 0; i < 3; i++) {
      open(confirming()).subscribe(GROUP, From.start(), handler);
    }
    DurableTopic<Integer> topic = open(confirming());
    Publisher publisher = new Publisher(topic);
    publisher.start();
    for (int i = 0; i < times; i++) {
      publisher.awaitMore(5 * KEYS);
      await("at work").until(history::partitionsDone, is(greaterThan(1)));
      troubled.set(true);
      awaitBacklog();
      servers.awaitReplicated(first());
      disturbance.happen(publisher);
      troubled.set(false);
      publisher.awaitMore(5 * KEYS);
      Set<Integer> soFar = new HashSet<>(publisher.confirmed);
      await("goes on").atMost(GOES_ON).until(() -> isDoneInOrder(soFar));
    }
    publisher.finish();
    await("all").until(() -> isDoneInOrder(publisher.confirmed));
    await("acknowledged")
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(() -> state(topic).pending() + state(topic).lag(), is(0L));
    assertThat(history.ofFormerOwners(), is(empty()));
    assertThat(topic.deadLetters(GROUP, 1), is(empty()));
    assertThat(heard.of("lost"), is(empty()));
  }

  @Test
  @Proves({"durable-topic.at-least-once", "durable-topic.goes-on", "durable-topic.order-per-key"})
  void losesNothingThatAReplicaHasAndKeepsTheOrderWhenPrimariesDie() throws Exception {
    assertNothingIsLost(
        Matrix.size(1, 5),
        publisher -> {
          RedisServer primary = servers.primaryOf(first());
          primary.kill();
          servers.awaitFailover(first(), primary.address());
          // Whoever publishes is at the new one, which has no replica before the old one is back.
          int refused = publisher.refused.get();
          await("refused").until(publisher.refused::get, is(greaterThan(refused)));
          assertThat(publisher.failed.get(), is(greaterThan(0)));
          primary.start();
        });
    assertThat(history.overlapping(), is(empty()));
  }

  @Test
  @Proves({"durable-topic.at-least-once", "durable-topic.goes-on", "durable-topic.order-per-key"})
  void losesNothingThatAReplicaHasAndKeepsTheOrderWhenPrimariesAreReplacedByOrder()
      throws Exception {
    assertNothingIsLost(Matrix.size(1, 5), publisher -> servers.failOver(first()));
  }

  private RedisServer replicaOf(RedisServer primary) {
    Matcher replica;
    try (Jedis jedis = redis.open(primary.address())) {
      replica = REPLICA.matcher(jedis.info("replication"));
    }
    assertThat(replica.find(), is(true));
    int port = Integer.parseInt(replica.group(1));
    return servers.servers().stream()
        .filter(server -> server.address().getPort() == port)
        .findFirst()
        .orElseThrow();
  }

  /** From here on no replica gets anything of what this primary does. */
  private void detachReplicas(RedisServer primary) {
    try (Jedis jedis = redis.open(primary.address())) {
      assertThat(jedis.aclSetUser("default", "-psync", "-sync"), is("OK"));
      await("no replica")
          .until(
              () -> {
                long unused =
                    jedis.clientKill(ClientKillParams.clientKillParams().type(ClientType.REPLICA));
                return jedis.info("replication").contains("connected_slaves:0");
              });
    }
  }

  private void dieAndBeReplaced(RedisServer primary) {
    primary.kill();
    servers.awaitFailover(first(), primary.address());
  }

  @Test
  void whatNoReplicaHasIsGoneAndPublishHasSaidSo() {
    DurableTopic<Integer> patient =
        open(builder().partitions(PARTITIONS).waitReplicas(1, Duration.ofSeconds(1)));
    DurableTopic<Integer> topic =
        open(builder().partitions(PARTITIONS).waitReplicas(1, Duration.ofMillis(100)));
    servers.awaitReplicated(first());
    publishToFirst(patient, 0, 5);
    RedisServer primary = servers.primaryOf(first());
    RedisServer replica = replicaOf(primary);
    replica.pause();
    try {
      TooFewReplicasException few =
          assertThrows(TooFewReplicasException.class, () -> topic.publish(keyOfFirst(), 5));
      assertThat(few.getMessage(), containsString("at 0 of 1"));
    } finally {
      replica.resume();
    }
    servers.awaitReplicated(first());
    detachReplicas(primary);
    for (int i = 6; i < 10; i++) {
      int lost = i;
      assertThrows(TooFewReplicasException.class, () -> topic.publish(keyOfFirst(), lost));
    }
    assertThat(bodies(), is(numbers(0, 10)));
    dieAndBeReplaced(primary);
    await("what is left")
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(this::bodies, is(numbers(0, 6)));
    primary.start();
  }

  /** Nothing but batches goes to the nodes: nothing that would tell the client of the new one. */
  @Test
  @Proves("durable-topic.goes-on")
  void readsGoOnWithoutASubscription() {
    DurableTopic<Integer> topic = open(builder().partitions(PARTITIONS));
    publishToFirst(topic, 0, 10);
    assertThat(topic.read(From.start(), 100), hasSize(10));
    servers.awaitReplicated(first());
    RedisServer primary = servers.primaryOf(first());
    dieAndBeReplaced(primary);
    await("read")
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(() -> topic.read(From.start(), 100), hasSize(10));
    primary.start();
  }

  /** What is in the first partition, looked at from outside. */
  private List<Integer> bodies() {
    return redis.admin().xrange(first(), "-", "+").stream()
        .map(entry -> Integer.valueOf(entry.getFields().get("d")))
        .toList();
  }

  @Test
  void whatWasAcknowledgedInVainComesAgainAndIsAcknowledgedOnceMore() throws Exception {
    DurableTopic<Integer> topic = open(builder().partitions(PARTITIONS).lease(LONG_LEASE));
    CountDownLatch held = new CountDownLatch(1);
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          assertThat(held.await(60, TimeUnit.SECONDS), is(true));
          take(message);
        });
    publishToFirst(topic, 0, 10);
    awaitPending(topic, 10);
    servers.awaitReplicated(first());
    RedisServer primary = servers.primaryOf(first());
    detachReplicas(primary);
    held.countDown();
    assertThat(next(10), is(numbers(0, 10)));
    awaitPending(topic, 0);
    dieAndBeReplaced(primary);
    assertThat(next(10), is(numbers(0, 10)));
    await("acknowledged")
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(() -> state(topic).pending(), is(0L));
    assertThat(heard.of("lost"), is(empty()));
    assertThat(heard.of("lease"), is(empty()));
    primary.start();
  }

  /** The new primary has never heard that the message was read. */
  @Test
  @Proves("durable-topic.order-per-key")
  void aMessageThatWaitsForItsRetryStaysBeforeThoseBehindIt() throws Exception {
    DurableTopic<Integer> topic =
        open(
            builder()
                .partitions(PARTITIONS)
                .lease(LONG_LEASE)
                .batch(2)
                .retryDelay(Duration.ofSeconds(1)));
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch failed = new CountDownLatch(1);
    AtomicBoolean repaired = new AtomicBoolean();
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          assertThat(held.await(60, TimeUnit.SECONDS), is(true));
          if (message.body() == 2 && !repaired.getAndSet(true)) {
            failed.countDown();
            throw new IllegalStateException("on purpose");
          }
          take(message);
        });
    publishToFirst(topic, 0, 6);
    awaitPending(topic, 2);
    servers.awaitReplicated(first());
    RedisServer primary = servers.primaryOf(first());
    detachReplicas(primary);
    held.countDown();
    assertThat(failed.await(60, TimeUnit.SECONDS), is(true));
    dieAndBeReplaced(primary);
    // What comes twice may come after later ones, but each is first after those before it.
    List<Integer> order = new ArrayList<>();
    while (order.size() < 6) {
      int body = next().body();
      if (!order.contains(body)) {
        order.add(body);
      }
    }
    assertThat(order, is(numbers(0, 6)));
    await("acknowledged")
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(() -> state(topic).pending() + state(topic).lag(), is(0L));
    assertThat(heard.of("error"), hasSize(1));
    assertThat(heard.of("away"), is(not(empty())));
    received.clear();
    primary.start();
  }
}
