package io.github.redistoolkit;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.core.FreshLog;
import io.github.redistoolkit.idempotency.IdempotencyListener;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.idempotency.StoredResultException;
import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.LockListener;
import io.github.redistoolkit.lock.LockTimeoutException;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.pubsub.CapturedLog;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.ratelimit.Decision;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.ratelimit.RateLimiterListener;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.io.OutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.params.SetParams;

/** What the modules log: nobody can forge or flood it, and it says why something is out. */
@EachClient(topologies = Topology.STANDALONE)
class LogSafetyIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final String FORGED = "\r\n2026-01-01 00:00:00 ERROR forged \u001B[2J\u202E";
  private static final String SECRET = "4111111111111111";
  private static final int FLOOD = 2_000;

  private final TestRedis redis;

  LogSafetyIT(TestRedis redis) {
    this.redis = redis.ours();
  }

  @BeforeEach
  void nothingIsHeldBack() {
    List.of(RedisLock.class, CacheService.class, IdempotencyService.class, RateLimiter.class)
        .forEach(FreshLog::of);
  }

  private static void assertSafe(String text) {
    assertThat(text, containsString("forged"));
    assertThat(text, not(containsString("\n2026-01-01 00:00:00 ERROR")));
    assertThat(text, not(containsString("\u001B")));
    assertThat(text, not(containsString("\u202E")));
  }

  private RedisLock.Builder lock(String name) {
    return redis.over(
        pool -> RedisLock.builder(pool, name, MINUTE),
        client -> RedisLock.builder(client, name, MINUTE));
  }

  private CacheService<Integer> cache() {
    return redis.over(
        pool -> new CacheService<>(pool, redis.unique("cache:"), Integer.class),
        client -> new CacheService<>(client, redis.unique("cache:"), Integer.class));
  }

  private IdempotencyService.Builder service() {
    return redis.over(
        pool -> IdempotencyService.builder(pool, "logs"),
        client -> IdempotencyService.builder(client, "logs"));
  }

  private RateLimiter.Builder limiter() {
    return redis.over(
        pool -> RateLimiter.builder(pool, "logs"), client -> RateLimiter.builder(client, "logs"));
  }

  @Test
  void aLockNameForgesNoLine() throws Exception {
    LockListener throwing =
        new LockListener() {
          @Override
          public void onAcquired(String name, Duration waited) {
            throw new IllegalStateException("on purpose" + name);
          }
        };
    String name = redis.unique(FORGED + "x".repeat(500));
    try (CapturedLog log = new CapturedLog()) {
      RedisLock lock = lock(name).listener(throwing).build();
      Lease lease = lock.tryAcquire().orElseThrow();
      LockTimeoutException refused =
          assertThrows(LockTimeoutException.class, () -> lock.acquire(Duration.ofMillis(10)));
      assertSafe(refused.getMessage());
      assertThat(refused.getMessage().length(), is(lessThan(500)));
      assertSafe(lease.toString());
      CountDownLatch lost = new CountDownLatch(1);
      lease.keepAlive(MINUTE, lost::countDown);
      assertThat(redis.admin().del(onlyLock()), is(1L));
      assertThat(lease.extend(MINUTE), is(false));
      lost.await();
      Awaitility.await().until(() -> log.warnsOf("was lost: "));
      assertThat(lease.release(), is(false));
      assertSafe(log.text());
      assertThat(log.warnsOf("A lock's listener failed"), is(true));
    }
  }

  /** The key that the lock made of its name: the only one there is. */
  private String onlyLock() {
    return redis.admin().keys("lock:*}").iterator().next();
  }

  @Test
  void aCacheKeyForgesNoLineAndValuesAreNotLogged() {
    try (CapturedLog log = new CapturedLog();
        CacheService<Integer> cache = cache()) {
      for (int i = 0; i < FLOOD; i++) {
        String key = FORGED + i;
        assertThat(cache.putIfAbsent(key, 1, MINUTE), is(true));
        String name = redis.admin().keys("*" + i).iterator().next();
        redis.admin().set(name, "\"" + SECRET + "\"", SetParams.setParams().px(60_000));
        assertThat(cache.get(key), is(Optional.empty()));
        if (i < 20) {
          assertThat(redis.admin().del(name), is(1L));
          assertThat(redis.admin().rpush(name, SECRET), is(1L));
          assertThat(cache.getOrLoad(key, MINUTE, () -> 2), is(2));
        }
        assertThat(redis.admin().del(name), is(1L));
      }
      assertSafe(log.text());
      assertThat(log.warnsOf("Redis failed for key"), is(true));
      assertThat(log.text(), not(containsString(SECRET)));
      assertThat(log.text().lines().count(), is(lessThan(30L)));
    }
  }

  @Test
  void resultsAndKeysOfRequestsAreNotLogged() {
    IdempotencyListener throwing =
        new IdempotencyListener() {
          @Override
          public void onReplayed(String key, int attempt) {
            throw new IllegalStateException("on purpose" + FORGED);
          }
        };
    try (CapturedLog log = new CapturedLog()) {
      IdempotencyService service = service().listener(throwing).build();
      for (int i = 0; i < FLOOD; i++) {
        String key = redis.unique(SECRET + FORGED);
        assertThat(service.storeRequest(key, SECRET + FORGED), is(true));
        StoredResultException e =
            assertThrows(
                StoredResultException.class, () -> service.execute(key, Duration.class, c -> null));
        assertThat(e.getMessage(), not(containsString(SECRET)));
      }
      assertSafe(log.text());
      assertThat(log.warnsOf("A stored result cannot be read"), is(true));
      assertThat(log.text(), not(containsString(SECRET)));
      assertThat(log.text().lines().count(), is(lessThan(100L)));
    }
  }

  @Test
  void idsOfALimiterAreNotLoggedAndItsListenerFloodsNothing() {
    RateLimiterListener throwing =
        new RateLimiterListener() {
          @Override
          public void onDecision(String name, Decision decision) {
            throw new IllegalStateException("on purpose" + FORGED);
          }
        };
    try (CapturedLog log = new CapturedLog()) {
      RateLimiter limiter = limiter().limit(Limit.of(5, MINUTE)).listener(throwing).build();
      for (int i = 0; i < FLOOD; i++) {
        assertThat(limiter.isAllowed(SECRET + FORGED + i), is(true));
      }
      assertSafe(log.text());
      assertThat(log.text(), not(containsString(SECRET)));
      assertThat(log.text().lines().count(), is(lessThan(100L)));
    }
  }

  @Test
  void aLoggerThatThrowsCostsNothing() {
    PrintStream real = System.err;
    System.setErr(
        new PrintStream(new Failing(), true, UTF_8) {
          @Override
          public void println(String text) {
            throw new IllegalStateException("on purpose");
          }
        });
    try {
      aLockNameIsLockedAllTheSame();
      try (CacheService<Integer> cache = cache()) {
        assertThat(cache.putIfAbsent("k", 1, MINUTE), is(true));
        String name = redis.admin().keys("*:k").iterator().next();
        redis.admin().set(name, "no number", SetParams.setParams().px(60_000));
        assertThat(cache.get("k"), is(Optional.empty()));
        assertThat(redis.admin().del(name), is(1L));
        assertThat(redis.admin().rpush(name, "x"), is(1L));
        assertThat(cache.getOrLoad("k", MINUTE, () -> 2), is(2));
      }
      RateLimiter limiter =
          limiter().limit(Limit.of(5, MINUTE)).listener(new ThrowingListener()).build();
      assertThat(limiter.isAllowed(redis.unique("id")), is(true));
    } finally {
      System.setErr(real);
    }
  }

  private void aLockNameIsLockedAllTheSame() {
    LockListener throwing =
        new LockListener() {
          @Override
          public void onReleased(String name, Duration heldFor) {
            throw new IllegalStateException("on purpose");
          }
        };
    Lease lease = lock(redis.unique("lock")).listener(throwing).build().tryAcquire().orElseThrow();
    assertThat(lease.release(), is(true));
  }

  private static final class ThrowingListener implements RateLimiterListener {
    @Override
    public void onDecision(String name, Decision decision) {
      throw new IllegalStateException("on purpose");
    }
  }

  private static final class Failing extends OutputStream {
    @Override
    public void write(int b) {
      throw new IllegalStateException("on purpose");
    }
  }

  @Test
  void aRevokedPasswordShowsAsTheCauseThatItIs() {
    try (TestRedis user = redis.as(List.of("+@all", "~*", "&*"));
        CapturedLog log = new CapturedLog();
        RedisPubSub pubSub = user.over(RedisPubSub::new, RedisPubSub::new)) {
      RedisLock lock =
          user.over(
              pool -> new RedisLock(pool, redis.unique("revoked"), MINUTE.dividedBy(60)),
              client -> new RedisLock(client, redis.unique("revoked"), MINUTE.dividedBy(60)));
      pubSub.subscribe(redis.unique("channel"), String.class, message -> {});
      Lease lease = lock.tryAcquire().orElseThrow();
      CountDownLatch lost = new CountDownLatch(1);
      lease.keepAlive(MINUTE, lost::countDown);
      user.allow("resetpass", ">another");
      int unused = user.killClients("normal") + user.killClients("pubsub");
      for (String logger : List.of("lock.RedisLock", "pubsub.RedisPubSub")) {
        Awaitility.await(logger)
            .until(
                () ->
                    log.text()
                        .lines()
                        .anyMatch(
                            line ->
                                line.contains(" WARN ")
                                    && line.contains(logger)
                                    && line.contains("WRONGPASS")));
      }
    }
  }
}
