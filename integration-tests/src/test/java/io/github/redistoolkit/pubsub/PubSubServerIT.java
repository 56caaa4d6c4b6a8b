package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** A single server that is stopped, killed or loading; where there are more, see failover. */
@EachClient
class PubSubServerIT extends PubSubSuite {

  private static final Duration HEARTBEAT = Duration.ofMillis(400);

  private final PrivateRedis servers;
  private final RedisServer server;

  PubSubServerIT(TestRedis shared) {
    super(shared.privateServers());
    this.servers = shared.privateServers();
    this.server = servers.servers().get(0);
  }

  @Override
  RedisPubSub.Builder builder() {
    return super.builder().heartbeat(HEARTBEAT);
  }

  @Test
  void noticesAStoppedServerReportsItOnceAndHeals() {
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      int losses = silenceUntilNoticed(server::pause);
      Duration stopped = Duration.ofSeconds(Matrix.size(2, 10));
      pass(stopped);
      assertThat("reported once", recorder.causes, hasSize(losses));
      server.resume();
      awaitHealed();
      assertThat(recorder.gaps.get(losses - 1), is(greaterThan(stopped)));
      assertReceivesAgain(1);
      assertEveryLossIsPairedWithAReturn();
    }
  }

  @Test
  void comesBackAfterAServerThatWasKilled() {
    // How long it is silent does not matter here, and this machine may be for a moment.
    try (RedisPubSub pubSub = builder().longestSilence(Duration.ofSeconds(5)).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      pubSub.subscribePattern(channel + ":*", Integer.class, this::keep);
      server.kill();
      Wire.await("noticed").until(() -> recorder.causes, hasSize(1));
      pass(Duration.ofSeconds(Matrix.size(1, 5)));
      server.start();
      Wire.await("healed").until(() -> recorder.gaps, hasSize(1));
      assertThat(wire.patterns(), is(1L));
      assertReceivesAgain(1);
    }
    assertThat(recorder.connection, contains("lost", "back"));
  }

  @Test
  void isBackWhileTheServerIsStillLoadingAndStaysConnected() {
    // Shorter than it loads, so the errors count; but what loads on a busy machine answers seldom.
    Duration patience = Duration.ofSeconds(3);
    try (RedisPubSub pubSub = builder().longestSilence(patience).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      servers.restartLoadingFor(Duration.ofSeconds(Matrix.size(7, 12)));
      Wire.await("healed").until(() -> recorder.gaps, hasSize(1));
      assertThat("still loading", isLoading(), is(true));
      servers.awaitLoaded();
      assertReceivesAgain(1);
    }
    assertThat(recorder.connection, contains("lost", "back"));
  }

  private boolean isLoading() {
    try (Jedis jedis = redis.open(server.address())) {
      return jedis.info("persistence").contains("loading:1");
    }
  }

  @Test
  void neitherCallersNorCloseHangWhileWritingToAStoppedServerIsStuck() throws Exception {
    assertIsQuick(this::timeToCloseWhileWritingToAStoppedServerIsStuck);
  }

  private Duration timeToCloseWhileWritingToAStoppedServerIsStuck() {
    RedisPubSub pubSub =
        builder().heartbeat(Duration.ofMinutes(1)).maxWait(Duration.ofSeconds(2)).build();
    Subscription subscription = pubSub.subscribe(channel, Integer.class, this::keep);
    server.pause();
    try {
      String longName = channel + "x".repeat(1 << 20);
      List<Future<Subscription>> waiting = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        String topic = longName + i;
        waiting.add(threads.submit(() -> pubSub.subscribe(topic, Integer.class, this::keep)));
      }
      Wire.await("the writer is stuck").until(() -> Wire.threadIsIn("writer", "implWrite"));
      Duration unsubscribed = time(subscription::close);
      for (Future<Subscription> each : waiting) {
        Exception e = assertThrows(ExecutionException.class, each::get);
        assertThat(e.getCause(), is(instanceOf(JedisConnectionException.class)));
      }
      assertThat("still stuck", Wire.threadIsIn("writer", "implWrite"), is(true));
      Duration closed = timeToClose(pubSub);
      Wire.await("no thread left").until(Wire::threads, is(empty()));
      return unsubscribed.compareTo(closed) > 0 ? unsubscribed : closed;
    } finally {
      server.resume();
    }
  }
}
