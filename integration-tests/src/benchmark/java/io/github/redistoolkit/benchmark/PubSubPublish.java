package io.github.redistoolkit.benchmark;

import static io.github.redistoolkit.benchmark.MarkdownTable.number;

import io.github.redistoolkit.benchmark.PubSubTurns.Lane;

/** What publishing costs: to a channel without subscribers, encoding included, by one thread. */
final class PubSubPublish implements Harness {

  private static final int MESSAGES = 500;

  private final PubSubTurns turns = new PubSubTurns(PubSubPublish::turn);

  @Override
  public void run(Pace pace) throws InterruptedException {
    turns.run(pace);
  }

  private static double[] turn(Lane lane) {
    Receiver.Event event = new Receiver.Event("user_created", "user-1", 1);
    long start = System.nanoTime();
    for (int i = 0; i < MESSAGES; i++) {
      lane.publishToNobody(event);
    }
    return new double[] {MESSAGES * 1e6 / (System.nanoTime() - start)};
  }

  @Override
  public String table() {
    MarkdownTable table =
        new MarkdownTable("Pub/sub, publishing", "operation", "through", "messages/ms", "× raw");
    for (Through through : PubSubTurns.ROWS) {
      table.row(
          "publish",
          through.label(),
          number(turns.median(through, 0)),
          number(turns.medianRatio(through, 0)));
    }
    return table.toString();
  }
}
