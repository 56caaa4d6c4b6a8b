package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.hamcrest.Matcher;
import redis.clients.jedis.exceptions.JedisException;

/** One id under two limits, and what becomes of it under each {@link OnUnavailable}. */
record Policies(TestRedis redis, String id) {

  private static final Limit LIMIT = Limit.of(3, Duration.ofHours(1));
  private static final Limit OTHER = Limit.tokenBucket(3, 1, Duration.ofHours(1));

  RateLimiter limiter(OnUnavailable policy) {
    return redis
        .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
        .limit(LIMIT, OTHER)
        .onUnavailable(policy)
        .build();
  }

  /** Where the window's state is. */
  String key() {
    return "rl:default:{" + id + "}";
  }

  /** Thrown under the one policy, with a message that begins so, and decided by the others. */
  void assertDecide(String message) {
    assertDecide(startsWith(message));
  }

  void assertDecide(Matcher<String> message) {
    assertThat(failure(OnUnavailable.THROW).getMessage(), message);
    Decision allowed = limiter(OnUnavailable.ALLOW).tryAcquire(id, 2);
    assertThat(allowed, is(Degraded.to(true, LIMIT)));
    Decision denied = limiter(OnUnavailable.DENY).tryAcquire(id, 2);
    assertThat(denied, is(Degraded.to(false, LIMIT)));
  }

  void assertDoNotApply(String message) {
    for (OnUnavailable policy : OnUnavailable.values()) {
      assertThat(failure(policy).getMessage(), startsWith(message));
    }
  }

  JedisException failure(OnUnavailable policy) {
    RateLimiter limiter = limiter(policy);
    return assertThrows(JedisException.class, () -> limiter.isAllowed(id));
  }

  /** That it has so many permits left. */
  void assertRemaining(long permits) {
    assertThat(limiter(OnUnavailable.THROW).peek(id).remaining(), is(permits));
  }

  /** The same, once the connections of before a restart are gone. */
  void assertRemainingSoon(long permits) {
    RateLimiter limiter = limiter(OnUnavailable.DENY);
    Awaitility.await().until(() -> !limiter.peek(id).degraded());
    assertRemaining(permits);
  }
}
