package io.github.redistoolkit.benchmark;

import static io.github.redistoolkit.benchmark.MarkdownTable.number;

import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.openjdk.jmh.util.ListStatistics;

/**
 * One lock that eight JVMs want all the time, through pools of a few connections and of more: how
 * long the longest wait is, and how many of the turns the busiest JVM has.
 */
final class LockTurns implements Harness {

  private static final int JVMS = 8;

  private static final List<Row> ROWS =
      List.of(
          new Row(Through.RAW, 2),
          new Row(Through.POOL, 2),
          new Row(Through.POOL, 16),
          new Row(Through.REDISSON, 2));

  private final Map<Row, Figures> rows = new LinkedHashMap<>();

  private record Row(Through through, int pool) {}

  private static final class Figures {

    private final ListStatistics perSecond = new ListStatistics();
    private final ListStatistics commands = new ListStatistics();
    private final ListStatistics reads = new ListStatistics();
    private final ListStatistics cpuMicros = new ListStatistics();
    private final List<String> longestMillis = new ArrayList<>();
    private final List<String> busiest = new ArrayList<>();
  }

  @Override
  public void run(Pace pace) throws InterruptedException {
    for (Row row : ROWS) {
      measure(row, pace, rows.computeIfAbsent(row, unused -> new Figures()));
    }
  }

  private static void measure(Row row, Pace pace, Figures figures) throws InterruptedException {
    try (TestRedis redis = TestRedis.of(row.through.kind()).withMaxTotal(row.pool)) {
      String name = redis.unique("turns");
      if (row.through == Through.RAW) {
        Baton.putDown(redis.admin(), name);
      }
      try (ChildJvms jvms =
          ChildJvms.start(
              redis,
              JVMS,
              Wanting.class,
              row.through.name(),
              name,
              pace.warmUp().toString(),
              pace.measurement().toString())) {
        ServerWork before = ServerWork.soFar(redis.admin());
        jvms.go();
        List<Result> results = jvms.finish().stream().map(Result::of).toList();
        ServerWork work = ServerWork.soFar(redis.admin()).since(before);
        double all = results.stream().mapToLong(Result::all).sum();
        double counted = results.stream().mapToLong(Result::counted).sum();
        figures.perSecond.addValue(counted * 1e3 / pace.measurement().toMillis());
        figures.commands.addValue(work.commands() / all);
        figures.reads.addValue(work.reads() / all);
        figures.cpuMicros.addValue(work.cpuMicros() / all);
        figures.longestMillis.add(
            number(results.stream().mapToDouble(Result::longestMillis).max().orElseThrow()));
        figures.busiest.add(
            number(results.stream().mapToLong(Result::counted).max().orElseThrow() / counted));
      }
    }
  }

  /**
   * What one JVM saw.
   *
   * @param all its turns
   * @param counted those that it asked for after the warm-up
   * @param longestMillis the longest wait for one of these
   */
  private record Result(long all, long counted, double longestMillis) {

    static Result of(String line) {
      String[] parts = line.split(" ", -1);
      return new Result(
          Long.parseLong(parts[0]), Long.parseLong(parts[1]), Double.parseDouble(parts[2]));
    }
  }

  @Override
  public String table() {
    MarkdownTable table =
        new MarkdownTable(
            "Lock, wanted by " + JVMS + " JVMs of one thread",
            "operation",
            "through",
            "pool",
            "ops/s",
            "longest wait ms, by round",
            "busiest JVM's part, by round",
            "reads/op",
            "commands/op",
            "Redis CPU µs/op");
    rows.forEach(
        (row, figures) ->
            table.row(
                "acquire and release",
                row.through.label(),
                Integer.toString(row.pool),
                number(figures.perSecond.getMean()),
                figures.longestMillis.stream().collect(Collectors.joining("; ")),
                figures.busiest.stream().collect(Collectors.joining("; ")),
                number(figures.reads.getMean()),
                number(figures.commands.getMean()),
                number(figures.cpuMicros.getMean())));
    return table.toString();
  }

  /** Takes the lock and gives it back, again and again. */
  static final class Wanting {
    public static void main(String[] args) throws InterruptedException {
      Child child = Child.of(args);
      Through through = Through.valueOf(args[2]);
      long warmUp = Duration.parse(args[4]).toNanos();
      long end = warmUp + Duration.parse(args[5]).toNanos();
      long all = 0;
      long counted = 0;
      long longest = 0;
      try (Access access = Access.ofChild(child, through, args[3])) {
        Function<String, Mutex> client =
            access.isRaw() ? Baton.client(access.pool()) : Mutex.client(access);
        Mutex mutex = client.apply(access.name());
        child.awaitStart();
        long start = System.nanoTime();
        for (long asked = 0; asked < end; asked = System.nanoTime() - start) {
          mutex.acquire();
          long waited = System.nanoTime() - start - asked;
          mutex.release();
          all++;
          if (asked >= warmUp) {
            counted++;
            longest = Math.max(longest, waited);
          }
        }
      }
      child.send(all + " " + counted + " " + longest / 1e6);
    }
  }
}
