package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.params.ClientKillParams;

/** Lost connections, and what many threads do at once. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class PubSubRecoveryIT extends PubSubSuite {

  /** More would only keep the servers busy with subscribing to them again. */
  private static final int MOST_OPEN = 500;

  PubSubRecoveryIT(TestRedis redis) {
    super(redis);
  }

  @Test
  void comesBackWithAllSubscriptionsWheneverItsConnectionIsKilled() {
    int kills = Matrix.size(5, 20);
    List<Duration> took = new ArrayList<>();
    Queue<Message<Integer>> received = new ConcurrentLinkedQueue<>();
    List<String> expected = new ArrayList<>(List.of(channel + "p1"));
    try (RedisPubSub pubSub = builder().build()) {
      for (int i = 0; i < 100; i++) {
        pubSub.subscribe(channel + i, Integer.class, received::add);
        expected.add(channel + i);
      }
      pubSub.subscribePattern(channel + "p*", Integer.class, received::add);
      Collections.sort(expected);
      for (int round = 1; round <= kills; round++) {
        int pairs = round;
        long start = kill();
        Wire.await("back").until(() -> recorder.gaps, hasSize(pairs));
        took.add(Duration.ofNanos(System.nanoTime() - start));
        assertThat(pubSub.isConnected(), is(true));
        assertThat(recorder.gaps.get(round - 1), is(lessThan(Duration.ofSeconds(10))));
        // Not by the client of a Cluster, which publishes again when the answer comes too late.
        Publisher.publishTo(redis, expected, String.valueOf(round));
        Wire.await("received on all, and once")
            .until(() -> channelsOf(received, pairs), is(expected));
      }
    }
    Wire.await("every loss is paired with a return")
        .until(() -> recorder.connection, is(Recorder.pairs(kills)));
    // Ten are usual. Not each time, since this machine may be busy otherwise.
    Collections.sort(took);
    assertThat(took.get(kills / 2), is(lessThanOrEqualTo(Duration.ofMillis(500))));
    assertThat(recorder.failures, is(empty()));
  }

  /** Has Redis close the one connection; returns when it was asked to. */
  private long kill() {
    List<Long> asked = new ArrayList<>();
    wire.atEach(
        jedis ->
            Wire.connectionsAt(jedis).stream()
                .map(line -> line.replaceAll("^id=(\\d+) .*", "$1"))
                .forEach(
                    id -> {
                      asked.add(System.nanoTime());
                      jedis.clientKill(ClientKillParams.clientKillParams().id(id));
                    }));
    assertThat(asked, hasSize(1));
    return asked.get(0);
  }

  /**
   * Where messages of one round came from. In a Cluster some of the round before may come once
   * more: the node that was connected to next may hear of them later than the one before did.
   */
  private static List<String> channelsOf(Collection<Message<Integer>> received, int round) {
    return received.stream()
        .filter(message -> message.body() == round)
        .map(Message::channel)
        .sorted()
        .toList();
  }

  @Test
  void staysExactlySubscribedWhileManyThreadsSubscribeAndUnsubscribe() throws Exception {
    int rounds = Matrix.size(2, 20);
    int perThread = Matrix.size(100, 500);
    for (int round = 0; round < rounds; round++) {
      String prefix = channel + ":" + round + ":";
      try (RedisPubSub pubSub =
          builder()
              .heartbeat(Duration.ofMillis(5))
              .longestSilence(Duration.ofSeconds(10))
              .build()) {
        List<Future<List<Subscription>>> work = new ArrayList<>();
        for (int t = 0; t < 8; t++) {
          String own = prefix + t + ":";
          work.add(threads.submit(() -> subscribeAndCloseHalf(pubSub, own, prefix, perThread)));
        }
        List<Subscription> open = new ArrayList<>();
        for (Future<List<Subscription>> each : work) {
          open.addAll(each.get());
        }
        assertSubscribedExactlyTo(open, prefix);
        open.forEach(Subscription::close);
        Wire.await("nothing left").until(() -> wire.channels(prefix + "*"), is(empty()));
        Wire.await("nothing left").until(wire::patterns, is(0L));
      }
    }
  }

  /** Some on topics of its own, some on topics that all threads fight for. */
  private List<Subscription> subscribeAndCloseHalf(
      RedisPubSub pubSub, String own, String shared, int count) {
    List<Subscription> open = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String topic = (i % 3 == 0 ? shared + "shared:" : own) + i;
      Subscription subscription =
          i % 5 == 0
              ? pubSub.subscribePattern(topic + "*", String.class, message -> {})
              : pubSub.subscribe(topic, String.class, message -> {});
      if (i % 2 == 0) {
        subscription.close();
      } else {
        open.add(subscription);
      }
    }
    return open;
  }

  private void assertSubscribedExactlyTo(List<Subscription> open, String prefix) {
    List<String> topics = open.stream().map(Subscription::topic).distinct().sorted().toList();
    List<String> channels = topics.stream().filter(topic -> !topic.endsWith("*")).toList();
    // The last UNSUBSCRIBE may still be on its way; a wrong state would stay.
    Wire.await("exactly these channels").until(() -> wire.channels(prefix + "*"), is(channels));
    Wire.await("exactly as many patterns")
        .until(wire::patterns, is((long) topics.size() - channels.size()));
  }

  @Test
  void losesNothingAndLeaksNoConnectionWhenKilledAgainAndAgainWhileThreadsSubscribe()
      throws Exception {
    int kills = Matrix.size(60, 500);
    AtomicBoolean done = new AtomicBoolean();
    AtomicInteger made = new AtomicInteger();
    ConcurrentLinkedQueue<Subscription> open = new ConcurrentLinkedQueue<>();
    List<String> odd = new CopyOnWriteArrayList<>();
    try (RedisPubSub pubSub =
        builder()
            .heartbeat(Duration.ofMillis(1))
            .longestSilence(Duration.ofSeconds(10))
            .maxWait(Duration.ofMinutes(1))
            .build()) {
      pubSub.subscribe(channel, String.class, message -> {});
      List<Future<?>> work = new ArrayList<>();
      for (int t = 0; t < 4; t++) {
        work.add(
            threads.submit(
                () -> {
                  while (!done.get()) {
                    Subscription subscription =
                        pubSub.subscribe(
                            channel + ":" + made.incrementAndGet(), String.class, message -> {});
                    if (made.get() % 2 == 0) {
                      subscription.close();
                    } else {
                      open.add(subscription);
                    }
                    if (open.size() > MOST_OPEN) {
                      open.remove().close();
                    }
                  }
                }));
      }
      Future<?> watch = threads.submit(() -> watch(odd, done));
      int killed = 0;
      while (killed < kills) {
        killed += redis.killClients("pubsub");
        if (killed % 2 == 0) { // every other one right after, in the middle of resubscribing
          Wire.await("back").until(pubSub::isConnected);
        }
      }
      done.set(true);
      for (Future<?> each : work) {
        each.get(20, TimeUnit.SECONDS);
      }
      watch.get();
      Wire.await("connected").until(pubSub::isConnected);
      assertThat("unnamed or second connections", odd, is(empty()));
      assertThat(made.get(), is(greaterThan(kills)));
      List<String> expected = open.stream().map(Subscription::topic).sorted().toList();
      Wire.await("nothing lost").until(() -> wire.channels(channel + ":*"), is(expected));
      assertThat(wire.connections(), hasSize(1));
      // While it is open: no return is told of a subscription that was closed before it is told.
      Wire.await("every loss is paired with a return")
          .until(() -> recorder.connection.equals(Recorder.pairs(recorder.gaps.size())));
    }
    // Several kills may befall one connection before it is established.
    assertThat(recorder.gaps.size(), is(greaterThan(0)));
  }

  private void watch(List<String> odd, AtomicBoolean done) {
    while (!done.get()) {
      // Servers are asked in turn: what is still there when asked again was there all the time.
      Set<String> before = ids();
      before.retainAll(ids());
      List<String> connections = wire.connections();
      boolean named =
          connections.stream().allMatch(line -> line.contains(" name=" + redis.clientName() + " "));
      if (before.size() > 1 || !named) {
        odd.addAll(connections);
        odd.addAll(before);
      }
    }
  }

  /** What tells connections apart, those of several servers too. */
  private Set<String> ids() {
    return wire.connections().stream()
        .map(line -> line.replaceAll(" fd=.*", ""))
        .collect(Collectors.toSet());
  }

  @Test
  void tellsTheCauseOfALostConnection() {
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, String.class, message -> {});
      assertThat(redis.killClients("pubsub"), is(1));
      Wire.await("back").until(() -> recorder.gaps, hasSize(1));
      assertThat(recorder.causes.get(0).getMessage(), containsString("end of stream"));
    }
  }
}
