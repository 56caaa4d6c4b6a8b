package io.github.redistoolkit.benchmark;

import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.TestRedis;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.NoBenchmarksException;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * Measures each concern on one Redis, beside the same work in raw Jedis commands, and prints a
 * Markdown table of each.
 *
 * <p>The property {@code jmh.args} is JMH's command line, and {@code jmh.callers} a list of numbers
 * of threads, as {@link Callers} has them. What JMH measured is in a file as JSON too, as JMH
 * writes it. What JMH would run one after the other in so many forks is run here in so many rounds
 * of one fork each, so that rows which are compared share the machine's good and bad minutes.
 */
public final class Benchmarks {

  private static final int ROUNDS = 2;
  private static final int MANY = 8;
  private static final List<Callers> CALLERS = Callers.list("1," + MANY);
  private static final int WARM_UPS = 2;
  private static final TimeValue WARM_UP = TimeValue.milliseconds(600);
  private static final int ITERATIONS = 5;
  private static final int FEWEST_ITERATIONS = 2; // CostProfiler knows nothing of the last one
  private static final TimeValue ITERATION = TimeValue.milliseconds(400);
  private static final Set<String> DRAWN = Set.of("Cache", "Lock", "Rate limit", "Idempotency");
  private static final Set<Through> DRAWN_ROWS =
      EnumSet.of(
          Through.POOL,
          Through.REDISSON,
          Through.SPRING_JEDIS,
          Through.SPRING_LETTUCE,
          Through.JETCACHE,
          Through.SHEDLOCK,
          Through.BUCKET4J);
  private static final Path REPORT = Path.of("target", "benchmarks.md");
  private static final Path DATA = Path.of("target", "benchmarks.json");

  private final CommandLineOptions asked;
  private final List<Harness> harnesses = new ArrayList<>();
  private final List<Growth> growths = new ArrayList<>();
  private final List<RunResult> results = new ArrayList<>();

  private Benchmarks(CommandLineOptions asked) {
    this.asked = asked;
    Predicate<String> included = included(asked.getIncludes());
    for (Harness harness :
        List.of(
            new LockHandOver(),
            new LockTurns(),
            new RateLimitShares(),
            new PubSubPublish(),
            new PubSubLatency(),
            new PubSubThroughput(),
            new StreamBenchmark(),
            new StreamPartitions())) {
      if (included.test(harness.getClass().getSimpleName())) {
        harnesses.add(harness);
      }
    }
    List<Growth> all =
        List.of(
            new RateLimitGrowth(), new LockGrowth(), new BatchGrowth(), new SubscriptionGrowth());
    for (Growth growth : all) {
      if (included.test(growth.getClass().getSimpleName())) {
        growths.add(growth);
      }
    }
  }

  /** Runs what the property {@code jmh.args} asks for; everything by default. */
  public static void main(String[] unused)
      throws CommandLineOptionException, IOException, InterruptedException, RunnerException {
    List<String> words =
        Pattern.compile("\\s+")
            .splitAsStream(System.getProperty("jmh.args", ""))
            .filter(word -> !word.isEmpty())
            .toList();
    CommandLineOptions asked = new CommandLineOptions(words.toArray(String[]::new));
    if (asked.shouldHelp()) {
      asked.showHelp();
      return;
    }
    new Benchmarks(asked).run(String.join(" ", words));
  }

  private void run(String words) throws IOException, InterruptedException, RunnerException {
    try (TestRedis redis = TestRedis.of(ClientKind.CLIENT)) {
      Pace pace = Pace.of(options(redis, Callers.ONE));
      int rounds = Math.max(1, asked.getForkCount().orElse(ROUNDS));
      for (int round = 1; round <= rounds; round++) {
        System.out.printf("%n# Round %d of %d%n", round, rounds);
        for (Callers callers : callers()) {
          results.addAll(runJmh(options(redis, callers)));
        }
        for (Harness harness : harnesses) {
          System.out.println("# " + harness.getClass().getSimpleName());
          harness.run(pace);
        }
        // Kept, should a later round fail.
        Files.writeString(REPORT, report(redis, words));
        ResultFormatFactory.getInstance(ResultFormatType.JSON, DATA.toString()).writeOut(results);
      }
      drawComparison();
      for (Growth growth : growths) {
        System.out.println("# " + growth.getClass().getSimpleName());
        growth.run(pace.quarter());
        Files.writeString(REPORT.resolveSibling(growth.fileName()), growth.plot());
        Files.writeString(REPORT, report(redis, words));
      }
      System.out.printf(
          "%n%s%nThis is also in %s.%n", report(redis, words), REPORT.toAbsolutePath());
    }
  }

