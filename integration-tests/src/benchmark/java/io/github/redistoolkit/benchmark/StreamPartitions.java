package io.github.redistoolkit.benchmark;

import static io.github.redistoolkit.benchmark.MarkdownTable.number;

import io.github.redistoolkit.benchmark.Receiver.Event;
import io.github.redistoolkit.stream.DurableSubscription;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.From;
import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import org.openjdk.jmh.util.ListStatistics;
import redis.clients.jedis.Jedis;

/**
 * A durable topic with twelve partitions on one primary, and on the three of a Cluster: what a
 * message costs all of them, and the one that has most to do.
 *
 * <p>That one is what bounds a topic, since Redis runs on one core. How many messages a second go
 * through is not told: here the servers share the cores of one machine with their client, so that
 * three of them are no faster than one.
 */
final class StreamPartitions implements Harness {

  private static final int PARTITIONS = 12;
  private static final int MESSAGES = 20_000;
  private static final int WARM_UP = 2_000;

  private enum Servers {
    ALONE("one server", ClientKind.CLIENT),
    REPLICATED("one primary, with a replica", ClientKind.SENTINEL_CLIENT),
    CLUSTER("three primaries, with a replica each", ClientKind.CLUSTER);

    private final String label;
    private final ClientKind kind;

    Servers(String label, ClientKind kind) {
      this.label = label;
      this.kind = kind;
    }
  }

  private enum Operation {
    PUBLISH("publish"),
    CONSUME("consume and acknowledge");

    private final String label;

    Operation(String label) {
      this.label = label;
    }
  }

  private record Row(Operation operation, Servers servers) {}

  /** What a message cost, one number for each round. */
  private static final class Figures {

    private final ListStatistics cpuOfAll = new ListStatistics();
    private final ListStatistics cpuOfBusiest = new ListStatistics();
    private final ListStatistics commandsOfAll = new ListStatistics();
    private final List<String> commandsOfEach = new ArrayList<>();
    private final List<String> partitionsOfEach = new ArrayList<>();

    void add(List<ServerWork> works, List<Integer> partitions) {
      double[] cpu = perMessage(works, ServerWork::cpuMicros);
      double[] commands = perMessage(works, ServerWork::commands);
      cpuOfAll.addValue(Arrays.stream(cpu).sum());
      cpuOfBusiest.addValue(Arrays.stream(cpu).max().orElseThrow());
      commandsOfAll.addValue(Arrays.stream(commands).sum());
      commandsOfEach.add(
          Arrays.stream(commands).mapToObj(MarkdownTable::number).collect(Collectors.joining(" ")));
      partitionsOfEach.add(
          partitions.stream().map(String::valueOf).collect(Collectors.joining(" ")));
    }

    private static double[] perMessage(List<ServerWork> works, ToDoubleFunction<ServerWork> what) {
      return works.stream().mapToDouble(work -> what.applyAsDouble(work) / MESSAGES).toArray();
    }
  }

  /** What the servers are watched at. */
  private interface Phase {
    void run() throws InterruptedException;
  }

  private final Map<Row, Figures> rows = new LinkedHashMap<>();

  @Override
  public void run(Pace pace) throws InterruptedException {
    for (Servers servers : Servers.values()) {
      try (TestRedis given = TestRedis.of(servers.kind)) {
        TestRedis redis = given.ours();
        List<Jedis> primaries = new ArrayList<>();
        try {
          redis.primaries().forEach(address -> primaries.add(redis.open(address)));
          String name = redis.unique("partitions");
          measure(redis, primaries, servers, name);
          removeKeys(primaries, name);
        } finally {
          primaries.forEach(Jedis::close);
        }
      }
    }
  }

  private void measure(TestRedis redis, List<Jedis> primaries, Servers servers, String name)
      throws InterruptedException {
    try (DurableTopic<Event> topic =
        redis
            .over(
                pool -> DurableTopic.builder(pool, name, Event.class),
                client -> DurableTopic.builder(client, name, Event.class))
            .partitions(PARTITIONS)
            .concurrency(PARTITIONS)
            .build()) {
      publish(topic, WARM_UP);
      consume(topic, WARM_UP);
      List<ServerWork> published = workDuring(primaries, () -> publish(topic, MESSAGES));
      List<ServerWork> consumed = workDuring(primaries, () -> consume(topic, MESSAGES));
      List<Integer> partitions =
          primaries.stream().map(primary -> primary.keys("*" + name + "%p*}").size()).toList();
      figures(Operation.PUBLISH, servers).add(published, partitions);
      figures(Operation.CONSUME, servers).add(consumed, partitions);
    }
  }

  private Figures figures(Operation operation, Servers servers) {
    return rows.computeIfAbsent(new Row(operation, servers), unused -> new Figures());
  }

  private static List<ServerWork> workDuring(List<Jedis> primaries, Phase phase)
      throws InterruptedException {
    List<ServerWork> before = primaries.stream().map(ServerWork::soFar).toList();
    phase.run();
    List<ServerWork> works = new ArrayList<>();
    for (int i = 0; i < primaries.size(); i++) {
      works.add(ServerWork.soFar(primaries.get(i)).since(before.get(i)));
    }
    return works;
  }

  private static void publish(DurableTopic<Event> topic, int messages) {
    for (int i = 0; i < messages; i++) {
      topic.publish("user-" + i, new Event("user_created", "user-" + i, i));
    }
  }

  /** By one subscription, which has all partitions; over when all is acknowledged. */
  private static void consume(DurableTopic<Event> topic, int messages) throws InterruptedException {
    Semaphore handled = new Semaphore(0);
    DurableSubscription subscription =
        topic.subscribe(StreamConsumer.GROUP, From.start(), message -> handled.release());
    handled.acquire(messages);
    if (!subscription.close(Duration.ofMinutes(1))) {
      throw new IllegalStateException("not all is acknowledged");
    }
  }

  private static void removeKeys(List<Jedis> primaries, String name) {
    for (Jedis primary : primaries) {
      primary.keys("*" + name + "*").forEach(primary::unlink);
    }
  }

  @Override
  public String table() {
    MarkdownTable table =
        new MarkdownTable(
            "Durable topic with %d partitions".formatted(PARTITIONS),
            "operation",
            "servers",
            "Redis CPU µs/message, all primaries",
            "× one server",
            "busiest primary",
            "× one server",
            "commands/message",
            "of each primary, by round",
            "partitions of each, by round");
    for (Operation operation : Operation.values()) {
      for (Servers servers : Servers.values()) {
        Figures figures = figures(operation, servers);
        Figures alone = figures(operation, Servers.ALONE);
        table.row(
            operation.label,
            servers.label,
            number(figures.cpuOfAll.getMean()),
            number(figures.cpuOfAll.getMean() / alone.cpuOfAll.getMean()),
            number(figures.cpuOfBusiest.getMean()),
            number(figures.cpuOfBusiest.getMean() / alone.cpuOfBusiest.getMean()),
            number(figures.commandsOfAll.getMean()),
            String.join("; ", figures.commandsOfEach),
            String.join("; ", figures.partitionsOfEach));
      }
    }
    return table.toString();
  }
}
