package io.github.redistoolkit.spring;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.springframework.boot.data.redis.autoconfigure.DataRedisConnectionDetails;
import org.springframework.boot.data.redis.autoconfigure.DataRedisProperties;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.Pool;

class DetailsClientsTest {

  private static final int TLS_HANDSHAKE = 0x16;
  private static final int RESP_ARRAY = '*';

  @Test
  void aUrlThatAsksForTlsGetsIt() throws Exception {
    assertThat(firstByteOf("rediss://:secret@127.0.0.1:%d"), is(TLS_HANDSHAKE));
  }

  @Test
  void aUrlThatDoesNotGetsNone() throws Exception {
    assertThat(firstByteOf("redis://:secret@127.0.0.1:%d"), is(RESP_ARRAY));
  }

  @Test
  void theUrlOfAnotherServerSaysNothing() throws Exception {
    assertThat(firstByteOf("rediss://:secret@elsewhere.example:%d"), is(RESP_ARRAY));
  }

  /** What is sent first, to a server that closes the connection then. */
  private static int firstByteOf(String url) throws Exception {
    try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      CompletableFuture<Integer> first = CompletableFuture.supplyAsync(() -> firstByteTo(server));
      DataRedisProperties properties = new DataRedisProperties();
      properties.setUrl(String.format(url, server.getLocalPort()));
      try (Pool<Jedis> pool =
          new DetailsClients(detailsOf(server.getLocalPort()), properties).pool()) {
        assertThrows(JedisException.class, pool::getResource);
      }
      return first.get(10, TimeUnit.SECONDS);
    }
  }

  private static int firstByteTo(ServerSocket server) {
    try (Socket socket = server.accept()) {
      return socket.getInputStream().read();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static DataRedisConnectionDetails detailsOf(int port) {
    return new DataRedisConnectionDetails() {
      @Override
      public @Nullable String getPassword() {
        return "secret";
      }

      @Override
      public Standalone getStandalone() {
        return Standalone.of("127.0.0.1", port);
      }
    };
  }
}
