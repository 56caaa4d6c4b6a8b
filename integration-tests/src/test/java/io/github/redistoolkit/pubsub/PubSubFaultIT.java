package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** A network that fails. */
@EachClient
class PubSubFaultIT {

  private static final Duration HEARTBEAT = Duration.ofMillis(400);

  private final TestRedis redis;
  private final FaultProxy proxy;
  private final TestRedis proxied;
  private final Wire wire;
  private final String channel;
  private final Recorder recorder = new Recorder();
  private final List<Integer> received = new CopyOnWriteArrayList<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();

  PubSubFaultIT(TestRedis redis) {
    this.redis = redis;
    this.proxy = FaultProxy.before(redis.address());
    this.proxied = redis.at(proxy.address());
    this.wire = new Wire(redis);
    this.channel = redis.unique("channel");
  }

  @AfterEach
  void end() {
    threads.shutdownNow();
    Wire.await("no thread left").until(Wire::threads, is(empty()));
    proxied.close();
    proxy.close();
    Wire.await("no connection left").until(wire::connections, is(empty()));
  }

  private RedisPubSub.Builder builder() {
    return proxied
        .<RedisPubSub.Builder>over(RedisPubSub::builder, RedisPubSub::builder)
        .heartbeat(HEARTBEAT)
        .listener(recorder);
  }

  private static void assertClosesWithinASecond(RedisPubSub pubSub) {
    long start = System.nanoTime();
    pubSub.close();
    assertThat(Duration.ofNanos(System.nanoTime() - start), is(lessThan(Duration.ofSeconds(1))));
  }

  /** Publishes behind the proxy until a message arrives that was sent from now on. */
  private void assertReceivesAgain(int body) {
    Wire.await("subscribed again").until(() -> wire.subscribers(channel) >= 1);
    redis.admin().publish(channel, String.valueOf(body));
    Wire.await("received again").until(() -> received.contains(body));
  }

  private void detectsAndHeals(int outages, Direction... blocked) {
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, Integer.class, message -> received.add(message.body()));
      pubSub.subscribePattern(channel + ":*", Integer.class, message -> {});
      for (int outage = 1; outage <= outages; outage++) {
        long start = System.nanoTime();
        proxy.blackHole(blocked);
        int expected = outage;
        Wire.await("noticed").until(() -> recorder.causes, hasSize(expected));
        // Two and a half heartbeats are promised; the rest is for a busy machine.
        assertThat(
            Duration.ofNanos(System.nanoTime() - start), is(lessThan(HEARTBEAT.multipliedBy(6))));
        assertThat(pubSub.isConnected(), is(false));
        proxy.heal();
        Wire.await("healed").until(() -> recorder.gaps, hasSize(expected));
        assertThat(pubSub.isConnected(), is(true));
        assertThat(recorder.gaps.get(outage - 1), is(greaterThan(HEARTBEAT)));
        assertReceivesAgain(outage);
      }
    }
    assertThat(recorder.causes, hasSize(outages));
    assertThat(recorder.gaps, hasSize(outages));
    assertThat(recorder.failures, is(empty()));
  }

  @Test
  void noticesABlackHoledLinkReportsItOnceAndHeals() {
    detectsAndHeals(2);
  }

  @Test
  void noticesALinkOnWhichOnlyRepliesAreLost() {
    detectsAndHeals(1, Direction.TO_CLIENT);
  }

  @Test
  void noticesALinkOnWhichOnlyRequestsAreLost() {
    detectsAndHeals(1, Direction.TO_SERVER);
  }

  @Test
  void comesBackAfterAServerThatWasGoneForLongWithoutHammeringIt() {
    Duration outage = Duration.ofSeconds(Matrix.size(2, 10));
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, Integer.class, message -> received.add(message.body()));
      long start = System.nanoTime();
      proxy.refuse();
      Wire.await("noticed").until(() -> recorder.causes, hasSize(1));
      Wire.await("the outage is over")
          .atMost(outage.plusSeconds(1))
          .until(() -> System.nanoTime() - start > outage.toNanos());
      proxy.accept();
      Wire.await("healed").until(() -> recorder.gaps, hasSize(1));
      assertThat(recorder.gaps.get(0), is(greaterThanOrEqualTo(outage.minusMillis(100))));
      assertReceivesAgain(1);
    }
    assertThat(recorder.connection, contains("lost", "back"));
  }

  @Test
  void aSubscribeDuringAnOutageSucceedsAsSoonAsItIsOver() throws Exception {
    proxy.refuse();
    try (RedisPubSub pubSub = builder().subscribeTimeout(Duration.ofSeconds(20)).build()) {
      Future<Subscription> early =
          threads.submit(
              () ->
                  pubSub.subscribe(
                      channel, Integer.class, message -> received.add(message.body())));
      Wire.await("waiting").until(() -> Wire.threadIsIn("reader", "awaitWanted"));
      assertThat(early.isDone(), is(false));
      proxy.accept();
      assertThat(early.get(10, TimeUnit.SECONDS).isActive(), is(true));
      assertReceivesAgain(1);
    }
    assertThat(recorder.connection, is(empty()));
  }

  @Test
  void aLostConfirmationIsAskedForAgainOnTheNextConnection() throws Exception {
    try (RedisPubSub pubSub = builder().heartbeat(Duration.ofSeconds(30)).build()) {
      pubSub.subscribe(channel, Integer.class, message -> received.add(message.body()));
      proxy.blackHole(Direction.TO_CLIENT);
      Future<Subscription> second =
          threads.submit(() -> pubSub.subscribe(channel + ":2", Integer.class, message -> {}));
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
        builder()
            .heartbeat(Duration.ofSeconds(30))
            .subscribeTimeout(Duration.ofMillis(300))
            .build()) {
      pubSub.subscribe(channel, Integer.class, message -> received.add(message.body()));
      proxy.blackHole();
      for (int i = 0; i < 3; i++) {
        assertThrows(
            JedisConnectionException.class,
            () -> pubSub.subscribe(channel + ":never", Integer.class, message -> {}));
      }
      // What is subscribed to already needs no reply.
      pubSub.subscribe(channel, Integer.class, message -> received.add(message.body()));
      proxy.heal();
      pubSub.subscribe(channel + ":later", Integer.class, message -> {});
      Wire.await("nothing left of it").until(() -> wire.subscribers(channel + ":never") == 0);
      assertReceivesAgain(1);
    }
    assertThat(recorder.connection, is(empty()));
  }

  @Test
  void closesWithinASecondOnABlackHoledLink() {
    RedisPubSub pubSub = builder().heartbeat(Duration.ofMinutes(1)).build();
    pubSub.subscribe(channel, Integer.class, message -> {});
    proxy.blackHole();
    assertClosesWithinASecond(pubSub);
    Wire.await("no thread left").until(Wire::threads, is(empty()));
  }

  @Test
  void closesWithinASecondWhileReconnecting() {
    RedisPubSub pubSub = builder().build();
    pubSub.subscribe(channel, Integer.class, message -> {});
    proxy.blackHole();
    proxy.cut();
    Wire.await("in the handshake")
        .until(() -> Wire.threadIsIn("reader", "initializeFromClientConfig"));
    assertClosesWithinASecond(pubSub);
    proxy.heal();
    Wire.await("no thread left").until(Wire::threads, is(empty()));
    Wire.await("nor the connection that was being made").until(() -> proxy.connections() == 0);
  }
}
