package io.github.redistoolkit.benchmark;

import static io.github.redistoolkit.benchmark.MarkdownTable.number;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import org.openjdk.jmh.util.MultisetStatistics;

/** From before publish until the handler has the message, one message at a time. */
final class PubSubLatency implements Harness {

  private static final int WARM_UP = 3_000;
  private static final int MESSAGES = 7_000;

  private final Map<Through, MultisetStatistics> micros = new EnumMap<>(Through.class);

  @Override
  public void run() throws InterruptedException {
    for (Through through : Through.values()) {
      try (Access access = Access.by(through)) {
        measure(access, micros.computeIfAbsent(through, unused -> new MultisetStatistics()));
      }
    }
  }

  private static void measure(Access access, MultisetStatistics micros)
      throws InterruptedException {
    Semaphore handled = new Semaphore(0);
    long[] arrived = new long[1];
    try (Receiver receiver =
        Receiver.open(
            access,
            access.name(),
            event -> {
              arrived[0] = System.nanoTime();
              handled.release();
            })) {
      for (int i = 0; i < WARM_UP + MESSAGES; i++) {
        Receiver.Event event = new Receiver.Event("user_created", "user-" + i, i);
        long published = System.nanoTime();
        receiver.publish(event);
        handled.acquire();
        if (i >= WARM_UP) {
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
