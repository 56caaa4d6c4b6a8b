package io.github.redistoolkit.micrometer;

import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.idempotency.FailureOutcome;
import io.github.redistoolkit.idempotency.IdempotencyListener;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.lock.LockListener;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.lock.RedisLocks;
import io.github.redistoolkit.pubsub.PubSubListener;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.OnUnavailable;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.ratelimit.RateLimiterListener;
import io.github.redistoolkit.stream.DurableListener;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.testing.TestRedis;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import java.time.Duration;
import java.util.List;

/** One of each, measured, as an application would have them. */
final class Measured implements AutoCloseable {

  static final List<Tag> APPLICATION = List.of(Tag.of("application", "shop"));

  static final String GROUP = "billing";

  final RedisLocks locks;
  final RateLimiter limiter;
  final IdempotencyService service;
  final RedisPubSub pubsub;
  final DurableTopic<Integer> topic;
  final CacheService<String> cache;
  private final TestRedis redis;

  Measured(TestRedis redis, MeterRegistry registry) {
    this.redis = redis;
    LockListener onLock = LockMetrics.listener(registry, "orders", APPLICATION);
    RateLimiterListener onDecision = RateLimiterMetrics.listener(registry, APPLICATION);
    IdempotencyListener onRequest = IdempotencyMetrics.listener(registry, "payments", APPLICATION);
    PubSubListener onLink =
        PubSubMetrics.listener(registry, "events", APPLICATION).andThen(PubSubListener.logging());
    this.locks = redis.over(RedisLocks::builder, RedisLocks::builder).listener(onLock).build();
    this.limiter =
        redis
            .over(p -> RateLimiter.builder(p, "api"), c -> RateLimiter.builder(c, "api"))
            .limit(Limit.of(2, Duration.ofHours(1)).named("per-hour"))
            .onUnavailable(OnUnavailable.ALLOW)
            .listener(onDecision)
            .build();
    this.service =
        redis
            .over(
                p -> IdempotencyService.builder(p, "payments"),
                c -> IdempotencyService.builder(c, "payments"))
            .maxResultBytes(100)
            .onFailure(IllegalStateException.class, FailureOutcome.STORE_FAILURE)
            .onFailure(IllegalArgumentException.class, FailureOutcome.KEEP_OPEN)
            .listener(onRequest)
            .build();
    this.pubsub =
        redis
            .over(RedisPubSub::builder, RedisPubSub::builder)
            .heartbeat(Duration.ofMillis(200))
            .listener(onLink)
            .build();
    PubSubMetrics.monitor(registry, pubsub, "events", APPLICATION);
    String name = redis.unique("topic");
    DurableListener onMessage =
        StreamMetrics.listener(registry, "orders", APPLICATION).andThen(DurableListener.logging());
    this.topic =
        redis
            .over(
                p -> DurableTopic.builder(p, name, Integer.class),
                c -> DurableTopic.builder(c, name, Integer.class))
            .prefix(redis.mark() + "topic:")
            .lease(Duration.ofSeconds(2))
            .retryDelay(Duration.ofMillis(10))
            .maxDeliveries(2)
            .listener(onMessage)
            .build();
    StreamMetrics.monitor(registry, topic, GROUP, "orders", APPLICATION);
    String prefix = redis.unique("measured:");
    this.cache =
        redis
            .over(
                p -> CacheService.builder(p, prefix, String.class),
                c -> CacheService.builder(c, prefix, String.class))
            .nearCache(100)
            .build();
    CacheMetrics.monitor(registry, cache, "users", APPLICATION);
  }

  RedisLock lock() {
    return locks.lock(redis.unique("order"), Duration.ofSeconds(30));
  }

  @Override
  public void close() {
    pubsub.close();
    topic.close();
    cache.close();
  }
}
