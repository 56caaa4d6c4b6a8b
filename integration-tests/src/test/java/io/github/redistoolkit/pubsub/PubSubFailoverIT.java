package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisSentinelPool;
import redis.clients.jedis.RedisSentinelClient;
import redis.clients.jedis.commands.ProtocolCommand;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisException;

/** Servers that change their roles or die. */
@EachClient(topologies = {Topology.SENTINEL, Topology.CLUSTER})
class PubSubFailoverIT extends PubSubSuite {

  private static final Duration HEARTBEAT = Duration.ofMillis(500);

  /** A silence that is longer than those of a busy machine. */
  private static final Duration NOT_THE_TOPIC = Duration.ofSeconds(5);

  private static final ProtocolCommand SENTINEL = () -> "SENTINEL".getBytes(UTF_8);
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final PrivateRedis servers;

  PubSubFailoverIT(TestRedis shared) {
    super(shared.privateServers());
    this.servers = shared.privateServers();
  }

  @Override
  RedisPubSub.Builder builder() {
    return super.builder().heartbeat(HEARTBEAT);
  }

  /** Whether the subscription is on this very server: Redis counts them one server at a time. */
  private boolean isSubscribedAt(RedisServer server) {
    try (Jedis jedis = redis.open(server.address())) {
      return jedis.pubsubNumSub(channel).get(channel) == 1;
    }
  }

  private RedisServer subscribedAt() {
    return Wire.await("subscribed somewhere")
        .until(
            () -> servers.servers().stream().filter(this::isSubscribedAt).findFirst(),
            Optional::isPresent)
        .orElseThrow();
  }

  private void awaitOnNewPrimary(RedisServer old) {
    Wire.await("on the new primary")
        .atMost(PATIENCE)
        .until(() -> isSubscribedAt(servers.primaryOf(channel)));
    Wire.await("the old one has heard of it").atMost(PATIENCE).until(() -> follows(old));
  }

  private boolean follows(RedisServer server) {
    try (Jedis jedis = redis.open(server.address())) {
      return jedis.info("replication").contains("role:slave");
    } catch (JedisConnectionException e) {
      return false; // a sentinel that demotes a server also has it drop all its clients
    }
  }

  /** The servers need some time until what one was told is known to all. */
  private void assertReceivesInTheEnd(int body, RedisServer publishing) {
    Wire.await("received again")
        .atMost(PATIENCE)
        .until(
            () -> {
              try (Jedis jedis = redis.open(publishing.address())) {
                jedis.publish(channel, String.valueOf(body));
              }
              return kept.contains(body);
            });
  }

  @Test
  void goesOnAfterAFailoverAndThroughSentinelOnTheNewPrimary() throws Exception {
    try (RedisPubSub pubSub = builder().longestSilence(NOT_THE_TOPIC).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      if (redis.topology() == Topology.SENTINEL) {
        failOverWhileTheOldPrimaryGoesOn();
        Wire.await("reported").until(() -> recorder.connection, is(Recorder.pairs(1)));
      } else {
        servers.failOver(channel);
      }
      assertReceivesInTheEnd(1, servers.primaryOf(channel));
      Wire.await("connected").until(pubSub::isConnected);
    }
    assertThat(recorder.failures, is(empty()));
  }

  /** The old primary goes on answering, but would get no message that a client publishes. */
  private void failOverWhileTheOldPrimaryGoesOn() throws Exception {
    RedisServer old = servers.primaryOf(channel);
    demoteAfter(Duration.ofSeconds(20));
    Future<?> failover = threads.submit(() -> servers.failOver(channel));
    Wire.await("the client knows of it")
        .atMost(PATIENCE)
        .until(() -> !primaryOfClient().equals(old.address()));
    Wire.await("left").until(() -> recorder.causes, hasSize(1));
    assertThat("it was demoted too early", follows(old), is(false));
    assertThat(
        recorder.causes.get(0).getMessage(),
        is("Connected to " + old + ", which the client no longer uses"));
    failover.get();
    demoteAfter(Duration.ofMillis(800));
    awaitOnNewPrimary(old);
  }

  /**
   * Sets how long sentinels wait before they tell a server that is no longer the primary, and have
   * it drop its clients: four times the period in which they publish.
   */
  private void demoteAfter(Duration time) {
    String millis = String.valueOf(time.dividedBy(4).toMillis());
    for (RedisServer sentinel : servers.sentinels()) {
      try (Jedis jedis = redis.open(sentinel.address())) {
        jedis.sendCommand(SENTINEL, "DEBUG", "PUBLISH-PERIOD", millis);
      }
    }
  }

  @SuppressWarnings("deprecation") // JedisSentinelPool is what most code holds
  private HostAndPort primaryOfClient() {
    return redis.over(
        pool -> ((JedisSentinelPool) pool).getCurrentHostMaster(),
        client -> ((RedisSentinelClient) client).getCurrentMaster());
  }

  @Test
  void comesBackElsewhereWhenItsServerDies() {
    try (RedisPubSub pubSub = builder().longestSilence(NOT_THE_TOPIC).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      RedisServer server = subscribedAt();
      HostAndPort before = servers.primaryOf(channel).address();
      server.kill();
      Wire.await("noticed").until(() -> recorder.causes.size() == 1);
      if (before.equals(server.address())) {
        servers.awaitFailover(channel, before);
      }
      Wire.await("healed").atMost(PATIENCE).until(() -> recorder.gaps.size() == 1);
      assertReceivesInTheEnd(1, servers.primaryOf(channel));
    }
    assertThat(recorder.connection, contains("lost", "back"));
    assertThat(recorder.failures, is(empty()));
  }

  @Test
  void comesBackElsewhereWhenItsServerHangsAndStaysThere() {
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      AtomicReference<RedisServer> hanging = new AtomicReference<>();
      int losses =
          silenceUntilNoticed(
              () -> {
                hanging.set(subscribedAt());
                hanging.get().pause();
              });
      Wire.await("healed").atMost(PATIENCE).until(() -> recorder.gaps.size() >= losses);
      RedisServer server = hanging.get();
      server.resume();
      if (redis.topology() == Topology.SENTINEL) {
        awaitOnNewPrimary(server);
      }
      Wire.await("nothing is left behind there").until(() -> !isSubscribedAt(server));
      assertReceivesInTheEnd(1, servers.primaryOf(channel));
      assertEveryLossIsPairedWithAReturn();
    }
    assertThat(recorder.failures, is(empty()));
  }

  @Test
  void hearsOfKeysAtThePrimaryThatReplacesAnother() {
    servers.configure("notify-keyspace-events", "KEA");
    Set<String> set = ConcurrentHashMap.newKeySet();
    try (RedisPubSub pubSub = builder().longestSilence(NOT_THE_TOPIC).build()) {
      Subscription subscription =
          pubSub.subscribeKeyEvents(List.of("set"), message -> set.add(message.body().key()));
      servers.failOver(channel);
      Wire.await("heard of a key there")
          .atMost(PATIENCE)
          .ignoreExceptionsInstanceOf(JedisException.class)
          .until(
              () -> {
                redis.admin().set(channel, "v");
                return set.contains(channel);
              });
      Wire.await("reported").until(() -> recorder.reconnected.contains(subscription));
    }
  }
}
