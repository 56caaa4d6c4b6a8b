package io.github.redistoolkit.benchmark;

import static io.github.redistoolkit.benchmark.MarkdownTable.number;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import org.openjdk.jmh.util.MultisetStatistics;

/** From before publish until the handler has the message, one message at a time. */
final class PubSubLatency implements Harness {

  static final List<Through> ROWS =
      List.of(
          Through.RAW,
          Through.POOL,
          Through.CLIENT,
          Through.REDISSON,
          Through.SPRING_JEDIS,
          Through.SPRING_LETTUCE,
          Through.LETTUCE);

  private final Map<Through, MultisetStatistics> micros = new EnumMap<>(Through.class);

  @Override
  public void run(Pace pace) throws InterruptedException {
    for (Through through : ROWS) {
      try (Access access = Access.by(through)) {
        measure(access, pace, micros.computeIfAbsent(through, unused -> new MultisetStatistics()));
      }
    }
  }

  private static void measure(Access access, Pace pace, MultisetStatistics micros)
      throws InterruptedException {
    Semaphore handled = new Semaphore(0);
    long[] arrived = new long[1];
    try (Receiver receiver = Receiver.open(access)) {
      receiver.subscribe(
          access.name(),
          event -> {
            arrived[0] = System.nanoTime();
            handled.release();
          });
      long start = System.nanoTime() + pace.warmUp().toNanos();
      long end = start + pace.measurement().toNanos();
      for (long i = 0, published = System.nanoTime(); published - end < 0; i++) {
        Receiver.Event event = new Receiver.Event("user_created", "user-" + i, i);
        published = System.nanoTime();
        receiver.publish(access.name(), event);
        handled.acquire();
        if (published - start >= 0) {
          micros.addValue((arrived[0] - published) / 1e3, 1);
        }
      }
    }
  }

  @Override
  public String table() {
    MarkdownTable table =
        new MarkdownTable(
            "Pub/sub, publish → handler",
            "operation",
            "through",
            "p50 µs",
            "p50 × raw",
            "p99 µs",
            "p99 × raw",
            "messages");
    MultisetStatistics raw = micros.get(Through.RAW);
    micros.forEach(
        (through, ours) ->
            table.row(
                "publish → handler",
                through.label(),
                number(ours.getPercentile(50)),
                number(ours.getPercentile(50) / raw.getPercentile(50)),
                number(ours.getPercentile(99)),
                number(ours.getPercentile(99) / raw.getPercentile(99)),
                String.format("%,d", ours.getN())));
    return table.toString();
  }
}
