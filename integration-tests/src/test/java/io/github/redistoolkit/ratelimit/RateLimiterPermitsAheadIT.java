package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Permits of a hot id that limiters take ahead, each as in a JVM of its own. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class RateLimiterPermitsAheadIT {

  private static final String GRANTED = "granted";
  private static final Duration WINDOW = Duration.ofMillis(500);
  private static final Duration HOLD = Duration.ofMillis(20);
  private static final Duration TIME = Duration.ofSeconds(3);

  private final TestRedis redis;
  private final String id;

  RateLimiterPermitsAheadIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("hot");
  }

  @Test
  void noWindowHoldsMoreThanTheLimitThoughFewDecisionsAreMadeInRedis() throws InterruptedException {
    int permits = 2000;
    List<RateLimiter> limiters = limiters(4, Limit.of(permits, WINDOW));
    History history = new History();
    LongAdder decisions = new LongAdder();
    long calls = redis.calls("evalsha");
    Load.run(
        8,
        TIME,
        () -> {
          long sent = System.nanoTime();
          RateLimiter limiter = limiters.get((int) (Thread.currentThread().getId() % 4));
          if (limiter.isAllowed(id)) {
            history.add(GRANTED, id, "", sent, System.nanoTime());
          }
          decisions.increment();
        });
    calls = redis.calls("evalsha") - calls;
    assertThat(history.excesses(GRANTED, permits, WINDOW), is(empty()));
    assertThat(history.events(GRANTED).size(), is(greaterThan(permits)));
    assertThat(decisions.sum() / Math.max(1, calls), is(greaterThan(5L)));
  }

  @Test
  void aBucketNeverGrantsMoreThanItsCapacityAndItsRefill() throws InterruptedException {
    List<RateLimiter> limiters = limiters(2, Limit.tokenBucket(1000, 1000, WINDOW));
    History history = new History();
    Load.run(
        4,
        TIME,
        () -> {
          long sent = System.nanoTime();
          if (limiters.get((int) (Thread.currentThread().getId() % 2)).isAllowed(id)) {
            history.add(GRANTED, id, "", sent, System.nanoTime());
          }
        });
    assertThat(history.events(GRANTED), is(not(empty())));
    assertThat(history.excesses(GRANTED, 2000, WINDOW), is(empty()));
  }

  @Test
  void whatLiesIdleIsGivenBack() throws InterruptedException {
    Limit limit = Limit.of(1_000_000, Duration.ofHours(1));
    RateLimiter limiter = limiters(1, limit).get(0);
    LongAdder granted = new LongAdder();
    Load.run(2, Duration.ofMillis(300), () -> granted.add(limiter.isAllowed(id) ? 1 : 0));
    Awaitility.await()
        .atMost(Duration.ofSeconds(20))
        .until(() -> limiter.peek(id).remaining() == limit.permits() - granted.sum());
  }

  @Test
  void noMoreThanIsAllowedLiesIdle() throws InterruptedException {
    Limit limit = Limit.of(1_000_000, Duration.ofHours(1));
    RateLimiter limiter = builder(limit).permitsAhead(5, Duration.ofSeconds(1)).build();
    LongAdder granted = new LongAdder();
    Load.run(2, Duration.ofMillis(300), () -> granted.add(limiter.isAllowed(id) ? 1 : 0));
    long taken = limit.permits() - limiter.peek(id).remaining();
    assertThat(taken - granted.sum(), is(lessThanOrEqualTo(5L)));
  }

  @Test
  void refusalsResetAndRefundKeepTheirMeaning() {
    RateLimiter limiter = limiters(1, Limit.of(3, Duration.ofHours(1))).get(0);
    assertThat(limiter.tryAcquire(id).remaining(), is(2L));
    assertThat(limiter.tryAcquire(id).allowed(), is(true));
    limiter.reset(id);
    assertThat(limiter.tryAcquire(id, 3).allowed(), is(true));
    Decision refused = limiter.tryAcquire(id, 3);
    assertThat(refused.allowed(), is(false));
    assertThat(
        refused.retryAfter().orElseThrow(), is(lessThanOrEqualTo(Duration.ofHours(1).plus(HOLD))));
    limiter.refund(id, 3);
    assertThat(limiter.tryAcquire(id, 3).allowed(), is(true));
  }

  /** A Cluster's client sends again what it had no reply to. */
  @Test
  void aRefusalThatGavePermitsBackIsDecidedAgainWhenItIsSentAgain() {
    Limit limit = Limit.of(10, Duration.ofHours(1));
    AtomicInteger calls = new AtomicInteger();
    RateLimiter ahead =
        builder(limit)
            .permitsAhead(1000, HOLD)
            .calls(() -> "%08d".formatted(calls.get()))
            .time(new StandingTime())
            .build();
    for (int call = 0; call < 2; call++) {
      calls.incrementAndGet();
      assertThat(ahead.isAllowed(id), is(true));
    }
    long idle = 8 - builder(limit).build().peek(id).remaining();
    assertThat(idle, is(greaterThan(0L)));
    assertThat(builder(limit).build().tryAcquire(id, 8 - idle).allowed(), is(true));
    calls.incrementAndGet();
    assertThat(ahead.tryAcquire(id, idle + 2).allowed(), is(false));
    // Whoever is asked for other permits sends the same call once more.
    assertThat(ahead.tryAcquire(id, idle + 1).allowed(), is(false));
    assertThat(ahead.tryAcquire(id, idle).allowed(), is(true));
    assertThat(ahead.peek(id).remaining(), is(0L));
  }

  /** Nothing is given back by itself. */
  private static final class StandingTime implements PermitsAhead.Time {

    @Override
    public long nanoTime() {
      return 0;
    }

    @Override
    public void at(long nanos, Runnable task) {
      // The time never comes.
    }
  }

  private List<RateLimiter> limiters(int count, Limit limit) {
    return new ArrayList<>(
        IntStream.range(0, count)
            .mapToObj(unused -> builder(limit).permitsAhead(1000, HOLD).build())
            .toList());
  }

  private RateLimiter.Builder builder(Limit limit) {
    return redis
        .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
        .limit(limit);
  }
}
