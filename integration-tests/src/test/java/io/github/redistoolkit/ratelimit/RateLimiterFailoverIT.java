package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisConnectionException;

/**
 * Another server becomes the primary while permits are asked for. It may lack the latest grants, so
 * a window around that moment may hold one more limit; no other window may.
 */
@EachClient(topologies = {Topology.SENTINEL, Topology.CLUSTER})
class RateLimiterFailoverIT {

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final UnderLoad load;

  RateLimiterFailoverIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis().impatient(Duration.ofSeconds(1));
    this.load = new UnderLoad(redis, redis.unique("failed-over"));
  }

  @AfterEach
  void endLoad() {
    load.close();
    redis.close();
  }

  @Test
  void aPlannedFailoverCostsOneMoreLimitAtMost() throws InterruptedException {
    load.awaitGrants(2 * UnderLoad.PERMITS);
    RedisServer before = servers.primaryOf(load.key());
    load.enter("during");
    servers.failOver(load.key());
    awaitReplica(before);
    load.enter("after");
    assertHeld();
  }

  @Test
  void aCrashOfThePrimaryCostsOneMoreLimitAtMost() throws InterruptedException {
    load.awaitGrants(2 * UnderLoad.PERMITS);
    RedisServer crashed = servers.primaryOf(load.key());
    load.enter("during");
    crashed.kill();
    servers.awaitFailover(load.key(), crashed.address());
    load.enter("after");
    assertHeld();
    assertThat(load.degraded(), is(greaterThan(0)));
  }

  private void assertHeld() throws InterruptedException {
    load.awaitGrants(3 * UnderLoad.PERMITS);
    load.stop();
    load.assertExactIn("before");
    load.assertExactIn("after");
    load.assertNoMoreThan(2 * UnderLoad.PERMITS);
  }

  /**
   * Until then it may grant what the new primary does not know of. The sentinels tell it when they
   * have seen for a while that it takes itself for a primary.
   */
  private void awaitReplica(RedisServer demoted) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(60))
        // Its connections are closed when it is demoted.
        .ignoreExceptionsInstanceOf(JedisConnectionException.class)
        .until(
            () -> {
              try (Jedis jedis = redis.open(demoted.address())) {
                return jedis.info("replication").contains("role:slave");
              }
            });
  }
}
