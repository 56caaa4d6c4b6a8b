package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import org.hamcrest.Matcher;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;

/**
 * What was executed, and nobody heard, through clients that send nothing again; for one that does,
 * see {@link RateLimiterClusterIT}.
 */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL},
    notByDefault = Topology.SENTINEL)
class RateLimiterLostReplyIT {

  private static final Limit LIMIT = Limit.of(10, Duration.ofHours(1));

  private final FaultProxy network;
  private final TestRedis behindIt;
  private final String id;

  RateLimiterLostReplyIT(TestRedis redis) {
    this.network = redis.proxy();
    this.behindIt = redis.through(network);
    this.id = redis.unique("unheard");
  }

  @AfterEach
  void close() {
    behindIt.close();
    network.close();
  }

  @Test
  void aLostReplyIsUpToThePolicyAndTheDecisionIsChargedOnce() throws InterruptedException {
    for (OnUnavailable policy : OnUnavailable.values()) {
      losesAReply(policy, Then.CUT);
    }
    assertThat(behindIt.borrowed(), is(0));
  }

  @Test
  void aReplyThatNeverComesIsUpToThePolicyAndTheDecisionIsChargedOnce()
      throws InterruptedException {
    losesAReply(OnUnavailable.DENY, Then.SILENCE);
    assertThat(behindIt.borrowed(), is(0));
  }

  private void losesAReply(OnUnavailable policy, Then then) throws InterruptedException {
    RateLimiter limiter = limiter(policy);
    String each = id + policy;
    assertThat(limiter.tryAcquire(each).remaining(), is(9L));
    FaultProxy.Loss loss = network.loseReply("EVALSHA", 1, then);
    if (policy == OnUnavailable.THROW) {
      assertThrows(JedisConnectionException.class, () -> limiter.isAllowed(each));
    } else {
      Matcher<Decision> degraded = Degraded.to(policy == OnUnavailable.ALLOW, LIMIT);
      assertThat(limiter.tryAcquire(each), is(degraded));
    }
    loss.await();
    assertThat(limiter.peek(each).remaining(), is(8L));
  }

  @Test
  void aBookingWhoseReplyIsLostIsNotWaitedForAndStaysBooked() throws InterruptedException {
    RateLimiter limiter = limiter(OnUnavailable.DENY);
    assertThat(limiter.tryAcquire(id, 10).allowed(), is(true));
    FaultProxy.Loss loss = network.loseReply("EVALSHA", 1, Then.CUT);
    long before = System.nanoTime();
    assertThat(limiter.tryAcquire(id, 10, Duration.ofHours(2)), is(Degraded.to(false, LIMIT)));
    assertThat(System.nanoTime() - before, is(lessThan(Duration.ofMinutes(1).toNanos())));
    loss.await();
    assertThat(limiter.peek(id).retryAfter().orElseThrow().toMinutes(), is(119L));
  }

  @Test
  void aResetWhoseReplyIsLostIsThrownAndDone() throws InterruptedException {
    RateLimiter limiter = limiter(OnUnavailable.ALLOW);
    assertThat(limiter.tryAcquire(id, 10).allowed(), is(true));
    FaultProxy.Loss loss = network.loseReply("DEL", 1, Then.CUT);
    assertThrows(JedisConnectionException.class, () -> limiter.reset(id));
    loss.await();
    assertThat(limiter.peek(id).remaining(), is(10L));
    limiter.reset(id);
  }

  private RateLimiter limiter(OnUnavailable policy) {
    return behindIt
        .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
        .limit(LIMIT)
        .onUnavailable(policy)
        .build();
  }
}
