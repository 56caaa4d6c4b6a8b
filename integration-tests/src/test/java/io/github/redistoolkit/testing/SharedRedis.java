package io.github.redistoolkit.testing;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Jedis;

/** The servers that all suites of a run share, started when first asked for. */
final class SharedRedis {

  private static final Once<Backend> BACKEND = new Once<>(Backend::chosen);
  private static final Once<Backend> BACKEND_FOR_SERVERS =
      new Once<>(() -> backend() instanceof Backend.External ? Backend.automatic() : backend());
  private static final Map<Topology, Once<Deployment>> DEPLOYMENTS =
      Arrays.stream(Topology.values())
          .collect(
              Collectors.toMap(Function.identity(), topology -> new Once<>(() -> start(topology))));

  private SharedRedis() {}

  /** Where the servers of this run come from. */
  static Backend backend() {
    return BACKEND.get();
  }

  /** Where further servers come from, which tests may stop and change. */
  static Backend backendForServers() {
    return BACKEND_FOR_SERVERS.get();
  }

  /** The one of this topology. */
  static Deployment of(Topology topology) {
    return DEPLOYMENTS.get(topology).get();
  }

  private static Deployment start(Topology topology) {
    long start = System.nanoTime();
    Deployment deployment =
        backend() instanceof Backend.External external && topology == Topology.STANDALONE
            ? Deployment.foreign(external.url())
            : StartedRedis.start(backendForServers(), topology, List.of()).deployment();
    announce(deployment, Duration.ofNanos(System.nanoTime() - start), System.out);
    return deployment;
  }

  private static void announce(Deployment deployment, Duration took, PrintStream out) {
    Backend from = deployment.isOurs() ? backendForServers() : backend();
    try (Jedis jedis = deployment.open(deployment.nodes().get(0))) {
      Map<String, String> info =
          jedis
              .info("server")
              .lines()
              .filter(line -> line.contains(":"))
              .map(line -> line.split(":", 2))
              .collect(Collectors.toMap(pair -> pair[0], pair -> pair[1]));
      String version =
          info.containsKey("valkey_version")
              ? "Valkey " + info.get("valkey_version")
              : "Redis " + info.get("redis_version");
      out.printf(
          "Test bed: %s, %s, %s at %s after %d ms (%s)%n",
          from.description(),
          version,
          deployment.topology().toString().toLowerCase(Locale.ROOT),
          deployment.nodes().get(0),
          took.toMillis(),
          from.reason());
    }
  }

  /** A value made once; if that fails, everyone is told the same, and nothing is tried again. */
  private static final class Once<T> {

    private final Supplier<T> make;
    private @Nullable T value;
    private @Nullable RuntimeException failure;

    Once(Supplier<T> make) {
      this.make = make;
    }

    synchronized T get() {
      if (failure != null) {
        throw new IllegalStateException(failure.getMessage(), failure);
      }
      if (value == null) {
        try {
          value = make.get();
        } catch (RuntimeException e) {
          failure = e;
          throw e;
        }
      }
      return value;
    }
  }
}
