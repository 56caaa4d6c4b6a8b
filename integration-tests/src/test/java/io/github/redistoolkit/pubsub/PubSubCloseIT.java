package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Closing, in whatever state it is: within a second, and nothing is left. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class PubSubCloseIT extends PubSubFaultSuite {

  PubSubCloseIT(TestRedis redis) {
    super(redis);
  }

  @AfterEach
  @Override
  void endFaults() {
    proxy.heal();
    Wire.await("no thread left").until(Wire::threads, is(empty()));
    proxied.close();
    Wire.await("nor a connection that was being made").until(() -> proxy.connections() == 0);
    super.endFaults();
  }

  private Future<Subscription> subscribeAside(RedisPubSub pubSub) {
    return threads.submit(() -> pubSub.subscribe(channel, Integer.class, this::keep));
  }

  private static void assertToldThatItIsClosed(Future<Subscription> waiting) {
    Exception e = assertThrows(ExecutionException.class, () -> waiting.get(10, TimeUnit.SECONDS));
    assertThat(e.getCause(), is(instanceOf(IllegalStateException.class)));
  }

  @Test
  void endsSubscriptionsThreadsAndTheConnectionAndNothingElse() {
    RedisPubSub pubSub = builder().build();
    Subscription subscription = pubSub.subscribe(channel, Integer.class, this::keep);
    pubSub.publish(channel, 1);
    Wire.await("received").until(() -> kept.contains(1));
    Subscription pattern = pubSub.subscribePattern(channel + "*", Integer.class, this::keep);

    assertClosesWithinASecond(pubSub);

    assertThat(subscription.isActive(), is(false));
    assertThat(pattern.isActive(), is(false));
    subscription.close();
    Wire.await("no thread left").until(Wire::threads, is(empty()));
    Wire.await("no connection left").until(wire::connections, is(empty()));
    assertThrows(IllegalStateException.class, () -> pubSub.publish(channel, 2));
    assertThrows(
        IllegalStateException.class, () -> pubSub.subscribe(channel, Integer.class, this::keep));
    assertThat(kept, contains(1));
    assertThat(recorder.connection, is(empty()));
    // The caller's own pool or client goes on.
    try (RedisPubSub again = builder().build()) {
      assertThat(again.publish(channel, 2), is(0L));
    }
  }

  @Test
  void closesBeforeAnySubscription() {
    RedisPubSub pubSub = builder().build();
    assertClosesWithinASecond(pubSub);
    assertThrows(IllegalStateException.class, () -> pubSub.publish(channel, 1));
  }

  @Test
  void closesForManyThreadsAtOnce() throws Exception {
    RedisPubSub pubSub = builder().build();
    pubSub.subscribe(channel, Integer.class, this::keep);
    CountDownLatch go = new CountDownLatch(1);
    List<Future<Duration>> all = new CopyOnWriteArrayList<>();
    for (int i = 0; i < 8; i++) {
      all.add(
          threads.submit(
              () -> {
                go.await();
                return time(pubSub::close);
              }));
    }
    go.countDown();
    for (Future<Duration> each : all) {
      assertThat(each.get(), is(lessThan(Duration.ofSeconds(1))));
    }
  }

  @Test
  void closesInBackoffAndFailsWhoeverWaits() {
    RedisPubSub pubSub = builder(proxied).build();
    proxy.refuse();
    Future<Subscription> waiting = subscribeAside(pubSub);
    Wire.await("in backoff").until(() -> Wire.threadIsIn("reader", "awaitWanted"));
    assertClosesWithinASecond(pubSub);
    assertToldThatItIsClosed(waiting);
  }

  @Test
  void closesDuringTheFirstHandshakeAndFailsWhoeverWaits() {
    RedisPubSub pubSub = builder(proxied).build();
    proxy.blackHole();
    Future<Subscription> waiting = subscribeAside(pubSub);
    Wire.await("in the handshake")
        .until(() -> Wire.threadIsIn("reader", "initializeFromClientConfig"));
    assertClosesWithinASecond(pubSub);
    assertToldThatItIsClosed(waiting);
  }

  @Test
  void closesDuringTheHandshakeOfAReconnection() {
    RedisPubSub pubSub = builder(proxied).build();
    pubSub.subscribe(channel, Integer.class, this::keep);
    proxy.blackHole();
    proxy.cut();
    Wire.await("in the handshake")
        .until(() -> Wire.threadIsIn("reader", "initializeFromClientConfig"));
    assertClosesWithinASecond(pubSub);
  }

  @Test
  void closesOnALinkWhereNothingPasses() {
    RedisPubSub pubSub = builder(proxied).heartbeat(Duration.ofMinutes(1)).build();
    Subscription subscription = pubSub.subscribe(channel, Integer.class, this::keep);
    proxy.blackHole();
    subscription.close();
    assertClosesWithinASecond(pubSub);
    Wire.await("no thread left").until(Wire::threads, is(empty()));
  }

  @Test
  void closesInsideAHandlerWithoutWaitingForIt() throws Exception {
    CountDownLatch goOn = new CountDownLatch(1);
    BlockingQueue<Duration> took = new LinkedBlockingQueue<>();
    RedisPubSub pubSub = builder().build();
    pubSub.subscribe(
        channel,
        Integer.class,
        message -> {
          keep(message);
          took.add(time(pubSub::close));
          took.add(time(pubSub::close));
          goOn.await();
        });
    Publisher.flood(redis, channel, 100, String::valueOf);
    assertThat(next(took), is(lessThan(Duration.ofSeconds(1))));
    assertThat(next(took), is(lessThan(Duration.ofSeconds(1))));
    goOn.countDown();
    Wire.await("no thread left").until(Wire::threads, is(empty()));
    assertThat(kept, contains(0));
    assertThat(recorder.failures, is(empty()));
  }

  @Test
  void closesOnTheReadersOwnThread() throws Exception {
    BlockingQueue<Duration> took = new LinkedBlockingQueue<>();
    RedisPubSub pubSub = builder().executor(Runnable::run).build();
    pubSub.subscribe(channel, Integer.class, message -> took.add(time(pubSub::close)));
    Publisher.publish(redis, channel, "1");
    assertThat(next(took), is(lessThan(Duration.ofSeconds(1))));
  }

  @Test
  void closesWhileTheReaderWaitsForRoomInAQueue() {
    CountDownLatch goOn = new CountDownLatch(1);
    RedisPubSub pubSub = builder().overflow(Overflow.BLOCK).queueBytes(64 * 1024).build();
    pubSub.subscribe(channel, Integer.class, message -> goOn.await());
    Publisher.flood(redis, channel, 5000, String::valueOf);
    Wire.await("the reader is blocked").until(() -> Wire.threadIsIn("reader", "makeRoom"));
    assertClosesWithinASecond(pubSub);
    goOn.countDown();
  }

  @Test
  void closingThePoolOrClientEndsItWithinAboutASecond() {
    Duration promised = Duration.ofSeconds(2);
    for (int round = 0; round < ROUNDS; round++) {
      if (timeToEndAfterThePool().compareTo(promised) <= 0) {
        return;
      }
    }
    throw new AssertionError("never ended within " + promised);
  }

  private Duration timeToEndAfterThePool() {
    RedisPubSub pubSub;
    Subscription subscription;
    try (TestRedis other = redis.withMaxTotal(2)) {
      pubSub = builder(other).build();
      subscription = pubSub.subscribe(channel, Integer.class, this::keep);
    }
    Duration took = time(() -> Wire.await("ended").until(() -> !subscription.isActive()));
    assertThat(pubSub.isConnected(), is(false));
    Wire.await("no connection left").until(wire::connections, is(empty()));
    assertThrows(
        IllegalStateException.class, () -> pubSub.subscribe(channel, Integer.class, this::keep));
    assertClosesWithinASecond(pubSub);
    return took;
  }
}
