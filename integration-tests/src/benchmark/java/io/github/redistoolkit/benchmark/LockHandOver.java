package io.github.redistoolkit.benchmark;

import static io.github.redistoolkit.benchmark.MarkdownTable.number;

import io.github.redistoolkit.benchmark.Contention.Figures;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** A lock that 10 clients with 5 threads each want all the time, against a {@link Baton}. */
final class LockHandOver implements Harness {

  static final List<Through> ROWS =
      List.of(
          Through.RAW,
          Through.POOL,
          Through.CLIENT,
          Through.REDISSON,
          Through.SPRING_JEDIS,
          Through.SPRING_LETTUCE,
          Through.SHEDLOCK);

  private static final int CLIENTS = 10;
  private static final int THREADS = 5;

  private final Map<Through, Figures> rows = new EnumMap<>(Through.class);

  @Override
  public void run(Pace pace) throws InterruptedException {
    Contention contention = new Contention(CLIENTS, THREADS, pace.warmUp(), pace.measurement());
    for (Through through : ROWS) {
      contention.measure(through, rows.computeIfAbsent(through, unused -> new Figures()));
    }
  }

  @Override
  public String table() {
    MarkdownTable table =
        new MarkdownTable(
            "Lock, handed over among " + CLIENTS + " clients × " + THREADS + " threads",
            "operation",
            "through",
            "ops/s",
            "× raw",
            "hand-over p50 ms",
            "p99 ms",
            "wait p50 ms",
            "p99 ms",
            "worst ms",
            "worst ÷ fair share",
            "worst in turns ÷ fair share",
            "round trips/op",
            "commands/op",
            "script µs",
            "threads held",
            "connections");
    rows.forEach((through, figures) -> addRow(table, through, figures, rows.get(Through.RAW)));
    return table.toString();
  }

  private static void addRow(MarkdownTable table, Through through, Figures figures, Figures raw) {
    // Everyone's turn once: what a wait takes if the queue is fair.
    double fairMillis = CLIENTS * THREADS / figures.perSecond() * 1e3;
    table.row(
        "acquire and release",
        through.label(),
        number(figures.perSecond()),
        number(figures.perSecond() / raw.perSecond()),
        number(figures.handOverMillis.getPercentile(50)),
        number(figures.handOverMillis.getPercentile(99)),
        number(figures.waitMillis.getPercentile(50)),
        number(figures.waitMillis.getPercentile(99)),
        number(figures.waitMillis.getMax()),
        number(figures.waitMillis.getMax() / fairMillis),
        // Of others meanwhile: unlike the time, no matter of a machine that stands still.
        number(figures.waitTurns.getMax() / (CLIENTS * THREADS)),
        number(figures.roundTrips.getMean()),
        number(figures.commands.getMean()),
        number(figures.scriptMicros.getMean()),
        number(figures.threads.getMean()),
        number(figures.connections.getMean()));
  }
}
