package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.UnifiedJedis;

/** What is different in a Cluster. */
@EachClient(topologies = Topology.CLUSTER)
class RateLimiterClusterIT {

  private static final Limit LIMIT = Limit.of(10, Duration.ofHours(1));

  private final TestRedis redis;
  private final String id;

  RateLimiterClusterIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("spread");
  }

  @Test
  void idsSpreadOverAllServers() {
    RateLimiter limiter =
        redis
            .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
            .limit(LIMIT, Limit.tokenBucket(10, 1, Duration.ofHours(1)))
            .build();
    for (int i = 0; i < 100; i++) {
      assertThat(limiter.isAllowed("{x}" + id + i + "{x}"), is(true));
    }
    List<Long> sizes =
        redis.primaries().stream()
            .map(
                server -> {
                  try (Jedis jedis = redis.open(server)) {
                    return jedis.dbSize();
                  }
                })
            .toList();
    assertThat(sizes.stream().mapToLong(Long::longValue).sum(), is(100L));
    assertThat(sizes, everyItem(is(greaterThan(20L))));
  }

  /** The client of Jedis sends it again by itself. */
  @Test
  void aDecisionWhoseReplyIsLostIsAnsweredAsTheFirstTimeAndChargedOnce()
      throws InterruptedException {
    try (FaultProxy network = redis.proxy();
        TestRedis behindIt = redis.through(network)) {
      RateLimiter limiter = limiter(behindIt);
      assertThat(limiter.tryAcquire(id).remaining(), is(9L));
      FaultProxy.Loss loss = network.loseReply("EVALSHA", 1, Then.CUT);
      assertThat(limiter.tryAcquire(id).remaining(), is(8L));
      loss.await();
      loss = network.loseReply("EVALSHA", 1, Then.SILENCE);
      assertThat(limiter.tryAcquire(id).remaining(), is(7L));
      loss.await();
      loss = network.loseReply("EVALSHA", 1, Then.CUT);
      assertThat(limiter.tryAcquire(id, 7).allowed(), is(true));
      loss.await();
      assertThat(limiter.isAllowed(id), is(false));
    }
  }

  @Test
  void whatIsGivenBackOrChargedIsSoOnceThoughTheReplyIsLost() throws InterruptedException {
    try (FaultProxy network = redis.proxy();
        TestRedis behindIt = redis.through(network)) {
      RateLimiter limiter = limiter(behindIt);
      assertThat(limiter.tryAcquire(id, 10).allowed(), is(true));
      FaultProxy.Loss loss = network.loseReply("EVALSHA", 1, Then.CUT);
      limiter.refund(id, 3);
      loss.await();
      assertThat(limiter.peek(id).remaining(), is(3L));
      loss = network.loseReply("EVALSHA", 1, Then.CUT);
      assertThat(limiter.charge(id, 2).remaining(), is(1L));
      loss.await();
      assertThat(limiter.peek(id).remaining(), is(1L));
    }
  }

  @Test
  void aBookingWhoseReplyIsLostIsBookedOnce() throws InterruptedException {
    try (FaultProxy network = redis.proxy();
        TestRedis behindIt = redis.through(network)) {
      RateLimiter limiter = limiter(behindIt);
      assertThat(limiter.tryAcquire(id, 10).allowed(), is(true));
      FaultProxy.Loss loss = network.loseReply("EVALSHA", 1, Then.CUT);
      long hour = Duration.ofHours(1).toNanos() / 1000;
      assertThat(limiter.book(id, 10, 3 * hour).waitMicros() <= hour, is(true));
      loss.await();
      assertThat(limiter.book(id, 10, 3 * hour).waitMicros() <= 2 * hour, is(true));
    }
  }

  @Test
  void aClientThatTriesOnceLeavesALostReplyToThePolicyAndIsChargedOnce() {
    try (FaultProxy network = redis.proxy();
        UnifiedJedis once =
            RedisClusterClient.builder()
                .nodes(Set.of(network.address()))
                .clientConfig(
                    DefaultJedisClientConfig.builder().hostAndPortMapper(network::address).build())
                .maxAttempts(1)
                .build()) {
      RateLimiter limiter =
          RateLimiter.builder(once, "default")
              .limit(LIMIT)
              .onUnavailable(OnUnavailable.DENY)
              .build();
      assertThat(limiter.tryAcquire(id).remaining(), is(9L));
      FaultProxy.Loss loss = network.loseReply("EVALSHA", 1, Then.CUT);
      assertThat(limiter.tryAcquire(id), is(Degraded.to(false, LIMIT)));
      assertThat(loss.happened(), is(true));
      assertThat(limiter(redis).peek(id).remaining(), is(8L));
    }
  }

  @Test
  void aResetWhoseReplyIsLostIsDoneAgain() throws InterruptedException {
    try (FaultProxy network = redis.proxy();
        TestRedis behindIt = redis.through(network)) {
      RateLimiter limiter = limiter(behindIt);
      assertThat(limiter.tryAcquire(id, 10).allowed(), is(true));
      FaultProxy.Loss loss = network.loseReply("DEL", 1, Then.CUT);
      limiter.reset(id);
      loss.await();
      assertThat(limiter.peek(id).remaining(), is(10L));
    }
  }

  private static RateLimiter limiter(TestRedis reached) {
    return reached
        .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
        .limit(LIMIT)
        .build();
  }
}
