package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.ClientSetInfoConfig;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.Connection;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.JedisPoolConfig;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.executors.RetryableCommandExecutor;
import redis.clients.jedis.providers.ConnectionProvider;
import redis.clients.jedis.providers.PooledConnectionProvider;
import redis.clients.jedis.util.Pool;

class RedisAccessTest {

  private static final HostAndPort NOWHERE = new HostAndPort("127.0.0.1", 1);

  @Test
  void aBrokenConnectionIsReportedAsSuchThoughThePoolCannotReplaceIt() throws IOException {
    ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    try (Pool<Jedis> pool = poolWithoutHandshake(server.getLocalPort())) {
      pool.getResource().close();
      // Connects are refused from here on, and the one that was made is over.
      server.accept().close();
      server.close();
      RedisAccess redis = RedisAccess.of(pool);
      JedisConnectionException e =
          assertThrows(
              JedisConnectionException.class, () -> redis.execute(redis.commands().ping()));
      assertThat(e.getMessage().startsWith("Failed to connect"), is(false));
      assertThat(pool.getNumActive(), is(0));
    }
  }

  @Test
  void anUnknownClientIsRefusedWithThoseThatAreKnown() {
    PooledConnectionProvider provider = new PooledConnectionProvider(NOWHERE);
    try (UnifiedJedis unknown = new OfAnotherKind(provider)) {
      IllegalArgumentException refusal =
          assertThrows(IllegalArgumentException.class, () -> RedisAccess.of(unknown));
      assertThat(
          refusal.getMessage(),
          allOf(
              containsString("RedisClient, RedisSentinelClient or RedisClusterClient"),
              containsString("JedisPooled, JedisSentineled or JedisCluster"),
              containsString(OfAnotherKind.class.getName())));
    }
  }

  @Test
  void aClientWithAConnectionProviderOfItsOwnIsRefused() {
    try (RedisClient client = RedisClient.builder().connectionProvider(new OwnProvider()).build()) {
      IllegalArgumentException refusal =
          assertThrows(IllegalArgumentException.class, () -> RedisAccess.of(client));
      assertThat(refusal.getMessage(), containsString(OwnProvider.class.getName()));
    }
  }

  @Test
  void onlyAClientWithAnotherExecutorSendsAgainByItself() {
    try (RedisClient plain = RedisClient.create(NOWHERE)) {
      assertThat(RedisAccess.of(plain).resends(), is(false));
    }
    PooledConnectionProvider provider = new PooledConnectionProvider(NOWHERE);
    try (RedisClient retrying =
        RedisClient.builder()
            .connectionProvider(provider)
            .commandExecutor(
                new RetryableCommandExecutor(provider, 3, java.time.Duration.ofSeconds(1)))
            .build()) {
      assertThat(RedisAccess.of(retrying).resends(), is(true));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"6.0.0", "5.1.2", "1.0"})
  void anOldJedisIsRefusedByName(String version) {
    IllegalStateException refusal =
        assertThrows(IllegalStateException.class, () -> JedisInternals.requireSupported(version));
    assertThat(
        refusal.getMessage(), allOf(containsString(version), containsString("7.0.0 or later")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"7.0.0", "8.0.2", "10.0.0", "unknown"})
  void aNewerJedisIsTaken(String version) {
    JedisInternals.requireSupported(version);
  }

  @SuppressWarnings("deprecation") // what most code holds
  private static Pool<Jedis> poolWithoutHandshake(int port) {
    return new JedisPool(
        new JedisPoolConfig(),
        new HostAndPort("127.0.0.1", port),
        DefaultJedisClientConfig.builder()
            .clientSetInfoConfig(ClientSetInfoConfig.DISABLED)
            .build());
  }

  private static final class OfAnotherKind extends UnifiedJedis {
    OfAnotherKind(ConnectionProvider provider) {
      super(provider, RedisProtocol.RESP2);
    }
  }

  private static final class OwnProvider implements ConnectionProvider {
    @Override
    public Connection getConnection() {
      throw new JedisConnectionException("none");
    }

    @Override
    public Connection getConnection(CommandArguments args) {
      throw new JedisConnectionException("none");
    }

    @Override
    public void close() {}
  }
}
