package io.github.redistoolkit.benchmark;

import static io.github.redistoolkit.benchmark.MarkdownTable.number;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.util.ListStatistics;
import org.openjdk.jmh.util.MultisetStatistics;

/** JMH's results of one concern, collected over rounds. */
final class JmhTable {

  private static final double CONFIDENCE = 0.999;
  private static final String THROUGH = "through";

  private final Map<Row, List<IterationResult>> rows = new LinkedHashMap<>();

  /** Sorts results by concern, which is what the class of a benchmark is named after. */
  static Map<String, JmhTable> byConcern(Collection<RunResult> results) {
    Map<String, JmhTable> tables = new LinkedHashMap<>();
    for (RunResult result : results) {
      String name = result.getParams().getBenchmark();
      int dot = name.lastIndexOf('.');
      String type = name.substring(name.lastIndexOf('.', dot - 1) + 1, dot);
      String concern = words(type.replace("Benchmark", ""));
      JmhTable table = tables.computeIfAbsent(concern, unused -> new JmhTable());
      table.add(words(name.substring(dot + 1)), result);
    }
    return tables;
  }

  private void add(String method, RunResult result) {
    List<IterationResult> iterations =
        rows.computeIfAbsent(Row.of(method, result.getParams()), unused -> new ArrayList<>());
    for (BenchmarkResult fork : result.getBenchmarkResults()) {
      iterations.addAll(fork.getIterationResults());
    }
  }

  /** The table. */
  String toMarkdown(String concern) {
    MarkdownTable table =
        new MarkdownTable(
            concern,
            "operation",
            "through",
            "threads",
            "ops/s",
            "× raw",
            "p50 µs",
            "× raw",
            "p99 µs",
            "Redis CPU µs/op",
            "× raw",
            "client CPU µs/op",
            "× raw",
            "round trips/op",
            "commands/op",
            "script µs",
            "bytes in Redis",
            "threads held",
            "connections",
            "slowest thread ÷ mean");
    sorted()
        .forEach(
            (row, iterations) -> {
              ListStatistics speed = perSecond(iterations);
              MultisetStatistics micros = micros(iterations);
              List<IterationResult> raw = rows.getOrDefault(row.raw(), List.of());
              table.row(
                  row.operation,
                  row.through.label(),
                  row.threads + (row.virtual ? " virtual" : ""),
                  number(speed.getMean()) + " ± " + number(speed.getMeanErrorAt(CONFIDENCE)),
                  number(speed.getMean() / perSecond(raw).getMean()),
                  number(micros.getPercentile(50)),
                  number(micros.getPercentile(50) / micros(raw).getPercentile(50)),
                  number(micros.getPercentile(99)),
                  number(mean(iterations, CostProfiler.CPU_MICROS)),
                  number(ratio(iterations, raw, CostProfiler.CPU_MICROS)),
                  number(mean(iterations, CostProfiler.CLIENT_CPU_MICROS)),
                  number(ratio(iterations, raw, CostProfiler.CLIENT_CPU_MICROS)),
                  number(mean(iterations, CostProfiler.ROUND_TRIPS)),
                  number(mean(iterations, CostProfiler.COMMANDS)),
                  number(mean(iterations, CostProfiler.SCRIPT_MICROS)),
                  number(mean(iterations, CostProfiler.BYTES)),
                  number(mean(iterations, CostProfiler.THREADS)),
                  number(mean(iterations, CostProfiler.CONNECTIONS)),
                  number(mean(iterations, CostProfiler.SLOWEST)));
            });
    return table.toString();
  }

  /**
   * How many times the throughput of raw commands each operation reaches with so many threads, raw
   * commands left out.
   */
  Map<String, Map<Through, Double>> throughput(int threads) {
    return ratios(threads, iterations -> perSecond(iterations).getMean());
  }

  /** How many times the Redis CPU of raw commands each operation takes, in the same form. */
  Map<String, Map<Through, Double>> redisCpu(int threads) {
    return ratios(threads, iterations -> mean(iterations, CostProfiler.CPU_MICROS));
  }

  private Map<String, Map<Through, Double>> ratios(
      int threads, ToDoubleFunction<List<IterationResult>> measure) {
    Map<String, Map<Through, Double>> ratios = new LinkedHashMap<>();
    sorted()
        .forEach(
            (row, iterations) -> {
              List<IterationResult> raw = rows.getOrDefault(row.raw(), List.of());
              double ratio = measure.applyAsDouble(iterations) / measure.applyAsDouble(raw);
              if (row.threads == threads && row.through != Through.RAW && Double.isFinite(ratio)) {
                ratios
                    .computeIfAbsent(row.operation, unused -> new EnumMap<>(Through.class))
                    .put(row.through, ratio);
              }
            });
    return ratios;
  }

  /** Rows that are compared one below the other; operations as JMH has run them. */
  private Map<Row, List<IterationResult>> sorted() {
    List<String> operations = rows.keySet().stream().map(Row::operation).distinct().toList();
    Map<Row, List<IterationResult>> sorted =
        new TreeMap<>(
            Comparator.comparing((Row row) -> operations.indexOf(row.operation))
                .thenComparing(Row::virtual)
                .thenComparing(Row::threads)
                .thenComparing(Row::through));
    sorted.putAll(rows);
    return sorted;
  }

  /**
   * Operations a second of all threads, one value for each iteration. They are counted: the mean of
   * the samples would pass over threads that are never served.
   */
  private static ListStatistics perSecond(List<IterationResult> iterations) {
    ListStatistics statistics = new ListStatistics();
    for (IterationResult iteration : iterations) {
      Result<?> throughput = iteration.getSecondaryResults().get(CostProfiler.THROUGHPUT);
      if (throughput != null) {
        statistics.addValue(throughput.getScore());
      }
    }
    return statistics;
  }

  private static MultisetStatistics micros(List<IterationResult> iterations) {
    MultisetStatistics all = new MultisetStatistics();
    for (IterationResult iteration : iterations) {
      iteration
          .getPrimaryResult()
          .getStatistics()
          .getRawData()
          .forEachRemaining(sample -> all.addValue(sample.getKey(), sample.getValue()));
    }
    return all;
  }

  private static double mean(List<IterationResult> iterations, String label) {
    return iterations.stream()
        .mapToDouble(
            iteration -> {
              Result<?> result = iteration.getSecondaryResults().get(label);
              return result == null ? Double.NaN : result.getScore();
            })
        .filter(value -> !Double.isNaN(value))
        .average()
        .orElse(Double.NaN);
  }

  private static double ratio(
      List<IterationResult> iterations, List<IterationResult> raw, String label) {
    return mean(iterations, label) / mean(raw, label);
  }

  /** {@code beginAndComplete} as "begin and complete". */
  private static String words(String camelCase) {
    String spaced = camelCase.replaceAll("(?<=[a-z])(?=[A-Z0-9])", " ");
    return spaced.substring(0, 1) + spaced.substring(1).toLowerCase(Locale.ROOT);
  }

  private record Row(String operation, Through through, int threads, boolean virtual) {

    static Row of(String method, BenchmarkParams params) {
      String others =
          params.getParamsKeys().stream()
              .filter(key -> !key.equals(THROUGH))
              .map(key -> ", " + key + " " + params.getParam(key))
              .collect(Collectors.joining());
      return new Row(
          method + others,
          Through.valueOf(params.getParam(THROUGH)),
          params.getThreads(),
          params.getJvmArgs().contains(Callers.ON_VIRTUAL_THREADS));
    }

    /** The row that this one is measured against. */
    Row raw() {
      return new Row(operation, Through.RAW, threads, virtual);
    }
  }
}
