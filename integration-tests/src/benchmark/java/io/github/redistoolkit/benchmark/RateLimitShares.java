package io.github.redistoolkit.benchmark;

import static io.github.redistoolkit.benchmark.MarkdownTable.number;

import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.openjdk.jmh.util.ListStatistics;

/** What four JVMs get of one limit, if each asks for more than there is as fast as it can. */
final class RateLimitShares implements Harness {

  private static final List<Through> ROWS = List.of(Through.POOL, Through.AHEAD);
  private static final int JVMS = 4;
  private static final int PERMITS = 2000;
  private static final Duration WINDOW = Duration.ofSeconds(1);

  private final Map<Through, Figures> rows = new EnumMap<>(Through.class);

  private static final class Figures {

    private final ListStatistics decisionsPerSecond = new ListStatistics();
    private final ListStatistics grantedPerSecond = new ListStatistics();
    private final ListStatistics cpuMicros = new ListStatistics();
    private final List<String> shares = new ArrayList<>();

    double decisionsPerCpuSecond() {
      return 1e6 / cpuMicros.getMean();
    }
  }

  @Override
  public void run(Pace pace) throws InterruptedException {
    // What comes first has all of the first window.
    int windows = 3 + (int) pace.measurement().dividedBy(WINDOW);
    for (Through through : ROWS) {
      measure(through, windows, rows.computeIfAbsent(through, unused -> new Figures()));
    }
  }

  private static void measure(Through through, int windows, Figures figures)
      throws InterruptedException {
    try (TestRedis redis = TestRedis.of(ClientKind.POOL);
        ChildJvms jvms =
            ChildJvms.start(
                redis,
                JVMS,
                Asking.class,
                through.name(),
                redis.unique("shared"),
                Integer.toString(windows))) {
      ServerWork before = ServerWork.soFar(redis.admin());
      jvms.go();
      List<Result> results = jvms.finish().stream().map(Result::of).toList();
      ServerWork work = ServerWork.soFar(redis.admin()).since(before);
      double seconds = WINDOW.toMillis() / 1e3;
      long decisions = results.stream().mapToLong(Result::decisions).sum();
      long granted = results.stream().mapToLong(Result::granted).sum();
      figures.decisionsPerSecond.addValue(decisions / seconds / (windows + 1));
      figures.grantedPerSecond.addValue(granted / seconds / windows);
      figures.cpuMicros.addValue((double) work.cpuMicros() / decisions);
      double fair = (double) granted / JVMS;
      figures.shares.add(
          results.stream()
              .map(result -> number(result.granted() / fair))
              .sorted()
              .collect(Collectors.joining(" ")));
    }
  }

  /**
   * What one JVM saw.
   *
   * @param decisions of all windows
   * @param granted of those but the first
   */
  private record Result(long decisions, long granted) {

    static Result of(String line) {
      String[] parts = line.split(" ", -1);
      return new Result(Long.parseLong(parts[0]), Long.parseLong(parts[1]));
    }
  }

  @Override
  public String table() {
    MarkdownTable table =
        new MarkdownTable(
            "Rate limit, %,d a second among %d JVMs".formatted(PERMITS, JVMS),
            "operation",
            "through",
            "decisions/s",
            "granted/s",
            "decisions per second of Redis's CPU",
            "× ours, JedisPool",
            "each JVM's part ÷ a fair one, by round");
    double plain = rows.get(Through.POOL).decisionsPerCpuSecond();
    rows.forEach(
        (through, figures) ->
            table.row(
                "one permit",
                through.label(),
                number(figures.decisionsPerSecond.getMean()),
                number(figures.grantedPerSecond.getMean()),
                number(figures.decisionsPerCpuSecond()),
                number(figures.decisionsPerCpuSecond() / plain),
                String.join("; ", figures.shares)));
    return table.toString();
  }

  /** Asks again and again. */
  static final class Asking {
    public static void main(String[] args) throws InterruptedException {
      Child child = Child.of(args);
      String id = args[3];
      long end = WINDOW.toNanos() * (Integer.parseInt(args[4]) + 1);
      long decisions = 0;
      long granted = 0;
      try (TestRedis redis = child.redis()) {
        RateLimiter limiter = limiter(redis, Through.valueOf(args[2]));
        boolean unused = limiter.peek(id).allowed();
        child.awaitStart();
        long start = System.nanoTime();
        for (long now = 0; now < end; now = System.nanoTime() - start) {
          decisions++;
          granted += limiter.isAllowed(id) && now >= WINDOW.toNanos() ? 1 : 0;
        }
      }
      child.send(decisions + " " + granted);
    }

    private static RateLimiter limiter(TestRedis redis, Through through) {
      RateLimiter.Builder builder =
          redis
              .over(p -> RateLimiter.builder(p, "b"), c -> RateLimiter.builder(c, "b"))
              .limit(Limit.of(PERMITS, WINDOW));
      return through == Through.AHEAD
          ? builder.permitsAhead(1_000_000, Duration.ofMillis(10)).build()
          : builder.build();
    }
  }
}
