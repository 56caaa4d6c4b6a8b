package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** A network on which nothing, or not everything, passes; and one that is just quiet. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class PubSubNetworkIT extends PubSubFaultSuite {

  private static final Duration HEARTBEAT = Duration.ofMillis(400);

  PubSubNetworkIT(TestRedis redis) {
    super(redis);
  }

  private RedisPubSub.Builder proxiedBuilder() {
    return builder(proxied).heartbeat(HEARTBEAT);
  }

  private void detectsAndHeals(int outages, Direction... blocked) throws Exception {
    try (RedisPubSub pubSub = proxiedBuilder().build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      pubSub.subscribePattern(channel + ":*", Integer.class, this::keep);
      for (int outage = 1; outage <= outages; outage++) {
        int losses = silenceUntilNoticed(() -> proxy.blackHole(blocked));
        assertThat(pubSub.isConnected(), is(false));
        Future<Subscription> during =
            threads.submit(
                () -> pubSub.subscribe(channel + ":" + losses, Integer.class, this::keep));
        assertThat("reported once", recorder.causes, hasSize(losses));
        proxy.heal();
        awaitHealed();
        Wire.await("connected").until(pubSub::isConnected);
        assertThat(
            recorder.gaps.get(losses - 1), is(greaterThanOrEqualTo(HEARTBEAT.multipliedBy(2))));
        assertThat(during.get(5, TimeUnit.SECONDS).isActive(), is(true));
        assertReceivesAgain(outage);
      }
      assertEveryLossIsPairedWithAReturn();
    }
    assertThat(recorder.failures, is(empty()));
  }

  @Test
  @Proves("pub-sub.loss-told")
  void noticesABlackHoledLinkReportsItOnceAndHeals() throws Exception {
    detectsAndHeals(2);
  }

  @Test
  void noticesALinkOnWhichOnlyRepliesAreLost() throws Exception {
    detectsAndHeals(1, Direction.TO_CLIENT);
  }

  @Test
  void noticesALinkOnWhichOnlyRequestsAreLost() throws Exception {
    detectsAndHeals(1, Direction.TO_SERVER);
  }

  @Test
  void aLostConfirmationIsAskedForAgainOnTheNextConnection() throws Exception {
    try (RedisPubSub pubSub = proxiedBuilder().heartbeat(Duration.ofSeconds(30)).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      proxy.blackHole(Direction.TO_CLIENT);
      Future<Subscription> second =
          threads.submit(() -> pubSub.subscribe(channel + ":2", Integer.class, this::keep));
      Wire.await("done, but not confirmed").until(() -> wire.subscribers(channel + ":2") == 1);
      assertThat(second.isDone(), is(false));
      proxy.cut();
      proxy.heal();
      assertThat(second.get(10, TimeUnit.SECONDS).isActive(), is(true));
      assertThat(wire.subscribers(channel + ":2"), is(1L));
      assertReceivesAgain(1);
    }
    assertThat(recorder.connection, contains("lost", "back"));
  }

  @Test
  void aSubscribeThatTimesOutLeavesNothingWhenTheLinkHeals() {
    try (RedisPubSub pubSub =
        proxiedBuilder().heartbeat(Duration.ofSeconds(30)).maxWait(Duration.ofSeconds(2)).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      proxy.blackHole();
      for (int i = 0; i < 2; i++) {
        assertThrows(
            JedisConnectionException.class,
            () -> pubSub.subscribe(channel + ":never", Integer.class, this::keep));
      }
      // What is subscribed to already needs no reply.
      pubSub.subscribe(channel, Integer.class, this::keep);
      proxy.heal();
      awaitSubscribed(pubSub, channel + ":later");
      Wire.await("nothing left of it").until(() -> wire.subscribers(channel + ":never") == 0);
      assertReceivesAgain(1);
    }
    assertThat(recorder.connection, is(empty()));
  }

  /** Nor does it move while the look at where it belongs comes round, which it does each second. */
  @Test
  void staysOnItsConnectionWhileNothingIsPublished() {
    try (RedisPubSub pubSub = idleBuilder().build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      List<String> connection = ids();
      long before = proxy.requests("ping");
      Wire.await("heartbeats for more than two seconds")
          .until(() -> proxy.requests("ping") >= before + 9);
      assertThat(pubSub.isConnected(), is(true));
      assertThat(ids(), is(connection));
    }
    assertThat(recorder.connection, is(empty()));
  }

  private List<String> ids() {
    return wire.connections().stream().map(line -> line.replaceAll(" name=.*", "")).toList();
  }

  /** Redis then answers a PING in another way. */
  @Test
  void staysConnectedAndUsableWhenTheLastSubscriptionEnds() {
    try (RedisPubSub pubSub = idleBuilder().build()) {
      for (int i = 0; i < 2; i++) {
        pubSub.subscribe(channel, Integer.class, this::keep).close();
        Wire.await("unsubscribed").until(() -> wire.subscribers(channel) == 0);
        long before = proxy.requests("ping");
        Wire.await("some heartbeats").until(() -> proxy.requests("ping") >= before + 3);
        assertThat(pubSub.isConnected(), is(true));
      }
    }
    assertThat(recorder.connection, is(empty()));
  }

  /** Short for a heartbeat, but long enough that a busy machine does not look like a dead peer. */
  private RedisPubSub.Builder idleBuilder() {
    return proxiedBuilder().heartbeat(Duration.ofMillis(300)).longestSilence(Duration.ofSeconds(5));
  }
}
