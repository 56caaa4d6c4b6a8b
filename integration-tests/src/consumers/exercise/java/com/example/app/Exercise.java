package com.example.app;

import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.pubsub.Subscription;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/** What an application does with the five modules; throws if one does not do its work. */
public final class Exercise {

  public record User(String id, String name) {}

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private Exercise() {}

  public static void run(Pool<Jedis> pool) throws InterruptedException {
    cache(CacheService.builder(pool, "pool:user:", User.class).build());
    idempotency(new IdempotencyService(pool, "receipts", MINUTE), "pool");
    lock(new RedisLock(pool, "pool", MINUTE));
    rateLimit(RateLimiter.builder(pool, "calls").limit(Limit.of(1, MINUTE)).build(), "pool");
    try (RedisPubSub pubsub = new RedisPubSub(pool)) {
      pubSub(pubsub, "pool");
    }
  }

  public static void run(UnifiedJedis client) throws InterruptedException {
    cache(CacheService.builder(client, "client:user:", User.class).build());
    idempotency(new IdempotencyService(client, "receipts", MINUTE), "client");
    lock(new RedisLock(client, "client", MINUTE));
    rateLimit(RateLimiter.builder(client, "calls").limit(Limit.of(1, MINUTE)).build(), "client");
    try (RedisPubSub pubsub = new RedisPubSub(client)) {
      pubSub(pubsub, "client");
    }
  }

  private static void cache(CacheService<User> cache) {
    User john = new User("1", "John");
    cache.set("1", john, MINUTE);
    expect(cache.get("1"), Optional.of(john));
    User ann = new User("2", "Ann");
    expect(cache.getOrLoad("2", MINUTE, () -> ann), ann);
    cache.close();
  }

  private static void idempotency(IdempotencyService requests, String key) {
    AtomicInteger charged = new AtomicInteger();
    for (int attempt = 0; attempt < 2; attempt++) {
      User receipt =
          requests.execute(
              key, User.class, claim -> new User("receipt", "no. " + charged.incrementAndGet()));
      expect(receipt, new User("receipt", "no. 1"));
    }
  }

  private static void lock(RedisLock lock) throws InterruptedException {
    try (Lease lease = lock.acquire(MINUTE)) {
      expect(lease.token() > 0, true);
    }
  }

  private static void rateLimit(RateLimiter limiter, String id) {
    expect(limiter.tryAcquire(id).allowed(), true);
    expect(limiter.tryAcquire(id).allowed(), false);
  }

  private static void pubSub(RedisPubSub pubsub, String channel) throws InterruptedException {
    BlockingQueue<User> received = new LinkedBlockingQueue<>();
    Subscription subscription =
        pubsub.subscribe(channel, User.class, message -> received.add(message.body()));
    User john = new User("1", "John");
    pubsub.publish(channel, john);
    expect(received.poll(10, TimeUnit.SECONDS), john);
    expect(subscription.isActive(), true);
  }

  private static void expect(Object actual, Object expected) {
    if (!Objects.equals(actual, expected)) {
      throw new IllegalStateException("expected " + expected + ", but was " + actual);
    }
  }
}
