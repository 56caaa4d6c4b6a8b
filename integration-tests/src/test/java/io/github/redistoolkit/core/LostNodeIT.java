package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.core.RedisAccess.Keyed;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** A primary of a Cluster is gone while the pool has a connection to it. */
@EachClient(topologies = Topology.CLUSTER)
class LostNodeIT {

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final String id;

  LostNodeIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
    this.id = shared.unique("key");
  }

  /** Commons-pool replaces a connection that is discarded at once, which fails here. */
  @Test
  void aBatchHasTheRepliesOfTheOthersAndGivesTheirConnectionsBack() {
    RedisAccess access = CoreAccess.of(redis);
    List<String> keys = keysOnEachNode(access);
    List<Keyed<Long>> commands =
        keys.stream().map(key -> new Keyed<>(key, access.commands().incr(key))).toList();
    access.executeAll(commands).forEach(outcome -> assertThat(outcome.get(), is(1L)));
    // In the order of addresses, which is that in which connections are given back.
    RedisServer first =
        servers.servers().stream()
            .filter(server -> server.address().toString().equals(access.nodeFor(keys.get(0))))
            .findFirst()
            .orElseThrow();
    first.kill();
    try {
      List<Outcome<Long>> outcomes = access.executeAll(commands);

      assertThat(outcomes.get(0).failure(), is(instanceOf(JedisConnectionException.class)));
      assertThat(outcomes.get(1).get(), is(2L));
      assertThat(outcomes.get(2).get(), is(2L));
      assertThat(redis.borrowed(), is(0));
    } finally {
      first.start();
    }
  }

  private List<String> keysOnEachNode(RedisAccess access) {
    Collection<String> keys =
        IntStream.range(0, 100)
            .mapToObj(i -> id + i)
            .collect(Collectors.toMap(access::nodeFor, key -> key, (one, other) -> one))
            .values();
    assertThat(keys, hasSize(3));
    return keys.stream()
        .sorted((one, other) -> access.nodeFor(one).compareTo(access.nodeFor(other)))
        .toList();
  }
}
