package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** What the suites begin with, and that nothing is left when a test ends. */
abstract class PubSubSuite {

  final TestRedis redis;
  final Wire wire;

  /** Of this test alone. */
  final String channel;

  final Recorder recorder = new Recorder();

  /** What {@link #keep} was given. */
  final List<Integer> kept = new CopyOnWriteArrayList<>();

  final ExecutorService threads = Executors.newCachedThreadPool();

  PubSubSuite(TestRedis redis) {
    this(redis, new Wire(redis::nodes, redis::open));
  }

  /** On servers that may be gone. */
  PubSubSuite(PrivateRedis servers) {
    this(
        servers.redis(),
        new Wire(
            () ->
                servers.servers().stream()
                    .filter(RedisServer::isRunning)
                    .map(RedisServer::address)
                    .toList(),
            servers.redis()::open));
  }

  private PubSubSuite(TestRedis redis, Wire wire) {
    this.redis = redis;
    this.wire = wire;
    this.channel = redis.unique("channel");
  }

  @AfterEach
  void leavesNothingBehind() {
    threads.shutdownNow();
    Wire.await("no thread left").until(Wire::threads, is(empty()));
    Wire.await("no connection left").until(wire::connections, is(empty()));
    // One may be on its way back after a publish in a handler.
    Wire.await("no connection taken from the caller").until(redis::borrowed, is(0));
  }

  RedisPubSub.Builder builder() {
    return builder(redis);
  }

  RedisPubSub.Builder builder(TestRedis at) {
    return at.<RedisPubSub.Builder>over(RedisPubSub::builder, RedisPubSub::builder)
        .listener(recorder);
  }

  /** A handler. */
  void keep(Message<Integer> message) {
    kept.add(message.body());
  }

  /** Once it is subscribed again, nothing more is lost, unless the connection is lost once more. */
  void assertReceivesAgain(int body) {
    int losses = -1;
    while (!kept.contains(body) && recorder.causes.size() > losses) {
      losses = recorder.causes.size();
      int seen = losses;
      Wire.await("subscribed again").until(() -> wire.subscribers(channel) >= 1);
      Publisher.publish(redis, channel, String.valueOf(body));
      Wire.await("received again")
          .until(() -> kept.contains(body) || recorder.causes.size() > seen);
    }
    assertThat(kept, hasItem(body));
  }

  void awaitHealed() {
    Wire.await("healed").until(() -> recorder.gaps.size() == recorder.causes.size());
  }

  /** However many there were: a stall of this machine for as long as a silence is reported too. */
  void assertEveryLossIsPairedWithAReturn() {
    Wire.await("every loss is paired with a return")
        .until(() -> recorder.connection.equals(Recorder.pairs(recorder.gaps.size())));
  }

  /** Subscribes, although the time for it is so short that it may be over first. */
  void awaitSubscribed(RedisPubSub pubSub, String topic) {
    Wire.await("subscribed")
        .ignoreException(JedisConnectionException.class)
        .until(() -> pubSub.subscribe(topic, Integer.class, this::keep).isActive());
  }

  /**
   * Brings about a silence and waits until it is noticed, by what is lost and cannot come back. A
   * loss before it, since this machine has stalled, is none that counts.
   *
   * @return how many losses were reported so far, that of the silence included
   */
  int silenceUntilNoticed(Runnable silence) {
    assertReceivesAgain(-1 - recorder.causes.size());
    int before = recorder.causes.size();
    silence.run();
    Wire.await("noticed")
        .until(
            () -> recorder.causes.size() > before && recorder.causes.size() > recorder.gaps.size());
    return recorder.causes.size();
  }

  /** Lets so much time pass. */
  static void pass(Duration time) {
    long start = System.nanoTime();
    Wire.await("time passes")
        .atMost(time.plusSeconds(5))
        .until(() -> System.nanoTime() - start > time.toNanos());
  }

  /** How long something takes. */
  static Duration time(Runnable action) {
    long start = System.nanoTime();
    action.run();
    return Duration.ofNanos(System.nanoTime() - start);
  }

  static <T> T next(BlockingQueue<T> received) throws InterruptedException {
    T first = received.poll(10, TimeUnit.SECONDS);
    if (first == null) {
      throw new AssertionError("nothing received within 10 s");
    }
    return first;
  }

  /** Closes it twice, and the second time has nothing to do. */
  static Duration timeToClose(RedisPubSub pubSub) {
    Duration took = time(pubSub::close).plus(time(pubSub::close));
    assertThat(pubSub.isConnected(), is(false));
    return took;
  }

  /**
   * Has something done that tells how long it took: within a second, or a few on a busy machine,
   * where whoever waited for the network would take the 20 that clients here are patient.
   */
  static void assertIsQuick(Callable<Duration> action) throws Exception {
    assertThat(action.call(), is(lessThan(Duration.ofSeconds(5))));
  }
}
