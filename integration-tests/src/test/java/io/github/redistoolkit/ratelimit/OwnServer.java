package io.github.redistoolkit.ratelimit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.embedded.RedisExecProvider;

/** A redis-server of one suite's own, which it may bring into any state. */
final class OwnServer implements AutoCloseable {

  private static final JedisClientConfig PATIENT =
      DefaultJedisClientConfig.builder()
          .timeoutMillis(20_000)
          .protocol(RedisProtocol.RESP2)
          .build();

  private final HostAndPort address;
  private final Process process;
  private final Path directory;

  private OwnServer(HostAndPort address, Process process, Path directory) {
    this.address = address;
    this.process = process;
    this.directory = directory;
  }

  static OwnServer start(String... settings) {
    try {
      int port = freePort();
      Path directory = Files.createTempDirectory("redis-" + port + "-");
      List<String> command = new ArrayList<>();
      command.add(RedisExecProvider.defaultProvider().get().getPath());
      command.addAll(List.of("--port", String.valueOf(port), "--bind", "127.0.0.1", "--save", ""));
      command.addAll(List.of(settings));
      Process process =
          new ProcessBuilder(command)
              .directory(directory.toFile())
              .redirectErrorStream(true)
              .redirectOutput(directory.resolve("log").toFile())
              .start();
      Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
      OwnServer server = new OwnServer(new HostAndPort("127.0.0.1", port), process, directory);
      Awaitility.await("redis-server on " + port)
          .pollInterval(Duration.ofMillis(10))
          .ignoreExceptionsInstanceOf(JedisConnectionException.class)
          .until(server::answers);
      return server;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  HostAndPort address() {
    return address;
  }

  Jedis admin() {
    return new Jedis(address, PATIENT);
  }

  private boolean answers() {
    try (Jedis jedis = admin()) {
      return jedis.ping().equals("PONG");
    }
  }

  @Override
  public void close() {
    process.destroyForcibly().onExit().orTimeout(10, TimeUnit.SECONDS).join();
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }
}
