package io.github.redistoolkit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.core.FreshLog;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.lock.RedisSemaphore;
import io.github.redistoolkit.pubsub.CapturedLog;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.OnUnavailable;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.OldServer;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import redis.clients.jedis.exceptions.JedisDataException;

/** Whoever meets a server below Redis 7 is told so by each module that cannot work with it. */
@EachClient
class OldServerIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final String NEEDED = "needs Redis 7.0 or later, or Valkey";

  private static OldServer server;

  private final TestRedis old;

  OldServerIT(TestRedis redis) {
    this.old = redis.at(server.address());
  }

  @BeforeAll
  static void start() {
    server = OldServer.start();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static void refused(Executable call) {
    JedisDataException thrown = assertThrows(JedisDataException.class, call);
    assertThat(thrown.getMessage(), containsString(NEEDED));
  }

  @Test
  void aCacheSaysSo() throws Exception {
    FreshLog.of(CacheService.class);
    try (CapturedLog log = new CapturedLog();
        CacheService<String> cache =
            old.over(
                pool -> new CacheService<>(pool, "old:", String.class),
                client -> new CacheService<>(client, "old:", String.class))) {
      refused(() -> cache.delete("key"));
      refused(() -> cache.invalidateGroup("group"));
      assertThat(cache.getOrLoad("key", MINUTE, () -> "loaded"), is("loaded"));
      assertThat(log.text(), log.warnsOf(NEEDED), is(true));
    }
  }

  @Test
  void idempotencySaysSo() {
    IdempotencyService requests =
        old.over(
            pool -> new IdempotencyService(pool, "orders", MINUTE),
            client -> new IdempotencyService(client, "orders", MINUTE));
    refused(() -> requests.execute("key", String.class, claim -> "done"));
    refused(() -> requests.isDuplicate("key"));
  }

  @Test
  void locksAndSemaphoresSaySo() {
    RedisLock lock =
        old.over(
            pool -> new RedisLock(pool, "name", MINUTE),
            client -> new RedisLock(client, "name", MINUTE));
    RedisSemaphore semaphore =
        old.over(
            pool -> new RedisSemaphore(pool, "name", 1, MINUTE),
            client -> new RedisSemaphore(client, "name", 1, MINUTE));
    refused(() -> lock.tryAcquire());
    refused(() -> lock.tryAcquire(MINUTE));
    refused(() -> semaphore.tryAcquire());
    refused(() -> semaphore.tryAcquire(MINUTE));
  }

  @Test
  void aLimiterSaysSoUnderEveryPolicy() {
    for (OnUnavailable policy : OnUnavailable.values()) {
      RateLimiter limiter =
          old.over(
                  pool -> RateLimiter.builder(pool, "calls"),
                  client -> RateLimiter.builder(client, "calls"))
              .limit(Limit.of(1, MINUTE))
              .onUnavailable(policy)
              .build();
      refused(() -> limiter.isAllowed("id"));
    }
  }

  @Test
  void pubSubSaysSoOfWhatItCannotDo() throws Exception {
    BlockingQueue<String> heard = new LinkedBlockingQueue<>();
    try (RedisPubSub pubSub = old.over(RedisPubSub::new, RedisPubSub::new)) {
      refused(() -> pubSub.subscribeSharded("channel", String.class, message -> {}));
      refused(() -> pubSub.publishSharded("channel", "text"));
      var unused = pubSub.subscribe("channel", String.class, message -> heard.add(message.body()));
      assertThat(pubSub.publish("channel", "text"), is(1L));
      assertThat(heard.poll(10, TimeUnit.SECONDS), is("text"));
    }
  }
}
