package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.notNullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.args.ClientPauseMode;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisException;

/** A Redis that is not there, or does not answer. */
@EachClient
class PubSubOutageIT {

  private static final HostAndPort NOWHERE = new HostAndPort("127.0.0.1", 1);

  /** Short for a heartbeat, but long enough that a busy machine does not look like a dead peer. */
  private static final Duration IDLE_HEARTBEAT = Duration.ofMillis(300);

  private final TestRedis redis;
  private final Wire wire;
  private final String channel;
  private final Recorder recorder = new Recorder();
  private final ExecutorService threads = Executors.newCachedThreadPool();

  PubSubOutageIT(TestRedis redis) {
    this.redis = redis;
    this.wire = new Wire(redis);
    this.channel = redis.unique("channel");
  }

  @AfterEach
  void end() {
    threads.shutdownNow();
    Wire.await("no thread left").until(Wire::threads, is(empty()));
    Wire.await("no connection left").until(wire::connections, is(empty()));
  }

  private RedisPubSub.Builder builder(TestRedis at) {
    return at.<RedisPubSub.Builder>over(RedisPubSub::builder, RedisPubSub::builder)
        .listener(recorder);
  }

  private static void assertClosesWithinASecond(RedisPubSub pubSub) {
    long start = System.nanoTime();
    pubSub.close();
    assertThat(Duration.ofNanos(System.nanoTime() - start), is(lessThan(Duration.ofSeconds(1))));
  }

  @Test
  void throwsAtTheSubscribeTimeoutWithTheLastFailureWhileRedisIsDown() {
    try (TestRedis nowhere = redis.at(NOWHERE);
        RedisPubSub pubSub = builder(nowhere).subscribeTimeout(Duration.ofMillis(500)).build()) {
      for (int i = 0; i < 2; i++) {
        long start = System.nanoTime();
        Exception e =
            assertThrows(
                JedisConnectionException.class,
                () -> pubSub.subscribe(channel, String.class, message -> {}));
        Duration took = Duration.ofNanos(System.nanoTime() - start);
        assertThat(took, is(greaterThanOrEqualTo(Duration.ofMillis(500))));
        assertThat(took, is(lessThan(Duration.ofSeconds(5))));
        assertThat(e.getMessage(), containsString(channel));
        assertThat(e.getMessage(), containsString("PT0.5S"));
        assertThat(e.getCause(), is(instanceOf(JedisConnectionException.class)));
      }
      assertThat(pubSub.isConnected(), is(false));
      assertClosesWithinASecond(pubSub);
    }
    assertThat(recorder.connection, is(empty()));
  }

  @Test
  void closesWithinASecondInBackoffAndFailsWhoeverWaits() throws Exception {
    try (TestRedis nowhere = redis.at(NOWHERE)) {
      RedisPubSub pubSub = builder(nowhere).build();
      Future<Subscription> waiting =
          threads.submit(() -> pubSub.subscribe(channel, String.class, message -> {}));
      Wire.await("in backoff").until(() -> Wire.threadIsIn("reader", "awaitWanted"));
      assertClosesWithinASecond(pubSub);
      Exception e = assertThrows(ExecutionException.class, () -> waiting.get(1, TimeUnit.SECONDS));
      assertThat(e.getCause(), is(instanceOf(IllegalStateException.class)));
    }
  }

