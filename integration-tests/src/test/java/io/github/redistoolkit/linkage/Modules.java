package io.github.redistoolkit.linkage;

import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.coalescing.Coalescing;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.micrometer.LockMetrics;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.servlet.RateLimitFilter;
import io.github.redistoolkit.spring.ToolkitCaches;
import io.github.redistoolkit.stream.DurableTopic;
import java.util.LinkedHashMap;
import java.util.Map;

/** The modules that run in applications, as they are on the class path, by their names. */
final class Modules {

  static final String CORE = "redis-core";

  private Modules() {}

  static Map<String, ClassFiles> all() {
    Map<String, ClassFiles> all = new LinkedHashMap<>();
    all.put(CORE, ClassFiles.with(RedisAccess.class));
    all.put("redis-cache", ClassFiles.with(CacheService.class));
    all.put("redis-idempotency", ClassFiles.with(IdempotencyService.class));
    all.put("redis-lock", ClassFiles.with(RedisLock.class));
    all.put("redis-ratelimit", ClassFiles.with(RateLimiter.class));
    all.put("redis-pubsub", ClassFiles.with(RedisPubSub.class));
    all.put("redis-stream", ClassFiles.with(DurableTopic.class));
    all.put("redis-coalescing", ClassFiles.with(Coalescing.class));
    all.put("redis-micrometer", ClassFiles.with(LockMetrics.class));
    all.put("redis-servlet", ClassFiles.with(RateLimitFilter.class));
    all.put("redis-spring-boot-starter", ClassFiles.with(ToolkitCaches.class));
    return all;
  }

  static ClassFiles together() {
    return all().values().stream().reduce(ClassFiles::and).orElseThrow();
  }
}
