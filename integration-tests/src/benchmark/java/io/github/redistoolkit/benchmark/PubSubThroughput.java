package io.github.redistoolkit.benchmark;

import static io.github.redistoolkit.benchmark.MarkdownTable.number;

import io.github.redistoolkit.benchmark.PubSubTurns.Lane;
import io.github.redistoolkit.core.Json;
import java.util.List;
import java.util.stream.IntStream;
import redis.clients.jedis.AbstractPipeline;

/**
 * How fast a subscriber takes messages, decoding included. The publisher is the same for every row:
 * a raw pipeline, which is faster than any receiver.
 */
final class PubSubThroughput implements Harness {

  private static final int MESSAGES = 5_000;

  private static final List<String> JSON =
      IntStream.range(0, MESSAGES)
          .mapToObj(i -> new Receiver.Event("user_created", "user-" + i, i))
          .map(Json.defaultGson()::toJson)
          .toList();

  private final PubSubTurns turns = new PubSubTurns(PubSubThroughput::turn);

  @Override
  public void run(Pace pace) throws InterruptedException {
    turns.run(pace);
  }

  /** From the first publish to the end of the last handler. */
  private static double[] turn(Lane lane) throws InterruptedException {
    long start = System.nanoTime();
    try (AbstractPipeline pipeline = lane.access.admin().pipelined()) {
      for (String json : JSON) {
        var unused = pipeline.publish(lane.access.name(), json);
      }
    }
    lane.handled.acquire(MESSAGES);
    return new double[] {MESSAGES * 1e6 / (System.nanoTime() - start)};
  }

  @Override
  public String table() {
    MarkdownTable table =
        new MarkdownTable("Pub/sub, receiving", "operation", "through", "messages/ms", "× raw");
    for (Through through : PubSubTurns.ROWS) {
      table.row(
          "receive and decode",
          through.label(),
          number(turns.median(through, 0)),
          number(turns.medianRatio(through, 0)));
    }
    return table.toString();
  }
}
