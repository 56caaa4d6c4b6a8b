package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisException;

/** A Redis that takes no connection, and whoever wants to subscribe meanwhile. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class PubSubOutageIT extends PubSubFaultSuite {

  PubSubOutageIT(TestRedis redis) {
    super(redis);
  }

  @Test
  void throwsOnceMaxWaitIsOverWithTheLastFailure() throws Exception {
    Duration timeout = Duration.ofSeconds(1);
    try (RedisPubSub pubSub = builder(proxied).maxWait(timeout).build()) {
      proxy.refuse();
      Future<?> early =
          threads.submit(
              () ->
                  assertThrows(
                      JedisConnectionException.class,
                      () -> pubSub.subscribe(channel + ":early", Integer.class, this::keep)));
      // On a busy machine the first failure may take longer than the timeout.
      Wire.await("in backoff")
          .until(() -> Wire.threadIsIn("reader", "awaitNanos") || early.isDone());
      for (int i = 0; i < 2; i++) {
        long start = System.nanoTime();
        Exception e =
            assertThrows(
                JedisConnectionException.class,
                () -> pubSub.subscribe(channel, Integer.class, this::keep));
        Duration took = Duration.ofNanos(System.nanoTime() - start);
        assertThat(took, is(greaterThanOrEqualTo(timeout)));
        assertThat(took, is(lessThan(timeout.multipliedBy(10))));
        assertThat(e.getMessage(), containsString(channel));
        assertThat(e.getMessage(), containsString("PT1S"));
        assertThat(e.getCause(), is(instanceOf(JedisConnectionException.class)));
      }
      early.get();
      assertThat(pubSub.isConnected(), is(false));
      proxy.accept();
      awaitSubscribed(pubSub, channel + ":other");
      assertThat("what failed is not registered", wire.subscribers(channel), is(0L));
    }
    assertThat(recorder.connection, is(empty()));
  }

  @Test
  void aSubscribeSucceedsAsSoonAsTheOutageIsOver() throws Exception {
    try (RedisPubSub pubSub = builder(proxied).maxWait(Duration.ofSeconds(20)).build()) {
      proxy.refuse();
      Future<Subscription> early =
          threads.submit(() -> pubSub.subscribe(channel, Integer.class, this::keep));
      Wire.await("waiting").until(() -> Wire.threadIsIn("reader", "awaitWanted"));
      assertThat(early.isDone(), is(false));
      proxy.accept();
      assertThat(early.get(10, TimeUnit.SECONDS).isActive(), is(true));
      assertReceivesAgain(1);
    }
    assertThat(recorder.connection, is(empty()));
  }

  @Test
  void anInterruptEndsTheWaitLeavesNothingAndStaysVisible() throws Exception {
    try (RedisPubSub pubSub = builder(proxied).build()) {
      proxy.refuse();
      Thread[] caller = {null};
      Future<Boolean> interrupted =
          threads.submit(
              () -> {
                caller[0] = Thread.currentThread();
                assertThrows(
                    JedisException.class,
                    () -> pubSub.subscribe(channel, Integer.class, this::keep));
                return Thread.currentThread().isInterrupted();
              });
      Wire.await("waiting").until(() -> Wire.threadIsIn("reader", "awaitWanted"));
      caller[0].interrupt();
      assertThat(interrupted.get(5, TimeUnit.SECONDS), is(true));
      proxy.accept();
      pubSub.subscribe(channel + ":other", Integer.class, this::keep);
      assertThat(wire.subscribers(channel), is(0L));
    }
  }

  @Test
  void comesBackAfterALongOutage() {
    Duration outage = Duration.ofSeconds(Matrix.size(1, 10));
    try (RedisPubSub pubSub = builder(proxied).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      proxy.refuse();
      Wire.await("noticed").until(() -> recorder.causes.size() == 1);
      pass(outage);
      proxy.accept();
      Wire.await("healed").until(() -> recorder.gaps.size() == 1);
      assertThat(recorder.gaps.get(0), is(greaterThanOrEqualTo(outage.minusMillis(100))));
      assertReceivesAgain(1);
    }
    assertThat(recorder.connection, contains("lost", "back"));
  }
}
