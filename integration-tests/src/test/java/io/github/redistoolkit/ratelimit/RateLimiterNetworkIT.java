package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisException;

/** A network that fails, under each policy. */
@EachClient
class RateLimiterNetworkIT {

  private static final Limit LIMIT = Limit.of(10, Duration.ofHours(1));

  private final FaultProxy network;
  private final TestRedis behindIt;
  private final String id;

  RateLimiterNetworkIT(TestRedis redis) {
    this.network = redis.proxy();
    this.behindIt = redis.through(network);
    this.id = redis.unique("cut-off");
  }

  @AfterEach
  void close() {
    behindIt.close();
    network.close();
  }

  @Test
  void withoutAServerThePolicyDecides() throws InterruptedException {
    network.refuse();
    RateLimiter throwing = limiter(OnUnavailable.THROW);
    assertThrows(JedisException.class, () -> throwing.isAllowed(id));
    assertThrows(JedisException.class, () -> throwing.peek(id));
    assertThrows(JedisException.class, () -> throwing.acquire(id, 1, Duration.ofHours(1)));
    for (OnUnavailable policy : new OnUnavailable[] {OnUnavailable.ALLOW, OnUnavailable.DENY}) {
      RateLimiter limiter = limiter(policy);
      Decision expected = Decision.degraded(policy == OnUnavailable.ALLOW, LIMIT);
      assertThat(expected.degraded(), is(true));
      assertThat(expected.remaining(), is(0L));
      assertThat(limiter.isAllowed(id), is(expected.allowed()));
      assertThat(limiter.tryAcquire(id, 3), is(expected));
      assertThat(limiter.peek(id), is(expected));
      long before = System.nanoTime();
      assertThat(limiter.acquire(id, 10, Duration.ofHours(1)), is(expected));
      assertThat(System.nanoTime() - before, is(lessThan(Duration.ofMinutes(1).toNanos())));
    }
    network.heal();
    assertThat(limiter(OnUnavailable.DENY).peek(id).remaining(), is(10L));
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
  void aServerThatDoesNotAnswerIsUnavailable() {
    RateLimiter limiter = limiter(OnUnavailable.DENY);
    assertThat(limiter.isAllowed(id), is(true));
    network.blackHole();
    assertThat(limiter.tryAcquire(id), is(Decision.degraded(false, LIMIT)));
    network.heal();
    assertThat(limiter.isAllowed(id), is(true));
    assertThat(behindIt.borrowed(), is(0));
  }

  @Test
  void aLostReplyIsUpToThePolicyAndTheDecisionIsNotSentAgain() throws InterruptedException {
    for (OnUnavailable policy : OnUnavailable.values()) {
      RateLimiter limiter = limiter(policy);
      String each = id + policy;
      assertThat(limiter.tryAcquire(each).remaining(), is(9L));
      FaultProxy.Loss loss = network.loseReply("EVALSHA", 1, FaultProxy.Then.CUT);
      if (policy == OnUnavailable.THROW) {
        assertThrows(JedisConnectionException.class, () -> limiter.isAllowed(each));
      } else {
        Decision degraded = Decision.degraded(policy == OnUnavailable.ALLOW, LIMIT);
        assertThat(limiter.tryAcquire(each), is(degraded));
      }
      loss.await();
      assertThat(limiter.peek(each).remaining(), is(8L));
    }
    assertThat(behindIt.borrowed(), is(0));
  }

  private RateLimiter limiter(OnUnavailable policy) {
    return behindIt
        .over(p -> RateLimiter.builder(p), c -> RateLimiter.builder(c))
        .limit(LIMIT)
        .onUnavailable(policy)
        .build();
  }
}
