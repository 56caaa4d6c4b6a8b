package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.ChildJvm;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Several JVMs share the partitions of a topic, and are killed in the middle of their work. */
@EachClient
class DurablePartitionJvmsIT extends StreamSuite {

  private static final int PARTITIONS = 6;
  private static final int KEYS = 12;
  private static final int BATCH = 32;
  private static final Partitions PARTS = Partitions.of("prefix", "name", PARTITIONS);

  private final List<ChildJvms> children = new CopyOnWriteArrayList<>();
  private final PartitionHistory history;

  DurablePartitionJvmsIT(TestRedis redis) {
    super(redis);
    this.history = new PartitionHistory(redis.admin(), redis.mark() + "history");
  }

  @AfterEach
  void closeChildren() {
    children.forEach(ChildJvms::close);
  }

  private ChildJvm start(String... further) {
    List<String> args =
        new ArrayList<>(
            List.of(
                name, redis.mark() + "s:", String.valueOf(PARTITIONS), redis.mark() + "history"));
    args.addAll(List.of(further));
    ChildJvms started =
        ChildJvms.start(redis, 1, PartitionChild.class, args.toArray(String[]::new));
    children.add(started);
    return started.get(0);
  }

  private static Set<Integer> publishOfEach(DurableTopic<Integer> topic, int from, int to) {
    Set<Integer> all = new HashSet<>();
    for (int number = from; number < to; number++) {
      for (int key = 0; key < KEYS; key++) {
        int message = PartitionHistory.message(key, number);
        topic.publish(PartitionHistory.key(message), message);
        all.add(message);
      }
    }
    return all;
  }

  @Test
  @Proves("durable-topic.order-per-key")
  void keepsTheOrderOfEachKeyAlsoWhenConsumersAreKilled() throws Exception {
    DurableTopic<Integer> topic = open(builder().partitions(PARTITIONS));
    Set<Integer> all = publishOfEach(topic, 0, Matrix.size(150, 5_000));
    List<ChildJvm> running = new ArrayList<>(List.of(start(), start()));
    int kills = Matrix.size(2, 20);
    for (int i = 1; i <= kills; i++) {
      int some = i * all.size() / (2 * kills);
      ChildJvm victim = running.remove(0);
      running.add(start());
      await("at work").until(history::timesDone, is(greaterThan(some)));
      victim.kill();
    }
    await("all")
        .atMost(Duration.ofMinutes(Matrix.size(1, 10)))
        .pollInterval(Duration.ofMillis(200))
        .until(() -> history.done().size(), is(all.size()));
    awaitPending(topic, 0);
    assertThat(history.done(), is(all));
    assertThat(history.outOfOrder(), is(empty()));
    assertThat(history.ofFormerOwners(), is(empty()));
    assertThat(history.timesDone() - all.size(), is(lessThanOrEqualTo(kills * PARTITIONS * BATCH)));
  }

  @Test
  void anOwnerThatStoodStillBeginsNothingAndGetsNothingUntilItHasAPartitionAgain()
      throws Exception {
    String gate = redis.mark() + "gate";
    DurableTopic<Integer> topic = open(builder().partitions(PARTITIONS));
    Set<Integer> all = publishOfEach(topic, 0, 3);
    int busy = (int) all.stream().map(PartitionHistory::key).mapToInt(PARTS::of).distinct().count();
    ChildJvm first = start(gate);
    // A handler of each partition has begun, and all behind it was read ahead.
    await("begun").until(history::timesBegun, is(busy));
    awaitPending(topic, all.size());
    first.pause();
    assertThat(redis.admin().set(gate, "open"), is("OK"));
    ChildJvm second = start(gate);
    await("handled elsewhere").until(() -> history.done().size(), is(all.size()));
    first.resume();
    await("done late").until(history::timesDone, is(greaterThanOrEqualTo(all.size() + busy)));
    all.addAll(publishOfEach(topic, 3, 30));
    await("all").until(() -> history.done().size(), is(all.size()));
    awaitPending(topic, 0);
    assertThat(first.isAlive() && second.isAlive(), is(true));
    assertThat(history.done(), is(all));
    assertThat(history.outOfOrder(), is(empty()));
    assertThat(history.ofFormerOwners(), is(empty()));
  }
}
