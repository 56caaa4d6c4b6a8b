package io.github.redistoolkit.benchmark;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.ScalarResult;

/**
 * Adds to each iteration but the last its throughput, what an operation costs server and client,
 * what the row holds, and how evenly threads are served.
 */
public final class CostProfiler implements InternalProfiler {

  static final String THROUGHPUT = "throughput";
  static final String CPU_MICROS = "Redis CPU";
  static final String CLIENT_CPU_MICROS = "client CPU";
  static final String ROUND_TRIPS = "round trips";
  static final String COMMANDS = "commands";
  static final String SCRIPT_MICROS = "script time";
  static final String BYTES = "bytes in Redis";
  static final String THREADS = "threads";
  static final String CONNECTIONS = "connections";
  static final String SLOWEST = "slowest thread";

  // Part of the name of each of JMH's own threads.
  private static final String WORKER = "-jmh-worker-";

  private static final OperatingSystemMXBean SYSTEM =
      ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

  private @Nullable ServerWork before;
  private long cpuNanosBefore;
  private long begin;
  private double bytes = Double.NaN;

  @Override
  public String getDescription() {
    return "Throughput, work of the Redis server and of the client, what is held, who is served";
  }

  @Override
  public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
    before = ServerWork.soFar(Access.onlooker());
    cpuNanosBefore = SYSTEM.getProcessCpuTime();
    begin = System.nanoTime();
  }

  @Override
  public Collection<ScalarResult> afterIteration(
      BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
    double seconds = (System.nanoTime() - begin) / 1e9;
    double clientMicros = (SYSTEM.getProcessCpuTime() - cpuNanosBefore) / 1e3;
    ServerWork work = ServerWork.soFar(Access.onlooker()).since(before);
    if (Access.open().isEmpty()) {
      return List.of(); // the last iteration, to which JMH adds what it takes to close the row
    }
    Holdings held = Access.held(WORKER);
    if (Double.isNaN(bytes)) {
      bytes = Access.open().stream().mapToDouble(Access::bytesEach).average().orElse(bytes);
    }
    double operations = result.getMetadata().getAllOps();
    return List.of(
        scalar(THROUGHPUT, operations / seconds, "ops/s"),
        scalar(CPU_MICROS, work.cpuMicros() / operations, "us/op"),
        scalar(CLIENT_CPU_MICROS, clientMicros / operations, "us/op"),
        scalar(ROUND_TRIPS, work.reads() / operations, "reads/op"),
        scalar(COMMANDS, work.commands() / operations, "commands/op"),
        scalar(SCRIPT_MICROS, work.microsPerScript(), "us/script"),
        scalar(BYTES, bytes, "bytes"),
        scalar(THREADS, held.threads(), "threads"),
        scalar(CONNECTIONS, held.connections(), "connections"),
        scalar(SLOWEST, CallerCount.slowestByMean(), "of the mean"));
  }

  private static ScalarResult scalar(String label, double value, String unit) {
    return new ScalarResult(label, value, unit, AggregationPolicy.AVG);
  }
}
