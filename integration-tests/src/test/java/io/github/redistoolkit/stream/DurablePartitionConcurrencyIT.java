package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The order of each key, recomputed from what handlers did, while consumers come and go. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class DurablePartitionConcurrencyIT extends StreamSuite {

  private static final int KEYS = 12;

  private final PartitionHistory history;

  DurablePartitionConcurrencyIT(TestRedis redis) {
    super(redis);
    this.history = new PartitionHistory(redis.admin(), redis.mark() + "history");
  }

  private Set<Integer> publishAll(DurableTopic<Integer> topic, int ofEach) {
    Set<Integer> all = new HashSet<>();
    for (int number = 0; number < ofEach; number++) {
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
  void keepsTheOrderOfEachKeyWhileConsumersComeAndGoAndHandlersFail() throws Exception {
    DurableTopic<Integer> topic = open(builder().partitions(6));
    DurableHandler<Integer> handler = history.handler(3, Duration.ofMillis(4));
    Deque<DurableSubscription> consumers = new ArrayDeque<>();
    consumers.add(topic.subscribe(GROUP, From.start(), handler));
    Set<Integer> all = publishAll(topic, Matrix.size(60, 1_000));
    int changes = Matrix.size(8, 60);
    for (int i = 0; i < changes; i++) {
      if (i % 4 < 2) {
        consumers.add(open(builder().partitions(6)).subscribe(GROUP, From.start(), handler));
      } else {
        consumers.remove().close();
      }
      int some = history.timesDone() + all.size() / (2 * changes);
      int most = all.size() * 5 / 6;
      await("at work").until(history::timesDone, is(greaterThan(Math.min(some, most))));
    }
    await("all")
        .atMost(Duration.ofMinutes(Matrix.size(1, 5)))
        .until(() -> history.done().size(), is(all.size()));
    awaitPending(topic, 0);
    assertThat(history.done(), is(all));
    assertThat(history.outOfOrder(), is(empty()));
    assertThat(history.ofFormerOwners(), is(empty()));
    assertThat(history.overlapping(), is(empty()));
  }

  @Test
  void theSameCatchesConsumersThatShareAStreamWithoutALease() throws Exception {
    DurableTopic<Integer> topic = open();
    Set<Integer> all = publishAll(topic, 20);
    for (int i = 0; i < 3; i++) {
      topic.subscribe(GROUP, From.start(), history.handler(3, Duration.ofMillis(4)));
    }
    await("all").until(() -> history.done().size(), is(all.size()));
    assertThat(history.outOfOrder(), is(not(empty())));
  }
}
