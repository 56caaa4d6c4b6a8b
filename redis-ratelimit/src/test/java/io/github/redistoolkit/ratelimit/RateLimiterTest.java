package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.executors.CommandExecutor;
import redis.clients.jedis.providers.PooledConnectionProvider;
import redis.clients.jedis.util.Pool;

/** What is refused before any I/O. */
class RateLimiterTest {

  private static final Duration SECOND = Duration.ofSeconds(1);

  private final UnifiedJedis client = unreachable();
  private final RateLimiter limiter = new RateLimiter(client, "name", 3, SECOND);

  @Test
  void whatThePolicyDecidesIsCounted() {
    try (UnifiedJedis refused = RedisClient.builder().connectionProvider(nobody()).build()) {
      RateLimiter limiter =
          RateLimiter.builder(refused, "name")
              .limit(Limit.of(1, Duration.ofMinutes(1)))
              .onUnavailable(OnUnavailable.ALLOW)
              .build();
      for (int i = 0; i < 3; i++) {
        assertThat(limiter.degradedDecisions(), is((long) i));
        assertThat(limiter.isAllowed("id"), is(true));
      }
    }
  }

  @Test
  void refusesNull() {
    assertThrows(
        NullPointerException.class, () -> new RateLimiter((UnifiedJedis) null, "name", 1, SECOND));
    assertThrows(
        NullPointerException.class, () -> new RateLimiter((Pool<Jedis>) null, "name", 1, SECOND));
    assertThrows(NullPointerException.class, () -> new RateLimiter(client, "name", 1, null));
    assertThrows(NullPointerException.class, () -> RateLimiter.builder(client, null));
    assertThrows(NullPointerException.class, () -> RateLimiter.builder(client, "name").limit(null));
    assertThrows(
        NullPointerException.class,
        () -> RateLimiter.builder(client, "name").limit(Limit.of(1, SECOND), (Limit) null));
    assertThrows(
        NullPointerException.class, () -> RateLimiter.builder(client, "name").onUnavailable(null));
    assertNamed("id", assertThrows(NullPointerException.class, () -> limiter.isAllowed(null)));
    assertNamed("id", assertThrows(NullPointerException.class, () -> limiter.peek(null)));
    assertNamed("id", assertThrows(NullPointerException.class, () -> limiter.reset(null)));
    assertNamed(
        "maxWait",
        assertThrows(NullPointerException.class, () -> limiter.tryAcquire("id", 1, null)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "\ud800", "a\udc00b"})
  void refusesAnIdThatIsEmptyOrHasAnUnpairedSurrogate(String id) {
    assertRefused("id", () -> limiter.isAllowed(id));
    assertRefused("id", () -> limiter.tryAcquire(id));
    assertRefused("id", () -> limiter.tryAcquire(id, 4));
    assertRefused("id", () -> limiter.peek(id));
    assertRefused("id", () -> limiter.reset(id));
    assertThrows(
        IllegalArgumentException.class, () -> limiter.tryAcquire(id, 1, Duration.ofSeconds(1)));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, Long.MIN_VALUE})
  void refusesPermitsThatAreNotPositive(long permits) {
    assertRefused("permits", () -> limiter.tryAcquire("id", permits));
    assertNamed(
        "permits",
        assertThrows(
            IllegalArgumentException.class,
            () -> limiter.tryAcquire("id", permits, Duration.ofSeconds(1))));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, 1_000_000_001, Long.MAX_VALUE})
  void refusesPermitsOfTheLimitOutOfBounds(long permits) {
    assertRefused("permits", () -> new RateLimiter(client, "name", permits, SECOND));
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT0S", "PT-1S", "PT0.000999S", "P367D", "PT2562047788015H"})
  void refusesAWindowOutOfBounds(Duration window) {
    assertRefused("window", () -> new RateLimiter(client, "name", 1, window));
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT-0.000000001S", "PT24H0.000000001S", "PT2562047788015H"})
  void refusesAMaxWaitOutOfBounds(Duration maxWait) {
    assertNamed(
        "maxWait",
        assertThrows(IllegalArgumentException.class, () -> limiter.tryAcquire("id", 1, maxWait)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a:b", "{a}", "a b", "ä"})
  void refusesANameThatWouldNotBeAPlainPartOfAKey(String name) {
    assertRefused("name", () -> RateLimiter.builder(client, name));
  }

  @Test
  void refusesMoreThanEightLimitsAndNone() {
    Limit[] eight =
        IntStream.rangeClosed(2, 9)
            .mapToObj(seconds -> Limit.of(1, Duration.ofSeconds(seconds)))
            .toArray(Limit[]::new);
    assertRefused(
        "limits", () -> RateLimiter.builder(client, "name").limit(Limit.of(1, SECOND), eight));
    assertThrows(IllegalStateException.class, () -> RateLimiter.builder(client, "name").build());
  }

  @Test
  void refusesTwoLimitsThatWouldShareOneState() {
    RateLimiter.Builder builder = RateLimiter.builder(client, "name");
    assertRefused("PT1M", () -> builder.limit(perMinute(1), Limit.of(1, SECOND), perMinute(2)));
    Limit bucket = Limit.tokenBucket(1, 1, Duration.ofMinutes(1));
    assertThat(
        builder.limit(perMinute(1), bucket).build().tryAcquire("id", 2).allowed(), is(false));
  }

  @Test
  void morePermitsThanTheSmallestLimitHasAreNeverGrantedAndNothingIsSentForThem()
      throws InterruptedException {
    Limit small = Limit.of(5, Duration.ofMinutes(1));
    RateLimiter two =
        RateLimiter.builder(client, "name").limit(Limit.of(10, SECOND), small).build();
    for (Decision decision :
        new Decision[] {two.tryAcquire("id", 6), two.tryAcquire("id", 6, Duration.ofDays(1))}) {
      assertThat(decision, is(Decision.never(small)));
      assertThat(decision.allowed(), is(false));
      assertThat(decision.retryAfter(), is(Optional.empty()));
      assertThat(decision.retryAfterSeconds(), is(OptionalLong.empty()));
      assertThat(decision.outcome(), is(Decision.Outcome.REFUSED));
    }
    assertThat(two.tryAcquire("id", Long.MAX_VALUE).allowed(), is(false));
    assertThat(two.peek("id", 6).retryAfter(), is(Optional.empty()));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, -1, 1_000_000_001})
  void refusesToChargeOrRefundPermitsOutOfBounds(long permits) {
    assertRefused("permits", () -> limiter.charge("id", permits));
    assertRefused("permits", () -> limiter.refund("id", permits));
  }

  @Test
  void limitsAddUp() {
    Limit second = Limit.of(10, SECOND);
    RateLimiter both =
        RateLimiter.builder(client, "name").limit(second).limit(perMinute(20)).build();
    assertThat(both.limits(), is(List.of(second, perMinute(20))));
    RateLimiter.Builder builder = RateLimiter.builder(client, "name").limit(second);
    assertRefused("PT1S", () -> builder.limit(Limit.of(5, SECOND)));
    assertThat(builder.build().limits(), is(List.of(second)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "app", "a{b:", "}:", "\ud800:"})
  void refusesAPrefixThatRunsIntoTheNameOrWouldChooseTheSlot(String prefix) {
    assertRefused("prefix", () -> RateLimiter.builder(client, "name").prefix(prefix));
  }

  @Test
  void refusesWhatIsRememberedOrTakenAheadOutOfBounds() {
    RateLimiter.Builder builder = RateLimiter.builder(client, "name").limit(Limit.of(3, SECOND));
    for (int ids : new int[] {0, -1, 1_000_001}) {
      assertRefused("mostIds", () -> builder.denyCache(ids));
    }
    for (long idle : new long[] {0, -1, 1_000_000_001}) {
      assertRefused("mostIdle", () -> builder.permitsAhead(idle, Duration.ofMillis(5)));
    }
    for (Duration hold : new Duration[] {Duration.ZERO, Duration.ofNanos(1), SECOND.plusNanos(1)}) {
      assertRefused("hold", () -> builder.permitsAhead(1, hold));
    }
    assertThrows(NullPointerException.class, () -> builder.permitsAhead(1, null));
    assertThrows(NullPointerException.class, () -> builder.listener(null));
    RateLimiter.Builder brief =
        RateLimiter.builder(client, "name")
            .limit(Limit.of(3, Duration.ofMillis(4)))
            .permitsAhead(1, Duration.ofMillis(5));
    assertNamed("hold", assertThrows(IllegalStateException.class, brief::build));
  }

  @Test
  void refusesDemandsThatNoOneStepCanDecide() {
    RateLimiter.Demand one = limiter.demand("id");
    assertRefused("demand", () -> RateLimiter.tryAcquireAll(one, limiter.demand("id", 2)));
    RateLimiter elsewhere = new RateLimiter(unreachable(), "other", 1, SECOND);
    assertRefused("other", () -> RateLimiter.tryAcquireAll(one, elsewhere.demand("id")));
    assertRefused("permits", () -> limiter.demand("id", 0));
    assertRefused("id", () -> limiter.demand(""));
    assertThat(
        RateLimiter.tryAcquireAll(one, limiter.demand("other", 4)).retryAfter(),
        is(Optional.empty()));
    RateLimiter.Demand[] many = new RateLimiter.Demand[16];
    Arrays.fill(many, one);
    assertRefused("demands", () -> RateLimiter.tryAcquireAll(one, many));
  }

  @Test
  void anInterruptedThreadBooksNothing() {
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, () -> limiter.tryAcquire("id", 1, SECOND));
    assertThat(Thread.interrupted(), is(false));
  }

  private static Limit perMinute(long permits) {
    return Limit.of(permits, Duration.ofMinutes(1));
  }

  private static void assertRefused(String named, Executable call) {
    assertNamed(named, assertThrows(IllegalArgumentException.class, call));
  }

  private static void assertNamed(String named, Exception e) {
    assertThat(e.getMessage(), containsString(named));
  }

  /** A client that fails whatever is sent to it. */
  private static UnifiedJedis unreachable() {
    return RedisClient.builder()
        .connectionProvider(nobody())
        .commandExecutor(
            new CommandExecutor() {
              @Override
              public <T> T executeCommand(CommandObject<T> command) {
                throw new AssertionError("sent " + command.getArguments().getCommand());
              }

              @Override
              public void close() {}
            })
        .build();
  }

  /** Leads to a port on which nobody listens. */
  private static PooledConnectionProvider nobody() {
    return new PooledConnectionProvider(new HostAndPort("127.0.0.1", 1));
  }
}
