package io.github.redistoolkit.benchmark;

import static io.github.redistoolkit.benchmark.MarkdownTable.number;

import io.github.redistoolkit.benchmark.PubSubTurns.Lane;
import java.util.Arrays;
import java.util.Map;

/** From before publish until the handler has the message, one message at a time. */
final class PubSubLatency implements Harness {

  private static final int MESSAGES = 200;

  private final MarkdownTable table =
      new MarkdownTable(
          "Pub/sub, publish → handler",
          "operation",
          "through",
          "p50 µs",
          "p50 × raw",
          "p99 µs",
          "p99 × raw");

  @Override
  public void run() throws InterruptedException {
    try (PubSubTurns turns = new PubSubTurns()) {
      Map<Through, Lane> lanes = turns.measure(PubSubLatency::turn);
      Lane raw = lanes.get(Through.RAW);
      lanes.forEach(
          (through, lane) ->
              table.row(
                  "publish → handler",
                  through.label(),
                  number(lane.median(0)),
                  number(lane.medianRatio(raw, 0)),
                  number(lane.median(1)),
                  number(lane.medianRatio(raw, 1))));
    }
  }

  /** The median and the 99th percentile. */
  private static double[] turn(Lane lane) throws InterruptedException {
    double[] micros = new double[MESSAGES];
    for (int i = 0; i < MESSAGES; i++) {
      Receiver.Event event = new Receiver.Event("user_created", "user-" + i, i);
      long published = System.nanoTime();
      lane.receiver.publish(event);
      lane.handled.acquire();
      micros[i] = (lane.arrivedNanos - published) / 1e3;
    }
    Arrays.sort(micros);
    return new double[] {micros[MESSAGES / 2], micros[MESSAGES * 99 / 100]};
  }

  @Override
  public String table() {
    return table.toString();
  }
}