  @Test
  void closesWithinASecondDuringAHandshake() throws Exception {
    try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        TestRedis nowhere = redis.at(new HostAndPort("127.0.0.1", silent.getLocalPort()))) {
      RedisPubSub pubSub = builder(nowhere).build();
      Future<Subscription> waiting =
          threads.submit(() -> pubSub.subscribe(channel, String.class, message -> {}));
      Wire.await("in the handshake")
          .until(() -> Wire.threadIsIn("reader", "initializeFromClientConfig"));
      assertClosesWithinASecond(pubSub);
      Exception e = assertThrows(ExecutionException.class, () -> waiting.get(1, TimeUnit.SECONDS));
      assertThat(e.getCause(), is(instanceOf(IllegalStateException.class)));
      // The thread ends with the timeout that the caller gave for a handshake.
      Wire.await("no thread left").until(Wire::threads, is(empty()));
    }
  }

  @Test
  void anInterruptEndsTheWaitLeavesNothingAndStaysVisible() throws Exception {
    try (TestRedis nowhere = redis.at(NOWHERE);
        RedisPubSub pubSub = builder(nowhere).build()) {
      List<Boolean> interrupted = new CopyOnWriteArrayList<>();
      Thread caller =
          new Thread(
              () -> {
                assertThrows(
                    JedisException.class,
                    () -> pubSub.subscribe(channel, String.class, message -> {}));
                interrupted.add(Thread.currentThread().isInterrupted());
              });
      caller.start();
      Wire.await("waiting").until(() -> Wire.threadIsIn("reader", "awaitWanted"));
      caller.interrupt();
      caller.join(5000);
      assertThat(interrupted, contains(true));
    }
  }

  /** Has Redis answer nobody for a while. */
  private void pause(Duration time) {
    try (Jedis jedis = new Jedis(redis.address())) {
      assertThat(jedis.clientPause(time.toMillis(), ClientPauseMode.ALL), is("OK"));
    }
  }

  @Test
  void noticesASilentPeerReportsItOnceAndHeals() throws Exception {
    Duration heartbeat = Duration.ofMillis(200);
    List<Integer> received = new CopyOnWriteArrayList<>();
    try (RedisPubSub pubSub = builder(redis).heartbeat(heartbeat).build()) {
      pubSub.subscribe(channel, Integer.class, message -> received.add(message.body()));
      pubSub.subscribePattern(channel + "*", Integer.class, message -> {});
      long start = System.nanoTime();
      pause(Duration.ofSeconds(2));
      Wire.await("noticed").until(() -> recorder.causes, hasSize(1));
      // Two and a half heartbeats are promised; the rest is for a busy machine.
      assertThat(
          Duration.ofNanos(System.nanoTime() - start), is(lessThan(Duration.ofMillis(1500))));
      assertThat(recorder.causes.get(0), is(notNullValue()));
      assertThat(pubSub.isConnected(), is(false));

      Future<Subscription> during =
          threads.submit(() -> pubSub.subscribe(channel + ":new", Integer.class, message -> {}));
      Wire.await("healed").until(() -> recorder.gaps, hasSize(1));
      assertThat(during.get(5, TimeUnit.SECONDS).isActive(), is(true));
      assertThat(recorder.gaps.get(0), is(greaterThan(Duration.ofSeconds(1))));
      assertThat(recorder.gaps.get(0), is(lessThan(Duration.ofSeconds(10))));
      assertThat(pubSub.publish(channel, 1), is(2L));
      Wire.await("received").until(() -> received.contains(1));
    }
    assertThat(recorder.connection, contains("lost", "back"));
  }

  @Test
  void closesWithinASecondWhileThePeerIsSilent() {
    RedisPubSub pubSub = builder(redis).build();
    Subscription subscription = pubSub.subscribe(channel, String.class, message -> {});
    pause(Duration.ofMillis(500));
    subscription.close();
    assertClosesWithinASecond(pubSub);
  }

  @Test
  void staysConnectedWhileNothingIsPublished() {
    try (RedisPubSub pubSub = builder(redis).heartbeat(IDLE_HEARTBEAT).build()) {
      pubSub.subscribe(channel, String.class, message -> {});
      long before = redis.calls("ping");
      Wire.await("some heartbeats").until(() -> redis.calls("ping") >= before + 5);
      assertThat(pubSub.isConnected(), is(true));
    }
    assertThat(recorder.connection, is(empty()));
  }

  /** Redis then answers a PING in another way. */
  @Test
  void staysConnectedAndUsableWhenTheLastSubscriptionEnds() {
    try (RedisPubSub pubSub = builder(redis).heartbeat(IDLE_HEARTBEAT).build()) {
      for (int i = 0; i < 2; i++) {
        pubSub.subscribe(channel, String.class, message -> {}).close();
        Wire.await("unsubscribed").until(() -> wire.subscribers(channel) == 0);
        long before = redis.calls("ping");
        Wire.await("some heartbeats").until(() -> redis.calls("ping") >= before + 3);
        assertThat(pubSub.isConnected(), is(true));
      }
    }
    assertThat(recorder.connection, is(empty()));
  }
}
