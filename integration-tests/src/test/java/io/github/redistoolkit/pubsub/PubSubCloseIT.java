package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
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
    awaitNoThreadLeft();
    proxied.close();
    Wire.await("nor a connection that was being made").until(() -> proxy.connections() == 0);
    super.endFaults();
  }

  private void awaitNoThreadLeft() {
    proxy.heal();
    Wire.await("no thread left").until(Wire::threads, is(empty()));
  }

  /** And nothing is left of it. */
  private void assertClosesQuickly(Callable<Duration> round) throws Exception {
    assertIsQuick(
        () -> {
          Duration took = round.call();
          awaitNoThreadLeft();
          return took;
        });
  }

  private Future<Subscription> subscribeAside(RedisPubSub pubSub) {
    return threads.submit(() -> pubSub.subscribe(channel, Integer.class, this::keep));
  }

  private static void assertToldThatItIsClosed(Future<Subscription> waiting) {
    Exception e = assertThrows(ExecutionException.class, () -> waiting.get(10, TimeUnit.SECONDS));
    assertThat(e.getCause(), is(instanceOf(IllegalStateException.class)));
  }

  @Test
  void endsSubscriptionsThreadsAndTheConnectionAndNothingElse() throws Exception {
    assertClosesQuickly(this::timeToEndEverything);
  }

  private Duration timeToEndEverything() {
    kept.clear();
    RedisPubSub pubSub = builder().build();
    Subscription subscription = pubSub.subscribe(channel, Integer.class, this::keep);
    pubSub.publish(channel, 1);
    Wire.await("received").until(() -> kept.contains(1));
    Subscription pattern = pubSub.subscribePattern(channel + "*", Integer.class, this::keep);

    Duration took = timeToClose(pubSub);

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
    return took;
  }

  @Test
  void closesBeforeAnySubscription() throws Exception {
    assertClosesQuickly(
        () -> {
          RedisPubSub pubSub = builder().build();
          Duration took = timeToClose(pubSub);
          assertThrows(IllegalStateException.class, () -> pubSub.publish(channel, 1));
          return took;
        });
  }

  @Test
  void closesForManyThreadsAtOnce() throws Exception {
    assertClosesQuickly(this::longestTimeToCloseForManyThreads);
  }

  private Duration longestTimeToCloseForManyThreads() throws Exception {
    RedisPubSub pubSub = builder().build();
    pubSub.subscribe(channel, Integer.class, this::keep);
    CountDownLatch go = new CountDownLatch(1);
    List<Future<Duration>> all = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      all.add(
          threads.submit(
              () -> {
                go.await();
                return time(pubSub::close);
              }));
    }
    go.countDown();
    List<Duration> took = new ArrayList<>();
    for (Future<Duration> each : all) {
      took.add(each.get());
    }
    return Collections.max(took);
  }

  @Test
  void closesInBackoffAndFailsWhoeverWaits() throws Exception {
    assertClosesQuickly(
        () -> {
          RedisPubSub pubSub = builder(proxied).build();
          proxy.refuse();
          Future<Subscription> waiting = subscribeAside(pubSub);
          Wire.await("in backoff").until(() -> Wire.threadIsIn("reader", "awaitWanted"));
          Duration took = timeToClose(pubSub);
          assertToldThatItIsClosed(waiting);
          return took;
        });
  }

  @Test
  void closesDuringTheFirstHandshakeAndFailsWhoeverWaits() throws Exception {
    assertClosesQuickly(
        () -> {
          RedisPubSub pubSub = builder(proxied).build();
          proxy.blackHole();
          Future<Subscription> waiting = subscribeAside(pubSub);
          Wire.await("in the handshake")
              .until(() -> Wire.threadIsIn("reader", "initializeFromClientConfig"));
          Duration took = timeToClose(pubSub);
          assertToldThatItIsClosed(waiting);
          return took;
        });
  }

  @Test
  void closesDuringTheHandshakeOfAReconnection() throws Exception {
    assertClosesQuickly(
        () -> {
          RedisPubSub pubSub = builder(proxied).build();
          pubSub.subscribe(channel, Integer.class, this::keep);
          proxy.blackHole();
          proxy.cut();
          Wire.await("in the handshake")
              .until(() -> Wire.threadIsIn("reader", "initializeFromClientConfig"));
          return timeToClose(pubSub);
        });
  }

  @Test
  void closesOnALinkWhereNothingPasses() throws Exception {
    assertClosesQuickly(
        () -> {
          RedisPubSub pubSub = builder(proxied).heartbeat(Duration.ofMinutes(1)).build();
          Subscription subscription = pubSub.subscribe(channel, Integer.class, this::keep);
          proxy.blackHole();
          subscription.close();
          Duration took = timeToClose(pubSub);
          Wire.await("no thread left").until(Wire::threads, is(empty()));
          return took;
        });
  }

  @Test
  void closesInsideAHandlerWithoutWaitingForIt() throws Exception {
    assertClosesQuickly(this::timeToCloseInsideAHandler);
  }

  private Duration timeToCloseInsideAHandler() throws Exception {
    kept.clear();
    CountDownLatch goOn = new CountDownLatch(1);
    BlockingQueue<Duration> took = new LinkedBlockingQueue<>();
    RedisPubSub pubSub = builder().build();
    pubSub.subscribe(
        channel,
        Integer.class,
        message -> {
          keep(message);
          took.add(timeToClose(pubSub));
          goOn.await();
        });
    Publisher.flood(redis, channel, 100, String::valueOf);
    Duration closed = next(took);
    goOn.countDown();
    Wire.await("no thread left").until(Wire::threads, is(empty()));
    assertThat(kept, contains(0));
    assertThat(recorder.failures, is(empty()));
    return closed;
  }

  @Test
  void closesOnTheReadersOwnThread() throws Exception {
    assertClosesQuickly(
        () -> {
          BlockingQueue<Duration> took = new LinkedBlockingQueue<>();
          RedisPubSub pubSub = builder().executor(Runnable::run).build();
          pubSub.subscribe(channel, Integer.class, message -> took.add(timeToClose(pubSub)));
          Publisher.publish(redis, channel, "1");
          return next(took);
        });
  }

  @Test
  void closesWhileTheReaderWaitsForRoomInAQueue() throws Exception {
    assertClosesQuickly(this::timeToCloseWhileTheReaderWaits);
  }

  private Duration timeToCloseWhileTheReaderWaits() {
    CountDownLatch goOn = new CountDownLatch(1);
    RedisPubSub pubSub = builder().overflow(Overflow.BLOCK).queueBytes(64 * 1024).build();
    pubSub.subscribe(channel, Integer.class, message -> goOn.await());
    Publisher.flood(redis, channel, 5000, String::valueOf);
    Wire.await("the reader is blocked").until(() -> Wire.threadIsIn("reader", "makeRoom"));
    Duration took = timeToClose(pubSub);
    goOn.countDown();
    return took;
  }

  @Test
  void closingThePoolOrClientEndsItWithinAboutASecond() throws Exception {
    assertIsQuick(this::timeToEndAfterThePool);
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
    return took.plus(timeToClose(pubSub));
  }
}
