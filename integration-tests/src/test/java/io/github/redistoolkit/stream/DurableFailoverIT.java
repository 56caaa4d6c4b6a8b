package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** A primary is replaced, by order or because it died. */
@EachClient(topologies = {Topology.SENTINEL, Topology.CLUSTER})
class DurableFailoverIT extends StreamSuite {

  private final PrivateRedis servers;

  DurableFailoverIT(TestRedis shared) {
    super(shared.privateServers().redis());
    this.servers = shared.privateServers();
    // A cluster is calm unless told otherwise.
    if (redis.topology() == Topology.CLUSTER) {
      servers.configure("cluster-node-timeout", "1500");
    }
  }

  @Test
  void goesOnAtTheNewPrimaryAfterAFailoverByOrder() throws Exception {
    DurableTopic<Integer> topic = open();
    topic.subscribe(GROUP, From.start(), this::take);
    publish(topic, 0, 100);
    assertThat(next(100), is(numbers(0, 100)));
    awaitPending(topic, 0);
    servers.awaitReplicated(stream());
    servers.failOver(stream());
    publishAfterFailover(topic, 100, 200);
    awaitAll(topic, 200);
  }

  @Test
  @Proves("durable-topic.goes-on")
  void goesOnAtTheNewPrimaryAfterTheOldOneDied() throws Exception {
    DurableTopic<Integer> topic = open();
    topic.subscribe(GROUP, From.start(), this::take);
    publish(topic, 0, 100);
    assertThat(next(100), is(numbers(0, 100)));
    awaitPending(topic, 0);
    servers.awaitReplicated(stream());
    RedisServer primary = servers.primaryOf(stream());
    primary.kill();
    servers.awaitFailover(stream(), primary.address());
    publishAfterFailover(topic, 100, 200);
    awaitAll(topic, 200);
    primary.start();
  }

  /** A connection or two may still lead to the old one. What failed may be there all the same. */
  private void publishAfterFailover(DurableTopic<Integer> topic, int from, int to) {
    for (int i = from; i < to; i++) {
      int number = i;
      await("published")
          .ignoreExceptionsInstanceOf(JedisException.class)
          .until(() -> topic.publish(number) != null);
    }
  }

  private void awaitAll(DurableTopic<Integer> topic, int count) throws Exception {
    Set<Integer> all = new HashSet<>(numbers(0, 100));
    while (all.size() < count) {
      all.add(next().body());
    }
    awaitPending(topic, 0);
    assertThat(topic.deadLetters(GROUP, 1), is(empty()));
    assertThat(heard.of("lost"), is(empty()));
  }
}
