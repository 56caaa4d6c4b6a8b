package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.anyOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.RedisTest.Servers;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherConfig;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.util.Pool;

@Tag("integration")
@Tag("bed")
class RedisTestIT {

  @Nested
  @RedisTest
  class OnOneServer {

    private final UnifiedJedis ofInstance;

    OnOneServer(UnifiedJedis ofInstance) {
      this.ofInstance = ofInstance;
    }

    @RepeatedTest(2)
    void theKeyspaceIsEmptyEachTime(UnifiedJedis client) {
      assertThat(client.dbSize(), is(0L));
      client.set("key", "value");
    }

    @Test
    @SuppressWarnings("deprecation") // JedisPool is what most code holds
    void eachParameterReachesTheSameServer(
        JedisPool pool, Pool<Jedis> same, UnifiedJedis client, Jedis jedis, TestRedis redis) {
      client.set("key", "value");
      try (Jedis pooled = pool.getResource()) {
        assertThat(pooled.get("key"), is("value"));
      }
      assertThat(jedis.get("key"), is("value"));
      assertThat(redis.admin().get("key"), is("value"));
      assertThat(same, is(sameInstance(pool)));
      assertThat(client, is(sameInstance(ofInstance)));
    }

    @Test
    void clientsGoThroughTheNetworkOfTheirTest(
        FaultProxy network, UnifiedJedis client, TestRedis redis) throws InterruptedException {
      FaultProxy.Loss loss = network.loseReply("incr", 1, Then.CUT);
      assertThrows(JedisConnectionException.class, () -> client.incr("counter"));
      loss.await();
      assertThat(ofInstance.get("counter"), is("1"));
      assertThat(redis.address(), is(network.address()));
      network.refuse();
      assertThrows(JedisConnectionException.class, () -> redis.client().get("counter"));
    }

    @Nested
    class Within {
      @Test
      void isTheSame(UnifiedJedis client) {
        assertThat(client, is(sameInstance(ofInstance)));
      }
    }
  }

  @Nested
  @RedisTest(client = ClientKind.POOL_RESP3)
  class ThroughOneKindOfClient {
    @Test
    void itIsTheOneThatIsAskedFor(TestRedis redis, Pool<Jedis> pool) {
      assertThat(redis.kind(), is(ClientKind.POOL_RESP3));
      assertThat(redis.<Object>over(given -> given, client -> client), is(sameInstance(pool)));
    }
  }

  @Nested
  @RedisTest(topology = Topology.SENTINEL)
  class OnSentinel {
    @Test
    void aJedisReachesThePrimary(UnifiedJedis client, Pool<Jedis> pool, Jedis jedis) {
      jedis.set("key", "value");
      assertThat(client.get("key"), is("value"));
      try (Jedis pooled = pool.getResource()) {
        assertThat(pooled.get("key"), is("value"));
      }
    }
  }

  @Nested
  @RedisTest(topology = Topology.CLUSTER)
  class OnACluster {
    @RepeatedTest(2)
    void everyPrimaryIsEmpty(UnifiedJedis client, TestRedis redis) {
      long keys = 0;
      for (HostAndPort primary : redis.primaries()) {
        try (Jedis jedis = redis.open(primary)) {
          keys += jedis.dbSize();
        }
      }
      assertThat(keys, is(0L));
      for (int key = 0; key < 20; key++) {
        client.set("key-" + key, "value");
      }
    }
  }

  @Nested
  @RedisTest(servers = Servers.OWN, settings = "maxmemory-policy allkeys-lru")
  class OnServersOfItsOwn {

    /** Each finds them running, though the other leaves them stopped. */
    @RepeatedTest(2)
    void theyMayBeStopped(PrivateRedis servers, UnifiedJedis client, TestRedis redis) {
      assertThat(client.dbSize(), is(0L));
      client.set("key", "value");
      assertThat(client.configGet("maxmemory-policy").get("maxmemory-policy"), is("allkeys-lru"));
      assertThat(redis.address(), is(servers.servers().get(0).address()));
      servers.servers().get(0).stop();
      assertThrows(JedisConnectionException.class, () -> client.get("key"));
    }
  }

