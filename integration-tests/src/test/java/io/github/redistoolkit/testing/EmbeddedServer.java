package io.github.redistoolkit.testing;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.embedded.RedisExecProvider;

/** A real redis-server as a process of this machine, on a free loopback port. */
final class EmbeddedServer implements RedisServer {

  private static final File EXECUTABLE = executable();

  private final HostAndPort address;
  private final Process process;

  private EmbeddedServer(HostAndPort address, Process process) {
    this.address = address;
    this.process = process;
  }

  static EmbeddedServer start() {
    int port = freePort();
    try {
      Path directory = Files.createTempDirectory("redis-" + port + "-");
      Process process =
          new ProcessBuilder(
                  List.of(
                      EXECUTABLE.getPath(),
                      "--port",
                      String.valueOf(port),
                      "--bind",
                      "127.0.0.1",
                      "--save",
                      "",
                      "--enable-debug-command",
                      "local",
                      "--dir",
                      directory.toString()))
              .redirectErrorStream(true)
              .redirectOutput(directory.resolve("log").toFile())
              .start();
      Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
      EmbeddedServer server = new EmbeddedServer(new HostAndPort("127.0.0.1", port), process);
      server.awaitReady(directory.resolve("log"));
      return server;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot start " + EXECUTABLE, e);
    }
  }

  @Override
  public HostAndPort address() {
    return address;
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(5, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }

  private void awaitReady(Path log) {
    Awaitility.await("redis-server is ready, see " + log)
        .pollInterval(Duration.ofMillis(10))
        .atMost(Duration.ofSeconds(10))
        .until(
            () -> {
              if (!process.isAlive()) {
                throw new IllegalStateException("redis-server ended: " + Files.readString(log));
              }
              try (Jedis jedis = new Jedis(address)) {
                return jedis.ping().equals("PONG");
              } catch (JedisConnectionException e) {
                return false;
              }
            });
  }

  private static File executable() {
    try {
      return RedisExecProvider.defaultProvider().get();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot unpack redis-server", e);
    }
  }

  private static int freePort() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
