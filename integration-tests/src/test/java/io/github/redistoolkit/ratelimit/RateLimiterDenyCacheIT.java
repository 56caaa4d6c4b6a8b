package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Refusals that are repeated without a round trip, and whoever is told of decisions. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class RateLimiterDenyCacheIT {

  private static final Duration HOUR = Duration.ofHours(1);

  private final TestRedis redis;
  private final String id;

  RateLimiterDenyCacheIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("denied");
  }

  @Test
  void whatWasRefusedIsRefusedWithoutARoundTrip() {
    RateLimiter limiter = limiter(Limit.of(3, HOUR)).denyCache(10).build();
    assertThat(limiter.tryAcquire(id, 3).allowed(), is(true));
    Decision first = limiter.tryAcquire(id);
    long calls = redis.calls("evalsha");
    for (int i = 0; i < 100; i++) {
      Decision again = limiter.tryAcquire(id);
      assertThat(again.allowed(), is(false));
      assertThat(again.limit(), is(first.limit()));
      Duration retryAfter = again.retryAfter().orElseThrow();
      assertThat(retryAfter, is(lessThanOrEqualTo(first.retryAfter().orElseThrow())));
      assertThat(again.limits().get(0).retryAfter().orElseThrow(), is(retryAfter));
    }
    assertThat(redis.calls("evalsha"), is(calls));
    // Other permits, and other ids, are other questions.
    assertThat(limiter.tryAcquire(id, 2).allowed(), is(false));
    assertThat(limiter.isAllowed(id + "other"), is(true));
    assertThat(redis.calls("evalsha"), is(calls + 2));
  }

  @Test
  void aRefusalIsForgottenWhenThePermitsFit() {
    Duration window = Duration.ofMillis(500);
    RateLimiter limiter = limiter(Limit.of(1, window)).denyCache(10).build();
    long before = System.nanoTime();
    assertThat(limiter.isAllowed(id), is(true));
    Awaitility.await()
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(1))
        .until(() -> limiter.isAllowed(id));
    long waited = System.nanoTime() - before;
    assertThat(waited, is(greaterThanOrEqualTo(window.minusMillis(50).toNanos())));
    assertThat(waited, is(lessThan(window.multipliedBy(20).toNanos())));
  }

  @Test
  void resetAndRefundMakeItForget() {
    RateLimiter limiter = limiter(Limit.of(3, HOUR)).denyCache(10).build();
    assertThat(limiter.tryAcquire(id, 3).allowed(), is(true));
    assertThat(limiter.isAllowed(id), is(false));
    limiter.refund(id, 1);
    assertThat(limiter.isAllowed(id), is(true));
    assertThat(limiter.isAllowed(id), is(false));
    limiter.reset(id);
    assertThat(limiter.tryAcquire(id, 3).allowed(), is(true));
  }

  @Test
  void aListenerIsToldOfEachDecisionAndCannotSpoilIt() {
    List<String> told = new CopyOnWriteArrayList<>();
    RateLimiterListener listener =
        new RateLimiterListener() {
          @Override
          public void onDecision(String name, Decision decision) {
            told.add(name + " " + decision.limit().name() + " " + decision.outcome());
            throw new IllegalStateException("thrown by a listener");
          }
        };
    RateLimiter limiter =
        limiter(Limit.of(1, HOUR).named("hourly")).listener(listener).denyCache(10).build();
    assertThat(limiter.isAllowed(id), is(true));
    assertThat(limiter.isAllowed(id), is(false));
    assertThat(limiter.isAllowed(id), is(false));
    assertThat(limiter.peek(id).allowed(), is(false));
    assertThat(
        told,
        is(List.of("default hourly ALLOWED", "default hourly REFUSED", "default hourly REFUSED")));
  }

  private RateLimiter.Builder limiter(Limit limit) {
    return redis
        .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
        .limit(limit);
  }
}
