package io.github.redistoolkit.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.jar.JarFile;
import org.awaitility.Awaitility;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisException;

/** A Redis 6.2, which is too old for the toolkit; from an artifact that Maven puts beside it. */
public final class OldServer implements AutoCloseable {

  private static final Path ARTIFACT = Path.of("target/old-server/embedded-redis-1.0.0.jar");

  private final Path program;
  private final LocalHost host;
  private final HostAndPort address;

  private OldServer(Path program) {
    this.program = program;
    this.host = new LocalHost(program.toString());
    this.address = new HostAndPort("127.0.0.1", LoopbackPorts.free(1).get(0));
  }

  /** Starts one, and waits until it answers. */
  public static OldServer start() {
    OldServer server = new OldServer(program());
    server.launch();
    return server;
  }

  private void launch() {
    String file = "old.conf";
    String configuration = "bind 127.0.0.1\nport " + address.getPort() + "\nsave \"\"\n";
    ServerHost.Running unused =
        host.launch(
            file, configuration, List.of(program.toString(), host.directory() + "/" + file));
    Awaitility.await("the old server answers")
        .atMost(Duration.ofSeconds(30))
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(
            () -> {
              try (Jedis jedis = new Jedis(address)) {
                return jedis.info("server").contains("redis_version:6.2.");
              }
            });
  }

  /** Unpacks the one for this machine. */
  private static Path program() {
    String system =
        System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("mac") ? "darwin" : "linux";
    String machine = System.getProperty("os.arch").equals("aarch64") ? "arm64" : "amd64";
    try (JarFile jar = new JarFile(ARTIFACT.toFile())) {
      String name =
          jar.stream()
              .map(entry -> entry.getName())
              .filter(each -> each.startsWith("redis-server-6.2"))
              .filter(each -> each.endsWith(system + "-" + machine))
              .findFirst()
              .orElseThrow();
      Path program = Files.createTempFile("redis-server-6.2-", "");
      try (InputStream in = jar.getInputStream(jar.getEntry(name))) {
        Files.write(program, in.readAllBytes());
      }
      if (!program.toFile().setExecutable(true)) {
        throw new IllegalStateException(program + " cannot be made executable");
      }
      return program;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Where it listens. */
  public HostAndPort address() {
    return address;
  }

  @Override
  public void close() {
    host.close();
    try {
      Files.deleteIfExists(program);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
