package io.github.redistoolkit.coalescing;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.pubsub.Subscription;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.UnifiedJedis;

/** Every module over a client that coalesces, by more callers than it has lanes. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL},
    never = ClientKind.COALESCING)
@Tag("integration")
@Tag("smoke")
class CoalescingModulesIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final int CALLERS = 24;

  private final TestRedis redis;
  private final UnifiedJedis client;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  CoalescingModulesIT(TestRedis redis) {
    this.redis = redis;
    this.client = redis.over(pool -> Coalescing.over(pool, 2), c -> Coalescing.over(c, 2));
  }

  @AfterEach
  void endThreads() throws Exception {
    threads.shutdownNow();
    assertThat(threads.awaitTermination(30, TimeUnit.SECONDS), is(true));
    assertThat(redis.borrowed(), is(0));
  }

  private <T> List<T> all(Callable<T> call) throws Exception {
    List<Future<T>> futures = new ArrayList<>();
    for (int i = 0; i < CALLERS; i++) {
      futures.add(threads.submit(call));
    }
    List<T> results = new ArrayList<>();
    for (Future<T> future : futures) {
      results.add(future.get(60, TimeUnit.SECONDS));
    }
    return results;
  }

  @Test
  void cache() throws Exception {
    try (CacheService<String> cache =
        CacheService.builder(client, redis.unique("cache:"), String.class).build()) {
      cache.setAll(Map.of("a", "1", "b", "2"), MINUTE);
      assertThat(
          all(() -> cache.getAll(List.of("a", "b"))).stream().distinct().toList(),
          contains(Map.of("a", "1", "b", "2")));
      AtomicInteger loads = new AtomicInteger();
      List<String> loaded =
          all(() -> cache.getOrLoad("l", MINUTE, () -> "loaded" + loads.incrementAndGet()));
      assertThat(loaded.stream().distinct().toList(), contains("loaded1"));
      assertThat(cache.clear(), is(3L));
      assertThat(cache.get("a"), is(Optional.empty()));
    }
  }

  @Test
  void nearCache() {
    String prefix = redis.unique("near:");
    try (CacheService<String> near =
            CacheService.builder(client, prefix, String.class).nearCache(100).build();
        CacheService<String> elsewhere =
            redis
                .over(
                    pool -> CacheService.builder(pool, prefix, String.class),
                    other -> CacheService.builder(other, prefix, String.class))
                .build()) {
      near.set("k", "v", MINUTE);
      assertThat(near.get("k"), is(Optional.of("v")));
      elsewhere.set("k", "w", MINUTE);
      await().until(() -> near.get("k").equals(Optional.of("w")));
    }
  }

  @Test
  void idempotency() throws Exception {
    IdempotencyService requests = new IdempotencyService(client, "coalesced", MINUTE);
    String request = redis.unique("request");
    AtomicInteger runs = new AtomicInteger();
    String first =
        requests.execute(request, String.class, claim -> "run " + runs.incrementAndGet());
    assertThat(
        all(() -> requests.execute(request, String.class, claim -> "run " + runs.incrementAndGet()))
            .stream()
            .distinct()
            .toList(),
        contains(first));
    assertThat(runs.get(), is(1));
  }

  @Test
  void lock() throws Exception {
    RedisLock lock = new RedisLock(client, redis.unique("lock"), MINUTE);
    AtomicInteger inside = new AtomicInteger();
    List<Long> tokens =
        all(
            () -> {
              try (Lease lease = lock.acquire(MINUTE)) {
                assertThat(inside.incrementAndGet(), is(1));
                inside.decrementAndGet();
                return lease.token();
              }
            });
    assertThat(tokens.stream().distinct().count(), is((long) CALLERS));
  }

  @Test
  void aLockThatIsWaitedForHoldsUpNobody() throws Exception {
    UnifiedJedis oneLane =
        redis.over(pool -> Coalescing.over(pool, 1), other -> Coalescing.over(other, 1));
    RedisLock lock = new RedisLock(oneLane, redis.unique("lock"), MINUTE);
    String key = redis.unique("key");
    Lease held = lock.tryAcquire().orElseThrow();
    long tries = redis.calls("evalsha");
    List<Future<Long>> waiting = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      waiting.add(
          threads.submit(
              () -> {
                try (Lease lease = lock.acquire(MINUTE)) {
                  return lease.token();
                }
              }));
    }
    await().until(() -> redis.calls("evalsha") >= tries + waiting.size());
    for (int i = 0; i < 100; i++) {
      assertThat(oneLane.set(key, "v" + i), is("OK"));
      assertThat(oneLane.get(key), is("v" + i));
    }
    for (Future<Long> one : waiting) {
      assertThat(one.isDone(), is(false));
    }
    assertThat(held.release(), is(true));
    for (Future<Long> one : waiting) {
      assertThat(one.get(60, TimeUnit.SECONDS), is(greaterThan(held.token())));
    }
  }

  @Test
  void rateLimit() throws Exception {
    RateLimiter limiter =
        RateLimiter.builder(client, "coalesced").limit(Limit.of(10, MINUTE)).build();
    String user = redis.unique("user");
    long allowed =
        all(() -> limiter.tryAcquire(user).allowed()).stream().filter(yes -> yes).count();
    assertThat(allowed, is(10L));
  }

  @Test
  void pubSub() throws Exception {
    BlockingQueue<String> received = new LinkedBlockingQueue<>();
    String channel = redis.unique("channel");
    try (RedisPubSub pubsub = new RedisPubSub(client)) {
      Subscription subscription =
          pubsub.subscribe(channel, String.class, message -> received.add(message.body()));
      pubsub.publish(channel, "hello");
      assertThat(received.poll(30, TimeUnit.SECONDS), is("hello"));
      assertThat(subscription.isActive(), is(true));
    }
  }
}
