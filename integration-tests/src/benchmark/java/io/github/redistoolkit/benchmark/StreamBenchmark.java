package io.github.redistoolkit.benchmark;

import static io.github.redistoolkit.benchmark.MarkdownTable.number;

import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.From;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.function.Function;
import java.util.function.Supplier;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.params.XAddParams;

/**
 * What a durable topic costs: publishing, consuming with acknowledgement, from publishing to the
 * handler, doing nothing, memory, and what many topics hold.
 *
 * <p>Rows take turns, so that each and the raw one beside it see the same machine. Redis's CPU is
 * that of the whole turn. A row has no figure for what it does not do.
 */
final class StreamBenchmark implements Harness {

  private static final List<Through> ROWS =
      List.of(
          Through.RAW,
          Through.POOL,
          Through.CLIENT,
          Through.ON_EXECUTOR,
          Through.REDISSON,
          Through.REDISSON_TOPIC,
          Through.SPRING_JEDIS,
          Through.SPRING_LETTUCE,
          Through.LETTUCE);

  private static final int PUBLISHED = 5_000;
  private static final int CONSUMED = 5_000;
  private static final int AWAITED = 500;
  private static final int WEIGHED = 10_000;
  private static final int TOPICS = 1_000;
  private static final long IDLE_MILLIS = 20_000;

  /** After which what ours does at first, or seldom, is over: it looks for dead consumers. */
  private static final long SETTLED_MILLIS = 12_000;

  /** What is measured of each row. */
  private enum Figure {
    PUBLISH("publish", "messages/ms"),
    PUBLISH_CPU("publish", "µs of Redis CPU per message"),
    CONSUME("consume and acknowledge", "messages/ms"),
    CONSUME_CPU("consume and acknowledge", "µs of Redis CPU per message"),
    LATENCY("publish → handler, p50", "µs"),
    IDLE_COMMANDS("idle, one subscription", "commands/s, those inside scripts too"),
    IDLE_READS("idle, one subscription", "requests/s"),
    BYTES("one message", "bytes in Redis beyond its payload");

    private final String operation;
    private final String unit;

    Figure(String operation, String unit) {
      this.operation = operation;
      this.unit = unit;
    }
  }

  private final Map<Through, Map<Figure, List<Double>>> measured = new EnumMap<>(Through.class);
  private final Map<Through, Holdings> held = new EnumMap<>(Through.class);
  private int opened;

  private void add(Through through, Figure figure, double value) {
    measured
        .computeIfAbsent(through, unused -> new EnumMap<>(Figure.class))
        .computeIfAbsent(figure, unused -> new ArrayList<>())
        .add(value);
  }

  @Override
  public void run(Pace pace) throws InterruptedException {
    List<Through> order = new ArrayList<>(ROWS);
    for (Through through : order) {
      takeTurn(through, false);
    }
    long end = System.nanoTime() + pace.measurement().multipliedBy(ROWS.size()).toNanos();
    do {
      Collections.rotate(order, 1);
      for (Through through : order) {
        takeTurn(through, true);
      }
    } while (System.nanoTime() - end < 0);
    for (Through through : ROWS) {
      if (hasGroups(through)) {
        weigh(through);
      }
      idle(through);
    }
    for (Through through : List.of(Through.POOL, Through.CLIENT)) {
      hold(through);
    }
  }

  private static Receiver.Event event(int number) {
    return new Receiver.Event("user_created", "user-" + number, number);
  }

  /** Opens one stream of a row's client after the other. */
  private Supplier<StreamConsumer> streams(Access access) {
    Function<String, StreamConsumer> client = StreamConsumer.client(access);
    return () -> client.apply(access.name() + "-" + opened++);
  }

  /** A reliable topic has none: whoever listens gets all messages, and they are trimmed then. */
  private static boolean hasGroups(Through through) {
    return through != Through.REDISSON_TOPIC;
  }

  private void takeTurn(Through through, boolean counts) throws InterruptedException {
    Map<Figure, Double> figures = new EnumMap<>(Figure.class);
    try (Access access = Access.by(through)) {
      Supplier<StreamConsumer> streams = streams(access);
      publish(streams.get(), figures);
      if (hasGroups(through)) {
        consume(streams.get(), access.admin(), figures);
      }
      figures.put(Figure.LATENCY, latency(streams.get()));
    }
    if (counts) {
      figures.forEach((figure, value) -> add(through, figure, value));
    }
  }

  private static void publish(StreamConsumer stream, Map<Figure, Double> figures) {
    ServerWork before = ServerWork.soFar(Access.onlooker());
    long start = System.nanoTime();
    for (int i = 0; i < PUBLISHED; i++) {
      stream.publish(event(i));
    }
    long nanos = System.nanoTime() - start;
    ServerWork work = ServerWork.soFar(Access.onlooker()).since(before);
    figures.put(Figure.PUBLISH, PUBLISHED * 1e6 / nanos);
    figures.put(Figure.PUBLISH_CPU, (double) work.cpuMicros() / PUBLISHED);
  }

