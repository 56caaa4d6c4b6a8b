package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.CoreAccess;
import io.github.redistoolkit.core.LuaScript;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;

@Tag("bed")
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class PrivateRedisIT {

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final UnifiedJedis client;
  private final String key;

  PrivateRedisIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
    this.client = redis.client();
    this.key = redis.unique("key");
  }

  @Test
  void aPausedServerAnswersNothingUntilItIsResumed() {
    servers.awaitWritable(key);
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
    servers.awaitWritable(key);
  }

  @Test
  void withoutMemoryWritesFailAndReadsDoNot() {
    servers.awaitWritable(key);
    servers.exhaustMemory();
    JedisDataException refused =
        assertThrows(JedisDataException.class, () -> client.set(key, "other"));
    assertThat(refused.getMessage(), containsString("OOM"));
    assertThat(client.get(key), is("value"));
    servers.restoreMemory();
    assertThat(client.set(key, "other"), is("OK"));
  }

  @Test
  void aRestrictedUserIsRefusedWhatItMayNot() {
    servers.awaitWritable(key);
    try (TestRedis restricted = redis.withoutCommands("set", "script|flush")) {
      UnifiedJedis user = restricted.client();
      assertThat(user.get(key), is("value"));
      assertNoPermission(() -> user.set(key, "other"));
    }
  }

  @Test
  void aUserOfSomeKeysIsRefusedOthersAndLaterTheseToo() {
    servers.awaitWritable(key);
    try (TestRedis restricted = redis.withKeys(key + "*")) {
      UnifiedJedis user = restricted.client();
      assertThat(user.get(key), is("value"));
      assertNoPermission(() -> user.get(redis.unique("other")));
      restricted.forbid("@all");
      assertNoPermission(() -> user.get(key));
    }
  }

  private static void assertNoPermission(Executable call) {
    JedisDataException refused = assertThrows(JedisDataException.class, call);
    assertThat(refused.getMessage(), containsString("NOPERM"));
  }

  @Test
  void killedConnectionsAreThoseOfWhatIsTested() {
    servers.awaitWritable(key);
    redis.admin().set(key, "value");
    assertThat(redis.killClients("normal"), greaterThanOrEqualTo(1));
    redis.admin().set(key, "other");
    assertThat(redis.killClients("pubsub"), is(0));
    servers.awaitWritable(key);
  }

  @Test
  void flushedScriptsAreSentAgain() {
    servers.awaitWritable(key);
    LuaScript script = LuaScript.of("return redis.call('INCR', KEYS[1]) -- " + key);
    String counter = redis.unique("counter");
    try (Disturbance flushing = redis.flushScriptsEvery(Duration.ofMillis(1))) {
      Awaitility.await()
          .pollInterval(Duration.ofMillis(1))
          .until(
              () -> {
                Object value = script.run(CoreAccess.of(redis), List.of(counter), List.of());
                return value != null && flushing.times() > 20 && redis.calls("eval") > 1;
              });
    }
  }
}
