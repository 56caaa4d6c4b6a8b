package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.PooledClient;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisAskDataException;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.exceptions.JedisMovedDataException;

@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class PrivateRedisIT {

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final UnifiedJedis client;
  private final String key;

  PrivateRedisIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
    this.client = redis.over(PooledClient::over, given -> given);
    this.key = redis.unique("key");
  }

  private void awaitWritable() {
    Awaitility.await()
        .ignoreExceptionsInstanceOf(JedisException.class)
        .pollInterval(Duration.ofMillis(50))
        .atMost(Duration.ofSeconds(60))
        .until(() -> client.set(key, "value").equals("OK"));
  }

  @Test
  void aPausedServerAnswersNothingUntilItIsResumed() {
    awaitWritable();
    RedisServer server = servers.primaryOf(key);
    server.pause();
    JedisConnectionException silence =
        assertThrows(
            JedisConnectionException.class,
            () -> {
              try (Jedis jedis =
                  new Jedis(server.address().getHost(), server.address().getPort(), 300)) {
                jedis.ping();
              }
            });
    assertThat(silence.getCause(), instanceOf(SocketTimeoutException.class));
    server.resume();
    awaitWritable();
  }

  @Test
  void aServerThatRestartsEmptyHasLostEverythingAndOneThatSavedHasNot() {
    if (redis.topology() != Topology.STANDALONE) {
      return; // there, others take over
    }
    RedisServer server = servers.primaryOf(key);
    awaitWritable();
    server.restartWithData();
    awaitValue("value");
    server.restartEmpty();
    awaitValue(null);
    server.stop();
    assertThat(server.isRunning(), is(false));
    assertThrows(JedisConnectionException.class, () -> client.get(key));
    server.start();
    awaitWritable();
  }

  private void awaitValue(String value) {
    Awaitility.await()
        .ignoreExceptionsInstanceOf(JedisConnectionException.class)
        .untilAsserted(() -> assertThat(client.get(key), value == null ? nullValue() : is(value)));
  }

  @Test
  void aFailoverMakesTheReplicaThePrimary() {
    awaitWritable();
    if (redis.topology() == Topology.STANDALONE) {
      assertThrows(IllegalStateException.class, () -> servers.failOver(key));
      return;
    }
    HostAndPort before = servers.primaryOf(key).address();
    servers.failOver(key);
    assertThat(servers.primaryOf(key).address(), is(not(before)));
    awaitWritable();
  }

  @Test
  void whenThePrimaryCrashesTheReplicaTakesOver() {
    if (redis.topology() == Topology.STANDALONE) {
      return;
    }
    awaitWritable();
    RedisServer crashed = servers.primaryOf(key);
    crashed.kill();
    servers.awaitFailover(key, crashed.address());
    awaitWritable();
    crashed.start();
    Layout.awaitTrue(
        crashed,
        "follows",
        jedis ->
            jedis.info("replication").contains("role:slave")
                && jedis.info("replication").contains("master_link_status:up"));
  }

  @Test
  void aSlotMovesWhileItIsInUse() {
    awaitWritable();
    if (redis.topology() != Topology.CLUSTER) {
      assertThrows(IllegalStateException.class, () -> servers.moveSlot(key));
      return;
    }
    HostAndPort source = servers.primaryOf(key).address();
    SlotMove move = servers.beginMoveOfSlot(key);
    move.moveKeys();
    try (Jedis jedis = new Jedis(source)) {
      assertThrows(JedisAskDataException.class, () -> jedis.get(key));
      assertThat(client.get(key), is("value"));
      move.finish();
      assertThrows(JedisMovedDataException.class, () -> jedis.get(key));
    }
    assertThat(client.get(key), is("value"));
    assertThat(servers.primaryOf(key).address(), is(move.target()));
  }

  @Test
  void withoutMemoryWritesFailAndReadsDoNot() {
    awaitWritable();
    servers.exhaustMemory();
    JedisDataException refused =
        assertThrows(JedisDataException.class, () -> client.set(key, "other"));
    assertThat(refused.getMessage(), containsString("OOM"));
    assertThat(client.get(key), is("value"));
    servers.restoreMemory();
    assertThat(client.set(key, "other"), is("OK"));
  }

  @Test
  void aLoadingServerSaysSoUntilItHasItsData() {
    awaitWritable();
    if (redis.topology() != Topology.STANDALONE) {
      assertThrows(
          IllegalStateException.class, () -> servers.restartLoadingFor(Duration.ofSeconds(1)));
      return;
    }
    servers.restartLoadingFor(Duration.ofSeconds(1));
    try (Jedis jedis = redis.open(redis.address())) {
      JedisDataException loading = assertThrows(JedisDataException.class, () -> jedis.get(key));
      assertThat(loading.getMessage(), containsString("LOADING"));
    }
    servers.awaitLoaded();
    awaitValue("value");
  }

  @Test
  void aRestrictedUserIsRefusedWhatItMayNot() {
    awaitWritable();
    try (TestRedis restricted = redis.withoutCommands("set", "script|flush")) {
      UnifiedJedis user = restricted.over(PooledClient::over, given -> given);
      assertThat(user.get(key), is("value"));
      JedisDataException refused =
          assertThrows(JedisDataException.class, () -> user.set(key, "other"));
      assertThat(refused.getMessage(), containsString("NOPERM"));
    }
  }

  @Test
  void killedConnectionsAreThoseOfWhatIsTested() {
    awaitWritable();
    redis.admin().set(key, "value");
    assertThat(redis.killClients("normal"), greaterThanOrEqualTo(1));
    redis.admin().set(key, "other");
    assertThat(redis.killClients("pubsub"), is(0));
    awaitWritable();
  }

  @Test
  void flushedScriptsAreSentAgain() {
    awaitWritable();
    LuaScript script = LuaScript.of("return redis.call('INCR', KEYS[1]) -- " + key);
    String counter = redis.unique("counter");
    try (Disturbance flushing = redis.flushScriptsEvery(Duration.ofMillis(1))) {
      Awaitility.await()
          .pollInterval(Duration.ofMillis(1))
          .until(
              () -> {
                Object value = script.run(client, List.of(counter), List.of());
                return flushing.times() > 20 && value != null;
              });
    }
    assertThat(redis.calls("eval"), greaterThan(1L));
  }
}