  /** What is there already when the consumer comes; over when the last one is acknowledged. */
  private static void consume(
      StreamConsumer stream, UnifiedJedis admin, Map<Figure, Double> figures)
      throws InterruptedException {
    fill(admin, stream.key(), CONSUMED);
    Semaphore handled = new Semaphore(0);
    ServerWork before = ServerWork.soFar(Access.onlooker());
    long start = System.nanoTime();
    stream.start(event -> handled.release());
    handled.acquire(CONSUMED);
    while (Access.onlooker().xpending(stream.key(), StreamConsumer.GROUP).getTotal() > 0) {
      Thread.sleep(1);
    }
    long nanos = System.nanoTime() - start;
    ServerWork work = ServerWork.soFar(Access.onlooker()).since(before);
    stream.stop();
    figures.put(Figure.CONSUME, CONSUMED * 1e6 / nanos);
    figures.put(Figure.CONSUME_CPU, (double) work.cpuMicros() / CONSUMED);
  }

  private static long fill(UnifiedJedis admin, String key, int count) {
    long bytes = 0;
    try (AbstractPipeline pipeline = admin.pipelined()) {
      for (int i = 0; i < count; i++) {
        String json = StreamConsumer.GSON.toJson(event(i));
        bytes += json.getBytes(StandardCharsets.UTF_8).length;
        var unused =
            pipeline.xadd(key, Map.of(StreamConsumer.FIELD, json), XAddParams.xAddParams());
      }
    }
    return bytes;
  }

  private static double latency(StreamConsumer stream) throws InterruptedException {
    Semaphore handled = new Semaphore(0);
    long[] arrived = new long[1];
    stream.start(
        event -> {
          arrived[0] = System.nanoTime();
          handled.release();
        });
    double[] micros = new double[AWAITED];
    for (int i = 0; i < AWAITED; i++) {
      long published = System.nanoTime();
      stream.publish(event(i));
      handled.acquire();
      micros[i] = (arrived[0] - published) / 1e3;
    }
    stream.stop();
    return median(micros);
  }

  private void weigh(Through through) {
    try (Access access = Access.by(through)) {
      StreamConsumer stream = streams(access).get();
      long empty = access.admin().memoryUsage(stream.key(), 0);
      long payload = 0;
      for (int i = 0; i < WEIGHED; i++) {
        stream.publish(event(i));
        payload += StreamConsumer.GSON.toJson(event(i)).getBytes(StandardCharsets.UTF_8).length;
      }
      long full = access.admin().memoryUsage(stream.key(), 0);
      add(through, Figure.BYTES, (double) (full - empty - payload) / WEIGHED);
    }
  }

  private void idle(Through through) throws InterruptedException {
    try (Access access = Access.by(through)) {
      StreamConsumer stream = streams(access).get();
      stream.start(event -> {});
      stream.publish(event(0));
      Thread.sleep(SETTLED_MILLIS);
      ServerWork before = ServerWork.soFar(Access.onlooker());
      Thread.sleep(IDLE_MILLIS);
      ServerWork work = ServerWork.soFar(Access.onlooker()).since(before);
      stream.stop();
      add(through, Figure.IDLE_COMMANDS, work.commands() * 1e3 / IDLE_MILLIS);
      add(through, Figure.IDLE_READS, work.reads() * 1e3 / IDLE_MILLIS);
    }
  }

  /** Each topic with one subscription, all over one pool or client. */
  private void hold(Through through) {
    try (Access access = Access.by(through)) {
      List<DurableTopic<Receiver.Event>> topics = new ArrayList<>();
      try {
        for (int i = 0; i < TOPICS; i++) {
          String name = access.name() + "-" + i;
          DurableTopic<Receiver.Event> topic =
              access
                  .over(
                      pool -> DurableTopic.builder(pool, name, Receiver.Event.class),
                      client -> DurableTopic.builder(client, name, Receiver.Event.class))
                  .build();
          topics.add(topic);
          topic.subscribe(StreamConsumer.GROUP, From.start(), message -> {});
        }
        held.put(through, Access.held("-jmh-worker-"));
      } finally {
        topics.forEach(DurableTopic::close);
      }
    }
  }

  private static double median(double[] numbers) {
    Arrays.sort(numbers);
    return numbers.length == 0 ? Double.NaN : numbers[numbers.length / 2];
  }

  private double median(Through through, Figure figure) {
    return median(
        measured.getOrDefault(through, Map.of()).getOrDefault(figure, List.of()).stream()
            .mapToDouble(value -> value)
            .toArray());
  }

  @Override
  public String table() {
    MarkdownTable costs =
        new MarkdownTable("Durable topic", "operation", "through", "median", "unit", "× raw");
    for (Figure figure : Figure.values()) {
      for (Through through : ROWS) {
        double value = median(through, figure);
        if (!Double.isNaN(value)) {
          costs.row(
              figure.operation,
              through.label(),
              number(value),
              figure.unit,
              number(value / median(Through.RAW, figure)));
        }
      }
    }
    MarkdownTable holdings =
        new MarkdownTable(
            "Durable topic, %,d topics with a subscription each".formatted(TOPICS),
            "operation",
            "through",
            "threads",
            "connections");
    held.forEach(
        (through, each) ->
            holdings.row("hold", through.label(), each.threads(), each.connections()));
    return costs + "\n" + holdings;
  }
}
