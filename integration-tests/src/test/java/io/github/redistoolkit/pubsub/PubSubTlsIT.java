package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** Connections that are encrypted, and let in for the key that the pool or client has. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class PubSubTlsIT extends PubSubSuite {

  private static final Duration HEARTBEAT = Duration.ofMillis(400);

  private final FaultProxy proxy;
  private final TlsFront tls;
  private final TestRedis encrypted;

  @SuppressWarnings("deprecation") // ssl(…), by which most code has asked for TLS so far
  PubSubTlsIT(TestRedis redis) throws Exception {
    super(redis);
    this.proxy = redis.proxy();
    this.tls = new TlsFront(redis.nodes().stream().map(proxy::address).toList());
    this.encrypted =
        redis.with(
            config ->
                config.ssl(true).sslSocketFactory(tls.forClients()).hostAndPortMapper(this::front));
  }

  private HostAndPort front(HostAndPort server) {
    return tls.address(proxy.address(server));
  }

  @AfterEach
  void endFaults() throws Exception {
    encrypted.close();
    tls.close();
    proxy.close();
  }

  @Test
  void connectsAndReconnectsWithTheTlsOfThePoolOrClient() {
    assertNobodyElseGetsThrough();
    try (RedisPubSub pubSub = builder(encrypted).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      pubSub.publish(channel, 1);
      Wire.await("received").until(() -> kept.contains(1));
      assertThat(encrypted.killClients("pubsub"), is(1));
      Wire.await("back").until(() -> recorder.gaps, hasSize(1));
      assertReceivesAgain(2);
    }
    assertThat(recorder.connection, contains("lost", "back"));
  }

  /** So whoever does is encrypted, and has that key. */
  private void assertNobodyElseGetsThrough() {
    try (Jedis plain = new Jedis(front(redis.address()))) {
      assertThrows(JedisConnectionException.class, plain::ping);
    }
    assertThat(proxy.requests("ping"), is(0L));
  }

  @Test
  void noticesASilentPeerAndHeals() {
    try (RedisPubSub pubSub = builder(encrypted).heartbeat(HEARTBEAT).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      int losses = silenceUntilNoticed(proxy::blackHole);
      assertThat("reported once", recorder.causes, hasSize(losses));
      proxy.heal();
      awaitHealed();
      assertReceivesAgain(1);
      assertEveryLossIsPairedWithAReturn();
    }
  }

  @Test
  void closesWithinASecondWhileWritingIsStuck() throws Exception {
    assertIsQuick(this::timeToCloseWhileWritingIsStuck);
  }

  private Duration timeToCloseWhileWritingIsStuck() {
    proxy.heal();
    Wire.await("no thread left").until(Wire::threads, is(empty()));
    Duration never = Duration.ofMinutes(1);
    RedisPubSub pubSub = builder(encrypted).heartbeat(never).maxWait(never).build();
    pubSub.subscribe(channel, Integer.class, this::keep);
    proxy.blackHole();
    List<Future<Subscription>> waiting = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      String topic = channel + i + "x".repeat(1 << 20);
      waiting.add(threads.submit(() -> pubSub.subscribe(topic, Integer.class, this::keep)));
    }
    Wire.await("the writer is stuck").until(() -> Wire.threadIsIn("writer", "implWrite"));
    Duration took = timeToClose(pubSub);
    for (Future<Subscription> each : waiting) {
      Exception e = assertThrows(ExecutionException.class, each::get);
      assertThat(e.getCause().getMessage(), startsWith("This RedisPubSub"));
    }
    return took;
  }
}
