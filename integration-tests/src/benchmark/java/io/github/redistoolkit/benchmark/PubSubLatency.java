package io.github.redistoolkit.benchmark;

import static io.github.redistoolkit.benchmark.MarkdownTable.number;

import io.github.redistoolkit.benchmark.PubSubTurns.Lane;
import java.util.Arrays;

/** From before publish until the handler has the message, one message at a time. */
final class PubSubLatency implements Harness {

  private static final int MESSAGES = 200;

  private final PubSubTurns turns = new PubSubTurns(PubSubLatency::turn);

  @Override
  public void run(Pace pace) throws InterruptedException {
    turns.run(pace);
  }

  /** The median and the 99th percentile. */
  private static double[] turn(Lane lane) throws InterruptedException {
    double[] micros = new double[MESSAGES];
    for (int i = 0; i < MESSAGES; i++) {
      Receiver.Event event = new Receiver.Event("user_created", "user-" + i, i);
      long published = System.nanoTime();
      lane.publish(event);
      lane.handled.acquire();
      micros[i] = (lane.arrivedNanos - published) / 1e3;
    }
    Arrays.sort(micros);
    return new double[] {micros[MESSAGES / 2], micros[MESSAGES * 99 / 100]};
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
            "p99 × raw");
    for (Through through : PubSubTurns.ROWS) {
      table.row(
          "publish → handler",
          through.label(),
          number(turns.median(through, 0)),
          number(turns.medianRatio(through, 0)),
          number(turns.median(through, 1)),
          number(turns.medianRatio(through, 1)));
    }
    return table.toString();
  }
}
