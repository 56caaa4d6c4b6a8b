package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.oneOf;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Loss;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What is otherwise in a Cluster: its nodes pass each other what is published. */
@EachClient(topologies = Topology.CLUSTER)
class PubSubClusterIT extends PubSubSuite {

  PubSubClusterIT(TestRedis redis) {
    super(redis);
  }

  @Test
  void publishCountsOnTheNodeThatWasAskedButReachesAll() {
    int count = 50;
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      // Only one node has the subscription; a publish at any of them arrives.
      assertThat(wire.sum(jedis -> jedis.publish(channel, "-1")), is(1L));
      List<Integer> expected = new ArrayList<>(Collections.nCopies(redis.nodes().size(), -1));
      for (int i = 0; i < count; i++) {
        assertThat(pubSub.publish(channel, i), is(oneOf(0L, 1L)));
        expected.add(i);
      }
      Wire.await("all received").until(() -> kept.size() == expected.size());
      assertThat(kept, containsInAnyOrder(expected.toArray()));
    }
  }

  /** Nodes pass messages on to each other, some slower than others. */
  @Test
  @Proves("pub-sub.in-order")
  void whatOneThreadPublishesToOneChannelArrivesInThatOrder() {
    int count = Matrix.size(1_000, 10_000);
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      for (int i = 0; i < count; i++) {
        pubSub.publish(channel, i);
      }
      Wire.await("all received").until(kept::size, is(count));
    }
    assertThat(kept, is(IntStream.range(0, count).boxed().toList()));
  }

  /** This is why it is documented. */
  @Test
  void theClientItselfRepeatsAPublishWhoseAnswerWasLost() throws Exception {
    try (FaultProxy proxy = redis.proxy();
        TestRedis proxied = redis.through(proxy);
        RedisPubSub pubSub = builder().build();
        RedisPubSub publisher = builder(proxied).build()) {
      pubSub.subscribe(channel, Integer.class, this::keep);
      Loss loss = proxy.loseReply("publish", 1, Then.CUT);
      publisher.publish(channel, 1);
      loss.await();
      Wire.await("received twice").until(() -> kept.equals(Collections.nCopies(2, 1)));
    }
  }

  @Test
  void subscribersAreSpreadOverTheNodes() {
    Set<String> nodes = new HashSet<>();
    for (int i = 0; i < 20; i++) {
      try (RedisPubSub pubSub = builder().build()) {
        pubSub.subscribe(channel, Integer.class, this::keep);
        wire.connections().forEach(line -> nodes.add(line.replaceAll(".* laddr=(\\S+) .*", "$1")));
      }
      Wire.await("closed").until(() -> wire.connections().isEmpty());
    }
    assertThat(nodes.size(), is(greaterThan(1)));
  }
}