  /** What reaches Redis with each operation; near hits would dwarf all else. */
  private void drawComparison() throws IOException {
    Map<String, Map<Through, Double>> throughput = new LinkedHashMap<>();
    Map<String, Map<Through, Double>> redisCpu = new LinkedHashMap<>();
    JmhTable.byConcern(results)
        .forEach(
            (concern, table) -> {
              if (DRAWN.contains(concern)) {
                table
                    .throughput(MANY)
                    .forEach((name, row) -> throughput.put(concern + ": " + name, row));
                table
                    .redisCpu(MANY)
                    .forEach((name, row) -> redisCpu.put(concern + ": " + name, row));
              }
            });
    draw("throughput.svg", "Throughput with eight threads, × raw Jedis", throughput);
    draw("redis-cpu.svg", "Redis CPU for an operation with eight threads, × raw Jedis", redisCpu);
  }

  private static void draw(String file, String title, Map<String, Map<Through, Double>> measured)
      throws IOException {
    measured.values().forEach(row -> row.keySet().retainAll(DRAWN_ROWS));
    if (!measured.isEmpty()) {
      Files.writeString(REPORT.resolveSibling(file), Plots.bars(title, "× raw", measured));
    }
  }

  private Collection<RunResult> runJmh(Options options) throws RunnerException {
    try {
      return new Runner(options).run();
    } catch (NoBenchmarksException e) {
      if (harnesses.isEmpty() && growths.isEmpty()) {
        throw e;
      }
      return List.of();
    }
  }

  private List<Callers> callers() {
    String list = System.getProperty("jmh.callers", "");
    if (!list.isEmpty()) {
      return Callers.list(list);
    }
    return asked.getThreads().hasValue()
        ? Callers.list(Integer.toString(asked.getThreads().get()))
        : CALLERS;
  }

  private Options options(TestRedis redis, Callers callers) throws IOException {
    return new OptionsBuilder()
        .parent(asked)
        .mode(Mode.SampleTime)
        .timeUnit(TimeUnit.MICROSECONDS)
        .threads(callers.threads())
        .forks(Math.min(1, asked.getForkCount().orElse(1)))
        .warmupIterations(asked.getWarmupIterations().orElse(WARM_UPS))
        .warmupTime(asked.getWarmupTime().orElse(WARM_UP))
        .measurementIterations(
            Math.max(asked.getMeasurementIterations().orElse(ITERATIONS), FEWEST_ITERATIONS))
        .measurementTime(asked.getMeasurementTime().orElse(ITERATION))
        .addProfiler(CostProfiler.class)
        .shouldFailOnError(true)
        .jvmArgs(jvmArgs(redis, callers))
        .build();
  }

  /**
   * What forks are started with. The address is in a file, since it may hold a password and JMH
   * prints its arguments.
   */
  private String[] jvmArgs(TestRedis redis, Callers callers) throws IOException {
    Path file = Files.createTempFile("benchmark-", ".args");
    file.toFile().deleteOnExit();
    Files.writeString(file, "-Dredis.backend=external \"-Dredis.url=" + Access.url(redis) + "\"");
    List<String> all = new ArrayList<>(asked.getJvmArgs().orElse(List.of()));
    if (callers.virtual()) {
      all.add(Callers.ON_VIRTUAL_THREADS);
    }
    all.add("@" + file);
    return all.toArray(String[]::new);
  }

  private String report(TestRedis redis, String words) {
    StringBuilder report = new StringBuilder();
    report.append(
        String.format(
            "%s, Redis %s, %s, JDK %s, %d cores, `-Djmh.args=\"%s\"`. `±` is the 99.9 %%"
                + " confidence interval, `× raw` the ratio to raw Jedis commands in the same run,"
                + " `commands` counts those inside scripts too, `bytes in Redis` are those of one"
                + " entry, id or lock, `threads` and `connections` those that the row's clients"
                + " hold.%n%n",
            LocalDate.now(ZoneOffset.UTC),
            redis.admin().info("server").replaceAll("(?s).*redis_version:([^\\r\\n]*).*", "$1"),
            Versions.text(),
            Runtime.version(),
            Runtime.getRuntime().availableProcessors(),
            words));
    JmhTable.byConcern(results)
        .forEach((concern, table) -> report.append(table.toMarkdown(concern)).append('\n'));
    harnesses.forEach(harness -> report.append(harness.table()).append('\n'));
    growths.stream()
        .filter(Growth::isMeasured)
        .forEach(growth -> report.append(growth.table()).append('\n'));
    return report.toString();
  }

  private static Predicate<String> included(List<String> expressions) {
    return name ->
        expressions.isEmpty()
            || expressions.stream()
                .anyMatch(expression -> Pattern.compile(expression).matcher(name).find());
  }
}
