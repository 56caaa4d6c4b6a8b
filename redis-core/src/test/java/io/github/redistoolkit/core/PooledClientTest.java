package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.ClientSetInfoConfig;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.JedisPoolConfig;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.util.Pool;

class PooledClientTest {

  @Test
  void aBrokenConnectionIsReportedAsSuchThoughThePoolCannotReplaceIt() throws IOException {
    ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    try (Pool<Jedis> pool = poolWithoutHandshake(server.getLocalPort())) {
      pool.getResource().close();
      // Connects are refused from here on, and the one that was made is over.
      server.accept().close();
      server.close();
      JedisConnectionException e =
          assertThrows(JedisConnectionException.class, () -> PooledClient.over(pool).ping());
      assertThat(e.getMessage().startsWith("Failed to connect"), is(false));
      assertThat(pool.getNumActive(), is(0));
    }
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
}
