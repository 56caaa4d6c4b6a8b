package io.github.redistoolkit.testing;

import java.net.URI;
import redis.clients.jedis.HostAndPort;

/** The servers of this run, started when first asked for and stopped when the JVM ends. */
final class RedisServers {

  private RedisServers() {}

  /** The one standalone server that all suites share. */
  static RedisServer standalone() {
    return Standalone.SERVER;
  }

  private static final class Standalone {
    private static final RedisServer SERVER = start();

    private static RedisServer start() {
      String backend = System.getProperty("redis.backend", "auto");
      return switch (backend) {
        case "auto", "embedded" -> EmbeddedServer.start();
        case "external" -> new ExternalServer(URI.create(System.getProperty("redis.url")));
        default -> throw new IllegalArgumentException("redis.backend " + backend);
      };
    }
  }

  private record ExternalServer(URI url) implements RedisServer {

    @Override
    public HostAndPort address() {
      return new HostAndPort(url.getHost(), url.getPort());
    }

    @Override
    public void close() {}
  }
}
