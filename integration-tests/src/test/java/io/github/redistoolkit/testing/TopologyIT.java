package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.FaultProxy.Loss;
import io.github.redistoolkit.testing.FaultProxy.Then;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;

@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
@Tag("smoke")
class TopologyIT {

  private final TestRedis redis;

  TopologyIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void itIsLaidOutAsPromised() {
    assertThat(redis.primaries(), hasSize(redis.topology() == Topology.CLUSTER ? 3 : 1));
    for (HostAndPort primary : redis.primaries()) {
      assertThat(primary.getHost(), is("127.0.0.1"));
      try (Jedis jedis = redis.open(primary)) {
        boolean replicated = redis.topology() != Topology.STANDALONE;
        assertThat(jedis.info("replication").contains("connected_slaves:1"), is(replicated));
      }
    }
  }

  @Test
  void itsKeyspaceIsEmptyWhateverOtherTestsWrote() {
    for (int i = 0; i < 20; i++) {
      redis.admin().set(redis.unique("key"), "");
    }
    redis.afterEach();
    for (HostAndPort primary : redis.primaries()) {
      try (Jedis jedis = redis.open(primary)) {
        assertThat(jedis.dbSize(), is(0L));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"first", "second"})
  void itsKeyspaceIsEmptyBeforeEachParameterOfATestAsWell(String value) {
    assertThat(redis.admin().exists("left"), is(false));
    redis.admin().set("left", value);
  }

  @Test
  void itIsReachedThroughAProxyAndAReplyCanBeLostOnTheWay() throws InterruptedException {
    String key = redis.unique("counter");
    try (FaultProxy proxy = redis.proxy();
        TestRedis through = redis.through(proxy)) {
      UnifiedJedis client = through.client();
      assertThat(client.incr(key), is(1L));
      assertThat(proxy.requests("incr"), is(1L));
      Loss loss = proxy.loseReply("incr", 1, Then.CUT);
      try {
        // A cluster client sends again what may have been executed.
        assertThat(client.incr(key), is(3L));
        assertThat(redis.topology(), is(Topology.CLUSTER));
      } catch (JedisConnectionException e) {
        assertThat(redis.admin().get(key), is("2"));
      }
      loss.await();
      assertThat(proxy.connections(), greaterThan(0));
    }
  }

  @Test
  void anotherJvmReachesItByTheSameKindOfClient() throws InterruptedException {
    String key = redis.unique("counter");
    try (ChildJvms jvms = ChildJvms.start(redis, 1, ChildJvmIT.Counting.class, key, "1")) {
      jvms.go();
      assertThat(jvms.finish().get(0), is(redis + " of 0 at 1"));
      assertThat(redis.admin().get(key), is("1"));
    }
  }
}
