package io.github.redistoolkit.testing;

import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.util.JedisURIHelper;

/** Where the servers of this run come from; {@code -Dredis.backend} names it. */
sealed interface Backend {

  /** What is in use, for the line at the start of the run. */
  String description();

  /** Why it is in use. */
  String reason();

  /** A new place for servers on these ports. */
  ServerHost host(List<Integer> ports);

  /** The one that the system properties ask for. */
  static Backend chosen() {
    String name = property("redis.backend", "auto");
    String named = "named by redis.backend";
    return switch (name) {
      case "auto" -> automatic();
      case "container" -> Containers.named(image(), named);
      case "embedded" -> Embedded.chosen(named);
      case "external" -> External.at(property("redis.url", ""), named);
      default ->
          throw new IllegalArgumentException(
              "redis.backend must be auto, container, embedded or external, but is " + name);
    };
  }

  /** The one that this machine and the class path allow. */
  static Backend automatic() {
    String image = image();
    DockerAnswer answer = docker(image);
    return answer.usable()
        ? new Containers(image, "automatic, because " + answer.reason())
        : Embedded.chosen("automatic, because " + answer.reason());
  }

  /** Asks for Docker if there is something to ask with. */
  private static DockerAnswer docker(String image) {
    return isOnClassPath("org.testcontainers.DockerClientFactory")
        ? DockerProbe.ask(image)
        : new DockerAnswer(
            false,
            "Testcontainers is not on the class path (org.testcontainers:testcontainers, version 2"
                + " or later)");
  }

  /** Whether a class of an optional dependency is there. */
  private static boolean isOnClassPath(String type) {
    try {
      Class.forName(type, false, Backend.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  /**
   * Whether containers can be had.
   *
   * @param usable whether they can
   * @param reason why, or why not
   */
  record DockerAnswer(boolean usable, String reason) {}

  private static String image() {
    return property("redis.image", "redis:7-alpine");
  }

  private static String property(String name, String ifAbsent) {
    String value = System.getProperty(name, "");
    return value.isBlank() ? ifAbsent : value;
  }

  /** Containers of one image, started by Testcontainers. */
  record Containers(String image, String reason) implements Backend {

    static Containers named(String image, String reason) {
      DockerAnswer answer = docker(image);
      if (!answer.usable()) {
        throw new IllegalStateException(
            "redis.backend=container, but "
                + answer.reason()
                + ": install and start Docker, pull the image or name another with -Dredis.image,"
                + " and have Testcontainers on the class path; or use -Dredis.backend=embedded,"
                + " which needs none of it");
      }
      return new Containers(image, reason);
    }

    @Override
    public String description() {
      return "container of " + image;
    }

    @Override
    public ServerHost host(List<Integer> ports) {
      return new ContainerHost(image, ports);
    }
  }

  /**
   * A redis-server run on this machine: the one that org.signal:embedded-redis carries, or, with
   * {@code -Dredis.server=path}, a newer one on the PATH.
   */
  record Embedded(String executable, String description, String reason) implements Backend {

    private static final String WITHOUT_EMBEDDED =
        "install and start Docker for -Dredis.backend=container, with"
            + " org.testcontainers:testcontainers on the class path; or put a redis-server on the"
            + " PATH and use -Dredis.backend=embedded -Dredis.server=path; or run a Redis and use"
            + " -Dredis.backend=external -Dredis.url=redis://host:port";

    static Embedded chosen(String reason) {
      return chosen(property("redis.server", "embedded"), System.getenv("PATH"), reason);
    }

    /**
     * The one that is asked for.
     *
     * @param server the value of {@code redis.server}
     * @param path the folders where programs are looked for; null for none
     * @param reason why a server of this machine is asked for at all
     */
    static Embedded chosen(String server, @Nullable String path, String reason) {
      return switch (server) {
        case "embedded" -> unpack(reason);
        case "path" -> newer(ServerProgram.in(path == null ? "" : path), reason);
        default ->
            throw new IllegalArgumentException(
                "redis.server must be embedded or path, but is " + server);
      };
    }

    private static Embedded newer(Optional<ServerProgram> found, String reason) {
      ServerProgram program =
          found.orElseThrow(
              () ->
                  new IllegalStateException(
                      "redis.server=path, but there is neither a redis-server nor a valkey-server"
                          + " on the PATH: install one, or leave redis.server out"));
      if (!isEmbeddedOnClassPath()) {
        return onPath(program, reason + "; the embedded one is not on the class path");
      }
      Embedded embedded = unpack(reason);
      ServerProgram other = ServerProgram.at(embedded.executable());
      return program.isNewerThan(other)
          ? onPath(program, reason + "; newer than the embedded " + other.version())
          : new Embedded(
              other.path(),
              embedded.description(),
              reason + "; " + program + " is not newer than the embedded one");
    }

    private static Embedded onPath(ServerProgram program, String reason) {
      return new Embedded(program.path(), program.path(), reason);
    }

    private static boolean isEmbeddedOnClassPath() {
      return isOnClassPath("redis.embedded.RedisExecProvider");
    }

    private static Embedded unpack(String reason) {
      if (!isEmbeddedOnClassPath()) {
        throw new IllegalStateException(
            "the embedded redis-server is not on the class path (org.signal:embedded-redis): add it"
                + " to the dependencies of the tests; or "
                + WITHOUT_EMBEDDED
                + " ("
                + reason
                + ")");
      }
      try {
        return new Embedded(EmbeddedProgram.unpack(), "embedded redis-server", reason);
      } catch (IOException | RuntimeException e) {
        throw new IllegalStateException(
            "there is no embedded redis-server for this system ("
                + System.getProperty("os.name")
                + ", "
                + System.getProperty("os.arch")
                + "): "
                + WITHOUT_EMBEDDED
                + " ("
                + reason
                + ")",
            e);
      }
    }

    @Override
    public ServerHost host(List<Integer> ports) {
      return new LocalHost(executable);
    }
  }

  /** One server that is someone else's: never emptied, stopped or configured. */
  record External(URI url, String reason) implements Backend {

    static External at(String url, String reason) {
      URI uri = url.isEmpty() ? null : URI.create(url);
      if (uri == null || !JedisURIHelper.isValid(uri)) {
        throw new IllegalArgumentException(
            "redis.backend=external needs the server's address:"
                + " -Dredis.url=redis://[user:password@]host:port[/database]");
      }
      return new External(uri, reason);
    }

    HostAndPort address() {
      return JedisURIHelper.getHostAndPort(url);
    }

    @Override
    public String description() {
      return "external server";
    }

    @Override
    public ServerHost host(List<Integer> ports) {
      throw new IllegalStateException(
          "no server can be started with redis.backend=external; use auto, container or embedded");
    }

    @Override
    public String toString() {
      return "external " + address(); // the URL may hold a password
    }
  }
}
