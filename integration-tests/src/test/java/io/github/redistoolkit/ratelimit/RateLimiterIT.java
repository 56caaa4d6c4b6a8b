package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.awaitility.Awaitility;
import org.hamcrest.Matcher;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.Jedis;

@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
@Tag("smoke")
class RateLimiterIT {

  private static final Duration SECOND = Duration.ofSeconds(1);
  private static final Duration HOUR = Duration.ofHours(1);

  private final TestRedis redis;
  private final String id;

  RateLimiterIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("user-123");
  }

  /** The scenario "rate limiting": watches a real window slide. */
  @Test
  void allowsThreeRequestsInAWindowBlocksTheFourthAndAllowsAgainWhenTheWindowHasSlid() {
    Duration window = Duration.ofSeconds(3);
    RateLimiter limiter =
        redis.over(
            p -> new RateLimiter(p, "logins", 3, window),
            c -> new RateLimiter(c, "logins", 3, window));
    for (int i = 0; i < 3; i++) {
      assertThat(limiter.isAllowed(id), is(true));
    }
    assertThat(limiter.isAllowed(id), is(false));
    long blocked = System.nanoTime();
    Awaitility.await()
        .pollInterval(Duration.ofMillis(20))
        .atMost(Duration.ofSeconds(20))
        .until(() -> limiter.isAllowed(id));
    assertThat(System.nanoTime() - blocked, is(lessThan(Duration.ofSeconds(15).toNanos())));
  }

  @Test
  void idsAndNamesDoNotShareTheirPermits() {
    RateLimiter logins = limiter("logins", Limit.of(1, HOUR));
    RateLimiter mails = limiter("mails", Limit.of(1, HOUR));
    assertThat(logins.isAllowed(id), is(true));
    assertThat(logins.isAllowed(id), is(false));
    assertThat(mails.isAllowed(id), is(true));
    assertThat(logins.isAllowed(id + "4"), is(true));
    assertThat(limiter("logins", Limit.of(1, HOUR)).isAllowed(id), is(false));
  }

  @Test
  void tellsWhatRemainsWhenToRetryAndWhenAllIsFree() {
    Limit limit = Limit.of(3, HOUR).named("per-hour");
    RateLimiter limiter = limiter("told", limit);
    Decision first = limiter.tryAcquire(id);
    assertThat(
        first,
        is(
            new Decision(
                true,
                limit,
                2,
                Optional.of(Duration.ZERO),
                HOUR,
                List.of(new Decision.OfLimit(limit, 2, Optional.of(Duration.ZERO), HOUR)),
                Optional.empty())));
    assertThat(limiter.tryAcquire(id, 2).remaining(), is(0L));
    Decision refused = limiter.tryAcquire(id);
    assertThat(refused.allowed(), is(false));
    assertThat(refused.limit(), is(limit));
    assertThat(refused.remaining(), is(0L));
    assertThat(refused.degraded(), is(false));
    assertThat(refused.retryAfter().orElseThrow(), is(closeBelow(HOUR)));
    assertThat(refused.resetAfter(), is(closeBelow(HOUR)));
    assertThat(refused.resetAfter(), is(greaterThanOrEqualTo(refused.retryAfter().orElseThrow())));
  }

  @Test
  void aPeekTellsWhatTheNextRequestWouldGet() {
    RateLimiter limiter = limiter("peeked", Limit.of(1, HOUR));
    assertThat(limiter.peek(id).allowed(), is(true));
    assertThat(limiter.peek(id).remaining(), is(1L));
    assertThat(limiter.isAllowed(id), is(true));
    Decision full = limiter.peek(id);
    assertThat(full.allowed(), is(false));
    assertThat(full.retryAfter().orElseThrow(), is(closeBelow(HOUR)));
  }

  @Test
  void aResetForgetsTheIdUnderEveryLimit() {
    RateLimiter limiter =
        limiter("reset", Limit.of(2, HOUR), Limit.tokenBucket(2, 1, HOUR), Limit.of(9, SECOND));
    assertThat(limiter.tryAcquire(id, 2).allowed(), is(true));
    assertThat(limiter.tryAcquire(id, 2).allowed(), is(false));
    limiter.reset(id);
    assertThat(keys(), is(empty()));
    assertThat(limiter.tryAcquire(id, 2).allowed(), is(true));
    limiter.reset(redis.unique("unknown"));
  }

  @Test
  void aTokenBucketAllowsItsCapacityAtOnceAndThenItsRate() throws InterruptedException {
    RateLimiter limiter = limiter("bucket", Limit.tokenBucket(2, 1, SECOND));
    assertThat(limiter.tryAcquire(id, 2).allowed(), is(true));
    Decision refused = limiter.tryAcquire(id, 2);
    assertThat(refused.allowed(), is(false));
    assertThat(
        refused.retryAfter().orElseThrow(),
        is(allOf(greaterThan(Duration.ZERO), lessThanOrEqualTo(SECOND.multipliedBy(2)))));
    long before = System.nanoTime();
    assertThat(limiter.tryAcquire(id, 2, SECOND.multipliedBy(2)).allowed(), is(true));
    assertThat(System.nanoTime() - before, is(lessThan(SECOND.multipliedBy(16).toNanos())));
  }

  @Test
  void acquireWaitsForTheInstantThatItBookedInOneRoundTrip() throws InterruptedException {
    RateLimiter limiter = limiter("booked", Limit.of(1, Duration.ofMillis(300)));
    long before = System.nanoTime();
    assertThat(limiter.tryAcquire(id, 1, Duration.ZERO).allowed(), is(true));
    long commands = decisions();
    assertThat(limiter.tryAcquire(id, 1, SECOND).allowed(), is(true));
    assertThat(limiter.tryAcquire(id, 1, SECOND).allowed(), is(true));
    assertThat(
        System.nanoTime() - before,
        is(greaterThan(Duration.ofMillis(600).minusMillis(50).toNanos())));
    assertThat(decisions() - commands, is(2L));
  }

  @Test
  void acquireRefusesAtOnceWhatWouldTakeLongerThanMaxWait() throws InterruptedException {
    RateLimiter limiter = limiter("far", Limit.of(1, HOUR));
    assertThat(limiter.isAllowed(id), is(true));
    String before = state("far");
    Decision refused = limiter.tryAcquire(id, 1, Duration.ofMinutes(59));
    assertThat(refused.allowed(), is(false));
    assertThat(refused.retryAfter().orElseThrow(), is(closeBelow(HOUR)));
    assertThat(state("far"), is(before));
  }

  @Test
  void whatIsBookedIsAheadOfWhoeverAsksLater() {
    RateLimiter limiter = limiter("order", Limit.of(2, HOUR));
    assertThat(limiter.tryAcquire(id).allowed(), is(true));
    assertThat(limiter.book(id, 2, micros(HOUR)).decision().allowed(), is(true));
    // One permit is free now, but would be taken from under the booking.
    Decision refused = limiter.tryAcquire(id);
    assertThat(refused.allowed(), is(false));
    assertThat(refused.remaining(), is(0L));
    assertThat(refused.retryAfter().orElseThrow(), is(closeBelow(HOUR.multipliedBy(2))));
  }

  @Test
  void everyCallIsOneRoundTrip() {
    RateLimiter limiter = limiter("trips", Limit.of(2, HOUR), Limit.tokenBucket(2, 1, HOUR));
    assertThat(limiter.isAllowed(id), is(true));
    long decisions = decisions();
    long evals = redis.calls("eval");
    long dels = redis.calls("del");
    assertThat(limiter.isAllowed(id), is(true));
    assertThat(limiter.isAllowed(id), is(false));
    assertThat(limiter.peek(id).allowed(), is(false));
    limiter.reset(id);
    assertThat(decisions() - decisions, is(3L));
    assertThat(redis.calls("eval") - evals, is(0L));
    assertThat(redis.calls("del") - dels, is(1L));
  }

  static List<List<Limit>> refusing() {
    return List.of(
        List.of(Limit.of(1, HOUR), Limit.tokenBucket(5, 1, HOUR)),
        List.of(Limit.tokenBucket(1, 1, HOUR), Limit.of(5, HOUR)));
  }

  @ParameterizedTest
  @MethodSource("refusing")
  @Proves("rate-limit.refusal-is-free")
  void aRefusalAndAPeekChangeNothingInRedis(List<Limit> limits) {
    RateLimiter limiter = limiter("unchanged", limits.get(0), limits.get(1));
    assertThat(limiter.isAllowed(id), is(true));
    String states = state("unchanged");
    Set<String> keys = keys();
    List<String> changes = info("persistence", "rdb_changes_since_last_save");
    List<Jedis> primaries = redis.primaries().stream().map(redis::open).toList();
    try {
      // What is replicated moves by itself: replicas are pinged, and sentinels publish.
      Awaitility.await()
          .pollDelay(Duration.ZERO)
          .atMost(Duration.ofSeconds(60))
          .until(
              () -> {
                List<String> offsets = offsets(primaries);
                assertThat(limiter.isAllowed(id), is(false));
                assertThat(limiter.peek(id).allowed(), is(false));
                assertThat(limiter.peek(id + "never seen").allowed(), is(true));
                return offsets(primaries).equals(offsets);
              });
    } finally {
      primaries.forEach(Jedis::close);
    }
    assertThat(info("persistence", "rdb_changes_since_last_save"), is(changes));
    assertThat(state("unchanged"), is(states));
    assertThat(keys(), is(keys));
  }

  private static List<String> offsets(List<Jedis> primaries) {
    return primaries.stream()
        .flatMap(primary -> primary.info("replication").lines())
        .filter(line -> line.startsWith("master_repl_offset:"))
        .toList();
  }

  @Test
  void severalLimitsAreChargedAllOrNothing() {
    Limit narrow = Limit.of(2, HOUR);
    Limit wide = Limit.of(10, HOUR.multipliedBy(2));
    Limit bucket = Limit.tokenBucket(10, 1, HOUR);
    RateLimiter limiter = limiter("both", wide, narrow, bucket);
    assertThat(limiter.tryAcquire(id, 2).limit(), is(narrow));
    Decision refused = limiter.tryAcquire(id);
    assertThat(refused.allowed(), is(false));
    assertThat(refused.limit(), is(narrow));
    assertThat(limiter("both", wide).peek(id).remaining(), is(8L));
    assertThat(limiter("both", bucket).peek(id).remaining(), is(8L));
  }

  @Test
  void everyKeyHasATtlThatLastsTheLongestWindowAndNotMuchLonger() {
    RateLimiter brief = limiter("ttl", Limit.of(5000, SECOND), Limit.tokenBucket(60, 60, SECOND));
    assertThat(brief.isAllowed(id), is(true));
    assertThat(ttl(), is(lessThanOrEqualTo(1000L + 1)));
    brief.reset(id);
    RateLimiter longer = limiter("ttl", Limit.of(5, HOUR), Limit.of(5000, SECOND));
    assertThat(longer.isAllowed(id), is(true));
    assertThat(ttl(), is(closeTo(HOUR)));
    assertThat(longer.isAllowed(id), is(true));
    assertThat(ttl(), is(closeTo(HOUR.multipliedBy(3).dividedBy(2))));
    assertThat(longer.tryAcquire(id, 3).allowed(), is(true));
    assertThat(longer.book(id, 5, micros(HOUR)).decision().allowed(), is(true));
    assertThat(ttl(), is(greaterThan(HOUR.multipliedBy(2).minusMinutes(1).toMillis())));
    assertThat(ttl(), is(lessThanOrEqualTo(HOUR.multipliedBy(3).toMillis())));
  }

  @Test
  void theKeyspaceIsEmptyAWindowLater() {
    RateLimiter limiter =
        limiter(
            "gone", Limit.of(5, SECOND.multipliedBy(3)), Limit.of(5000, SECOND.multipliedBy(2)));
    assertThat(limiter.isAllowed(id), is(true));
    assertThat(keys().size(), is(1));
    Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> keys().isEmpty());
  }

  @Test
  void keepsOneKeyPerIdHoweverManyLimits() {
    RateLimiter limiter =
        limiter("keys", Limit.of(1, HOUR), Limit.tokenBucket(1, 1, Duration.ofMinutes(1)));
    assertThat(limiter.isAllowed(id + "{x}%1"), is(true));
    assertThat(keys(), is(Set.of("rl:keys:{" + id + "%7Bx%7D%251}")));
  }

  @Test
  void limitsThatThisLimiterDoesNotKnowKeepTheirHistory() {
    Limit hourly = Limit.of(3, HOUR);
    Limit daily = Limit.of(9, Duration.ofDays(1));
    Limit bucket = Limit.tokenBucket(9, 1, HOUR);
    assertThat(limiter("mixed", hourly, bucket).tryAcquire(id, 3).allowed(), is(true));
    assertThat(limiter("mixed", daily).tryAcquire(id, 2).allowed(), is(true));
    assertThat(limiter("mixed", daily, hourly).isAllowed(id), is(false));
    assertThat(limiter("mixed", hourly).peek(id).remaining(), is(0L));
    assertThat(limiter("mixed", bucket, daily).tryAcquire(id, 1).remaining(), is(5L));
    assertThat(limiter("mixed", daily).peek(id).remaining(), is(6L));
    assertThat(keys().size(), is(1));
  }

  @Test
  void changedPermitsTakeEffectAtTheNextCallAndAChangedWindowStartsAfresh() {
    assertThat(limiter("changed", Limit.of(3, HOUR)).tryAcquire(id, 3).allowed(), is(true));
    assertThat(limiter("changed", Limit.of(2, HOUR)).isAllowed(id), is(false));
    assertThat(limiter("changed", Limit.of(2, HOUR)).peek(id).remaining(), is(0L));
    assertThat(limiter("changed", Limit.of(5, HOUR)).tryAcquire(id, 2).allowed(), is(true));
    assertThat(limiter("changed", Limit.of(5, HOUR)).isAllowed(id), is(false));
    assertThat(limiter("changed", Limit.of(2, HOUR.plusMillis(1))).isAllowed(id), is(true));
  }

  @Test
  void changedSizesOfABucketTakeEffectAtTheNextCall() {
    assertThat(limiter("resized", bucket(10)).tryAcquire(id, 4).remaining(), is(6L));
    assertThat(limiter("resized", bucket(20)).peek(id).remaining(), is(6L));
    assertThat(limiter("resized", bucket(5)).tryAcquire(id, 2).remaining(), is(3L));
    assertThat(limiter("resized", bucket(10)).peek(id).remaining(), is(3L));
  }

  private static Limit bucket(long capacity) {
    return Limit.tokenBucket(capacity, 1, HOUR);
  }

  @Test
  void anIdWhoseStateIsEvictedStartsAfresh() {
    RateLimiter limiter = limiter("evicted", Limit.of(2, HOUR), Limit.tokenBucket(2, 1, HOUR));
    assertThat(limiter.tryAcquire(id, 2).remaining(), is(0L));
    keys().forEach(redis.admin()::del);
    assertThat(limiter.peek(id).remaining(), is(2L));
  }

  private RateLimiter limiter(String name, Limit first, Limit... more) {
    return redis
        .over(p -> RateLimiter.builder(p, name), c -> RateLimiter.builder(c, name))
        .limit(first, more)
        .build();
  }

  private Set<String> keys() {
    return new Servers(redis).keys("rl:*{" + id + "*");
  }

  /** Everything that Redis holds of this name: values and instants of expiry. */
  private String state(String name) {
    return new Servers(redis)
        .keys("rl:" + name + ":{" + id + "*").stream()
            .sorted()
            .map(
                key ->
                    HexFormat.of().formatHex(redis.admin().dump(key))
                        + " until "
                        + redis.admin().pexpireTime(key))
            .collect(Collectors.joining("\n"));
  }

  /** What is left then would have no life at all. */
  @Test
  void allThatWasTakenIsGivenBackByALimiterThatNamesItsLimitsInAnotherOrder() {
    Limit one = Limit.of(3, HOUR);
    Limit other = Limit.of(5, HOUR.multipliedBy(2));
    Limit third = Limit.of(7, HOUR.multipliedBy(3));
    assertThat(limiter("swapped", one, other).isAllowed(id), is(true));
    limiter("swapped", other, one).refund(id, 1);
    assertThat(limiter("swapped", one, other).isAllowed(id), is(true));
    limiter("swapped", third, other, one).refund(id, 1);
    assertThat(limiter("swapped", one).tryAcquire(id, 3).allowed(), is(true));
  }

  @Test
  void limitersThatNameTheirLimitsInDifferentOrdersCountTheSame() {
    AtomicLong clock = new AtomicLong(1_700_000_000_000_000L);
    Limit minute = Limit.of(10, Duration.ofMinutes(1));
    Limit hour = Limit.of(100, HOUR);
    RateLimiter one = clocked(clock, minute, hour);
    RateLimiter other = clocked(clock, hour, minute);
    for (int call = 0; call < 200; call++) {
      clock.addAndGet(micros(Duration.ofSeconds(7)));
      // Of the nine calls in a minute, and those that fit an hour.
      boolean allowed = (call % 3 == 0 ? other : one).isAllowed(id);
      assertThat("call " + call, allowed, is(call < 100));
    }
    assertThat(one.peek(id).limits().get(1).remaining(), is(0L));
    assertThat(other.peek(id).limits().get(0).remaining(), is(0L));
    clock.addAndGet(micros(HOUR) - 150 * micros(Duration.ofSeconds(7)));
    assertThat(one.peek(id).limits().get(1).remaining(), is(50L));
    assertThat(other.peek(id).limits().get(0).remaining(), is(50L));
  }

  private RateLimiter clocked(AtomicLong clock, Limit first, Limit... more) {
    return redis
        .over(p -> RateLimiter.builder(p, "orders"), c -> RateLimiter.builder(c, "orders"))
        .limit(first, more)
        .clock(() -> Long.toString(clock.get()))
        .build();
  }

  private long ttl() {
    return redis.admin().pttl("rl:ttl:{" + id + "}");
  }

  private long decisions() {
    return redis.calls("evalsha");
  }

  private List<String> info(String section, String field) {
    return new Servers(redis).info(section, field + ":");
  }

  private static long micros(Duration duration) {
    return duration.toNanos() / 1000;
  }

  private static Matcher<Duration> closeBelow(Duration duration) {
    return allOf(greaterThan(duration.minus(Duration.ofMinutes(1))), lessThanOrEqualTo(duration));
  }

  private static Matcher<Long> closeTo(Duration duration) {
    return allOf(
        greaterThan(duration.minus(Duration.ofMinutes(1)).toMillis()),
        lessThanOrEqualTo(duration.toMillis()));
  }
}
