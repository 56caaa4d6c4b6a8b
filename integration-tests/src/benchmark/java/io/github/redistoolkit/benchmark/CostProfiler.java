package io.github.redistoolkit.benchmark;

import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.TestRedis;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.ScalarResult;
import redis.clients.jedis.UnifiedJedis;

/** Adds to each iteration what an operation costs the server, and what the row holds. */
public final class CostProfiler implements InternalProfiler {

  static final String ROUND_TRIPS = "round trips";
  static final String COMMANDS = "commands";
  static final String SCRIPT_MICROS = "script time";
  static final String BYTES = "bytes in Redis";
  static final String THREADS = "threads";
  static final String CONNECTIONS = "connections";

  // Part of the name of each of JMH's own threads.
  private static final String WORKER = "-jmh-worker-";

  // Opened when first needed: JMH also makes profilers where nothing is measured.
  private @Nullable UnifiedJedis admin;
  private @Nullable ServerWork before;
  private Holdings.@Nullable Baseline baseline;
  private @Nullable Double bytes;

  @Override
  public String getDescription() {
    return "Work of the Redis server, and what is held";
  }

  @Override
  public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
    if (baseline == null) {
      // Nothing of the row has begun yet.
      baseline = Holdings.Baseline.now(admin());
    }
    before = ServerWork.soFar(admin());
  }

  @Override
  public Collection<ScalarResult> afterIteration(
      BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
    ServerWork work = ServerWork.soFar(admin()).since(before);
    Holdings held = baseline.held(admin(), WORKER);
    if (bytes == null) {
      bytes = Access.open().stream().mapToDouble(Access::bytesEach).average().orElse(Double.NaN);
    }
    double operations = result.getMetadata().getAllOps();
    return List.of(
        scalar(ROUND_TRIPS, work.reads() / operations, "reads/op"),
        scalar(COMMANDS, work.commands() / operations, "commands/op"),
        scalar(SCRIPT_MICROS, work.microsPerScript(), "us/script"),
        scalar(BYTES, bytes, "bytes"),
        scalar(THREADS, held.threads(), "threads"),
        scalar(CONNECTIONS, held.connections(), "connections"));
  }

  private static ScalarResult scalar(String label, double value, String unit) {
    return new ScalarResult(label, value, unit, AggregationPolicy.AVG);
  }

  private UnifiedJedis admin() {
    if (admin == null) {
      admin = TestRedis.of(ClientKind.CLIENT).admin();
    }
    return admin;
  }
}