  @Test
  void whatDoesNotFitIsRefusedByName() {
    assertThat(
        failures(AsksForAPoolOfACluster.class),
        is(List.of("there is no Pool for topology CLUSTER")));
    assertThat(
        failures(AsksForOneServerOfACluster.class),
        is(List.of("a Jedis reaches one server, not a Cluster; ask for a RedisClusterClient")));
    assertThat(
        failures(AsksForServersOfOthers.class),
        is(
            List.of(
                "a PrivateRedis is given with @RedisTest(servers = OWN), for others use these"
                    + " servers")));
    assertThat(failures(AsksForAnotherTopologysClient.class), hasSize(1));
    assertThat(
        failures(AsksForAnotherTopologysClient.class).get(0),
        containsString("client CLUSTER is for topology CLUSTER, but the topology is STANDALONE"));
    assertThat(
        failures(SetsServersOfOthers.class).get(0),
        containsString("settings are for servers = OWN"));
  }

  @Test
  void aConnectionThatIsLeftBorrowedFailsTheClass() {
    try {
      assertThat(
          failures(LeavesAConnectionBorrowed.class).get(0),
          containsString("borrowed connections are left behind: [1 of POOL"));
    } finally {
      // Which the end of its pool does not, and other classes would be blamed for.
      LeavesAConnectionBorrowed.LEFT.forEach(Jedis::close);
    }
  }

  @Test
  void serversAreReplacedAfterATestThatFailed() {
    FailsOnce.ADDRESSES.clear();
    assertThat(failures(FailsOnce.class), is(List.of("on purpose")));
    assertThat(FailsOnce.ADDRESSES.get(0), is(not(FailsOnce.ADDRESSES.get(1))));
  }

  /** Without what this run itself listens with. */
  private static final LauncherConfig ALONE =
      LauncherConfig.builder()
          .enableTestExecutionListenerAutoRegistration(false)
          .enableLauncherSessionListenerAutoRegistration(false)
          .enableLauncherDiscoveryListenerAutoRegistration(false)
          .build();

  /** Runs one of the classes below, and returns why it fails. */
  private static List<String> failures(Class<?> type) {
    List<String> failures = new ArrayList<>();
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request().selectors(selectClass(type)).build();
    LauncherFactory.create(ALONE)
        .execute(
            request,
            new TestExecutionListener() {
              @Override
              public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                result.getThrowable().ifPresent(failure -> failures.add(root(failure)));
              }
            });
    return failures;
  }

  private static String root(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null && !(root instanceof AssertionError)) {
      root = root.getCause();
    }
    return String.valueOf(root.getMessage());
  }

  // What these do is what the tests above are about. No build finds them: their names say no test.

  @RedisTest(topology = Topology.CLUSTER)
  static class AsksForAPoolOfACluster {
    @Test
    void test(Pool<Jedis> pool) {
      throw new AssertionError(pool);
    }
  }

  @RedisTest(topology = Topology.CLUSTER)
  static class AsksForOneServerOfACluster {
    @Test
    void test(Jedis jedis) {
      throw new AssertionError(jedis);
    }
  }

  @RedisTest
  static class AsksForServersOfOthers {
    @Test
    void test(PrivateRedis servers) {
      throw new AssertionError(servers);
    }
  }

  @RedisTest(client = ClientKind.CLUSTER)
  static class AsksForAnotherTopologysClient {
    @Test
    void test() {}
  }

  @RedisTest(settings = "maxmemory 1")
  static class SetsServersOfOthers {
    @Test
    void test() {}
  }

  @RedisTest
  static class LeavesAConnectionBorrowed {

    static final List<Jedis> LEFT = new ArrayList<>();

    @Test
    void test(Pool<Jedis> pool) {
      LEFT.add(pool.getResource());
    }
  }

  @RedisTest(servers = Servers.OWN)
  static class FailsOnce {

    static final List<HostAndPort> ADDRESSES = new ArrayList<>();

    @RepeatedTest(2)
    void test(TestRedis redis) {
      ADDRESSES.add(redis.address());
      assertThat(redis.kind(), anyOf(is(ClientKind.CLIENT), is(ClientKind.JEDIS_POOLED)));
      if (ADDRESSES.size() == 1) {
        throw new AssertionError("on purpose");
      }
    }
  }
}
