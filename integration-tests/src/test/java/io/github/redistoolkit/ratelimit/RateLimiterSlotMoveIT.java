package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.SlotMove;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Set;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.JedisClusterCRC16;

/** A Cluster whose slots move, change hands, or have no server. */
@EachClient(topologies = Topology.CLUSTER)
class RateLimiterSlotMoveIT {

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final Policies policies;

  RateLimiterSlotMoveIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
    this.policies = new Policies(redis, redis.unique("moving"));
  }

  @Test
  void aSlotThatIsBeingMovedIsDecidedUponAsEverWhetherTheIdIsNewOrNot() {
    RateLimiter limiter = policies.limiter(OnUnavailable.THROW);
    assertThat(limiter.tryAcquire(policies.id(), 2).allowed(), is(true));
    SlotMove move = servers.beginMoveOfSlot(policies.key());
    policies.assertRemaining(1);
    limiter.reset(policies.id());
    assertThat(limiter.tryAcquire(policies.id(), 2).allowed(), is(true));
    assertThat(limiter.tryAcquire(policies.id(), 2).allowed(), is(false));
    move.finish();
    policies.assertRemaining(1);
  }

  @Test
  void aSlotThatNobodyServesIsLeftToThePolicy() {
    try (Jedis owner = redis.open(servers.primaryOf(policies.key()).address())) {
      int slot = JedisClusterCRC16.getSlot(policies.key());
      owner.clusterDelSlots(slot);
      policies.assertDecide("CLUSTERDOWN");
      owner.clusterAddSlots(slot);
    }
    policies.assertRemainingSoon(3);
  }

  /** The price of never sending a decision twice. */
  @Test
  void aClientThatTriesOnceLeavesTheFirstDecisionAfterAMoveToThePolicy() {
    try (UnifiedJedis once =
        RedisClusterClient.builder()
            .nodes(Set.copyOf(redis.nodes()))
            .clientConfig(DefaultJedisClientConfig.builder().build())
            .maxAttempts(1)
            .build()) {
      RateLimiter limiter =
          RateLimiter.builder(once, "default")
              .limit(Limit.of(3, Duration.ofHours(1)))
              .onUnavailable(OnUnavailable.ALLOW)
              .build();
      assertThat(limiter.tryAcquire(policies.id()).degraded(), is(false));
      servers.moveSlot(policies.key());
      assertThat(limiter.tryAcquire(policies.id()).degraded(), is(true));
      assertThat(limiter.tryAcquire(policies.id()).degraded(), is(false));
    }
  }

  @Test
  void noGrantIsForgottenWhileASlotMoves() throws InterruptedException {
    try (UnderLoad load = new UnderLoad(redis, redis.unique("moved"))) {
      load.awaitGrants(UnderLoad.PERMITS);
      for (int i = 1; i <= 4; i++) {
        servers.moveSlot(load.key());
        load.awaitGrants((2 * i + 1) * UnderLoad.PERMITS);
      }
      load.stop();
      load.assertNoMoreThan(UnderLoad.PERMITS);
      load.assertNothingRefusedNeedlessly();
    }
  }

  @Test
  void noGrantOfSeveralLimitsIsForgottenWhileASlotMoves() throws InterruptedException {
    Limit wide = Limit.of(1000, Duration.ofMinutes(1));
    try (UnderLoad load = new UnderLoad(redis, redis.unique("moved"), wide)) {
      load.awaitGrants(UnderLoad.PERMITS);
      for (int i = 1; i <= 4; i++) {
        servers.moveSlot(load.key());
        load.awaitGrants((2 * i + 1) * UnderLoad.PERMITS);
      }
      load.stop();
      load.assertNoMoreThan(UnderLoad.PERMITS);
    }
  }

  /** Cluster's own failover waits until the replica has all that was granted. */
  @Test
  void noGrantIsForgottenInAPlannedFailover() throws InterruptedException {
    try (UnderLoad load = new UnderLoad(redis, redis.unique("handed-over"))) {
      load.awaitGrants(2 * UnderLoad.PERMITS);
      servers.failOver(load.key());
      load.enter("after");
      load.awaitGrants(3 * UnderLoad.PERMITS);
      load.stop();
      load.assertNoMoreThan(UnderLoad.PERMITS);
    }
  }
}
