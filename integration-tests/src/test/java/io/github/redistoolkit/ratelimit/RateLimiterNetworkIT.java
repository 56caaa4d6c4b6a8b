package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import org.hamcrest.Matcher;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** A network that fails, under each policy. */
@LeavesServerAlone
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class RateLimiterNetworkIT {

  private static final Limit LIMIT = Limit.of(10, Duration.ofHours(1));

  private final TestRedis redis;
  private final FaultProxy network;
  private final TestRedis behindIt;
  private final TestRedis impatient;
  private final String id;

  RateLimiterNetworkIT(TestRedis redis) {
    this.redis = redis;
    this.network = redis.proxy();
    this.behindIt = redis.through(network);
    this.impatient = behindIt.impatient(Duration.ofMillis(200));
    this.id = redis.unique("cut-off");
  }

  @AfterEach
  void close() {
    behindIt.close();
    network.close();
  }

  @Test
  void withoutAServerThePolicyDecidesAndNobodyWaitsForPermits() throws InterruptedException {
    network.refuse();
    RateLimiter throwing = limiter(OnUnavailable.THROW);
    assertThrows(JedisException.class, () -> throwing.isAllowed(id));
    assertThrows(JedisException.class, () -> throwing.tryAcquire(id, 1, Duration.ofHours(1)));
    Matcher<Decision> allowed = Degraded.to(true, LIMIT);
    assertThat(limiter(OnUnavailable.ALLOW).tryAcquire(id, 3), is(allowed));
    assertThat(limiter(OnUnavailable.ALLOW).peek(id), is(allowed));
    Matcher<Decision> denied = Degraded.to(false, LIMIT);
    assertThat(limiter(OnUnavailable.DENY).tryAcquire(id, 3), is(denied));
    long before = System.nanoTime();
    assertThat(limiter(OnUnavailable.ALLOW).tryAcquire(id, 10, Duration.ofHours(1)), is(allowed));
    assertThat(limiter(OnUnavailable.DENY).tryAcquire(id, 10, Duration.ofHours(1)), is(denied));
    assertThat(System.nanoTime() - before, is(lessThan(Duration.ofMinutes(1).toNanos())));
    assertThat(unhindered().peek(id).remaining(), is(10L));
  }

  @Test
  void aResetThatFailsIsThrownUnderEveryPolicy() {
    network.refuse();
    for (OnUnavailable policy : OnUnavailable.values()) {
      RateLimiter limiter = limiter(policy);
      assertThrows(JedisException.class, () -> limiter.reset(id));
    }
  }

  @Test
  void aServerThatDoesNotAnswerLeavesItToThePolicy() {
    network.blackHole();
    RateLimiter throwing = limiter(OnUnavailable.THROW);
    assertThrows(JedisException.class, () -> throwing.isAllowed(id));
    assertThat(limiter(OnUnavailable.ALLOW).tryAcquire(id), is(Degraded.to(true, LIMIT)));
    assertThat(limiter(OnUnavailable.DENY).tryAcquire(id), is(Degraded.to(false, LIMIT)));
    assertThat(unhindered().isAllowed(id), is(true));
    assertThat(impatient.borrowed(), is(0));
  }

  @Test
  void connectionsThatAreCutLeaveItToThePolicyOnceAtMost() {
    RateLimiter limiter = limiter(behindIt, OnUnavailable.DENY);
    assertThat(limiter.tryAcquire(id).remaining(), is(9L));
    network.cut();
    Decision cut = limiter.tryAcquire(id);
    // A client of a Cluster sends it on another connection.
    assertThat(cut.degraded() || cut.remaining() == 8, is(true));
    assertThat(unhindered().peek(id).remaining(), is(cut.degraded() ? 9L : 8L));
  }

  private RateLimiter unhindered() {
    return limiter(redis, OnUnavailable.THROW);
  }

  private RateLimiter limiter(OnUnavailable policy) {
    return limiter(impatient, policy);
  }

  private static RateLimiter limiter(TestRedis reached, OnUnavailable policy) {
    return reached
        .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
        .limit(LIMIT)
        .onUnavailable(policy)
        .build();
  }
}
