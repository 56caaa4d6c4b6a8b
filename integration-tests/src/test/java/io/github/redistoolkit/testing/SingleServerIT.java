package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;

@Tag("bed")
@EachClient
class SingleServerIT {

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final UnifiedJedis client;
  private final String key;

  SingleServerIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
    this.client = redis.client();
    this.key = redis.unique("key");
  }

  @Test
  void aServerThatRestartsEmptyHasLostEverythingAndOneThatSavedHasNot() {
    RedisServer server = servers.primaryOf(key);
    servers.awaitWritable(key);
    server.restartWithData();
    awaitValue("value");
    server.restartEmpty();
    awaitValue(null);
    server.stop();
    assertThat(server.isRunning(), is(false));
    assertThrows(JedisConnectionException.class, () -> client.get(key));
    server.start();
    servers.awaitWritable(key);
  }

  private void awaitValue(String value) {
    Awaitility.await()
        .ignoreExceptionsInstanceOf(JedisConnectionException.class)
        .untilAsserted(() -> assertThat(client.get(key), value == null ? nullValue() : is(value)));
  }

  @Test
  void aLoadingServerSaysSoUntilItHasItsData() {
    servers.awaitWritable(key);
    servers.restartLoadingFor(Duration.ofSeconds(10));
    try (Jedis jedis = redis.open(redis.address())) {
      JedisDataException loading = assertThrows(JedisDataException.class, () -> jedis.get(key));
      assertThat(loading.getMessage(), containsString("LOADING"));
    }
    servers.awaitLoaded();
    awaitValue("value");
  }

  @Test
  void itHasNoReplicaAndNoSlots() {
    assertThrows(IllegalStateException.class, () -> servers.failOver(key));
    assertThrows(IllegalStateException.class, () -> servers.moveSlot(key));
  }
}
