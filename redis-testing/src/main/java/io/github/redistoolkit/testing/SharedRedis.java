package io.github.redistoolkit.testing;

import static java.util.Objects.requireNonNull;

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

  private static final Once<Backend> NAMED = new Once<>(Backend::chosen);
  private static final Once<Backend> OURS =
      new Once<>(() -> NAMED.get() instanceof Backend.External ? Backend.automatic() : NAMED.get());
  private static final Once<Deployment> EXTERNAL = new Once<>(SharedRedis::external);
  private static final Map<Topology, Once<Deployment>> STARTED =
      Arrays.stream(Topology.values())
          .collect(
              Collectors.toMap(Function.identity(), topology -> new Once<>(() -> start(topology))));

  private SharedRedis() {}

  /** Where servers come from that the bed starts. */
  static Backend backend() {
    return OURS.get();
  }

  /** The one of this topology that the bed has started. */
  static Deployment started(Topology topology) {
    return requireNonNull(STARTED.get(topology)).get();
  }

  /** The one of this topology; the external server if the run names one. */
  static Deployment of(Topology topology) {
    return topology == Topology.STANDALONE && NAMED.get() instanceof Backend.External
        ? EXTERNAL.get()
        : started(topology);
  }

  private static Deployment start(Topology topology) {
    long start = System.nanoTime();
    Deployment deployment = StartedRedis.start(backend(), topology, List.of()).deployment();
    announce(backend(), deployment, Duration.ofNanos(System.nanoTime() - start), System.out);
    return deployment;
  }

  private static Deployment external() {
    Backend.External external = (Backend.External) NAMED.get();
    Deployment deployment = Deployment.foreign(external.url());
    announce(external, deployment, Duration.ZERO, System.out);
    return deployment;
  }

  private static void announce(
      Backend backend, Deployment deployment, Duration took, PrintStream out) {
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
          backend.description(),
          version,
          deployment.topology().toString().toLowerCase(Locale.ROOT),
          deployment.nodes().get(0),
          took.toMillis(),
          backend.reason());
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
