package io.github.redistoolkit.lending;

import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.idempotency.IdempotencyListener;
import io.github.redistoolkit.lock.LockListener;
import io.github.redistoolkit.micrometer.CacheMetrics;
import io.github.redistoolkit.micrometer.IdempotencyMetrics;
import io.github.redistoolkit.micrometer.LockMetrics;
import io.github.redistoolkit.micrometer.PubSubMetrics;
import io.github.redistoolkit.micrometer.RateLimiterMetrics;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.ratelimit.RateLimiterListener;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.search.Search;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletResponse;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** What the branches have done so far, as the meters of the toolkit count it. Thread-safe. */
final class Figures {

  private final MeterRegistry registry = new SimpleMeterRegistry();
  private final AtomicInteger measured = new AtomicInteger();
  private final Counter published = registry.counter("lending.events.published");

  /**
   * The figures of all branches together.
   *
   * @param requests that were answered
   * @param failed those that were answered with a 5xx
   * @param handled applications that were not limited, and no duplicates
   * @param replayed duplicates that were answered with the first response
   * @param inProgress duplicates that came too early for that
   * @param mismatched that used a key again for something else
   * @param limited applications over the limit
   * @param hits reads of users that the cache answered
   * @param misses those that it did not
   * @param acquired times that a branch got the lock of the fund
   * @param waitedMillis how long branches waited for it, in all
   * @param longestWaitMillis the longest of these waits in the last minutes
   * @param lockErrors attempts at it that failed
   * @param lost leases that were over before they were released
   * @param published events, each to all branches
   * @param received events, by all branches
   * @param dropped events that a branch was too slow for
   */
  record Snapshot(
      long requests,
      long failed,
      long handled,
      long replayed,
      long inProgress,
      long mismatched,
      long limited,
      long hits,
      long misses,
      long acquired,
      long waitedMillis,
      long longestWaitMillis,
      long lockErrors,
      long lost,
      long published,
      long received,
      long dropped) {}

  LockListener ofLock() {
    return LockMetrics.listener(registry, "fund");
  }

  RateLimiterListener ofLimiter() {
    return RateLimiterMetrics.listener(registry);
  }

  IdempotencyListener ofRequests() {
    return IdempotencyMetrics.listener(registry, "loans");
  }

  <V> CacheService<V> measured(CacheService<V> cache) {
    return CacheMetrics.monitor(registry, cache, "users", next());
  }

  RedisPubSub measured(RedisPubSub pubsub) {
    return PubSubMetrics.monitor(registry, pubsub, "loans", next());
  }

  /** Meters that are read from what they measure are one for each. */
  private List<Tag> next() {
    return List.of(Tag.of("instance", String.valueOf(measured.incrementAndGet())));
  }

  /** Counts every response, by its status. */
  Filter ofResponses() {
    return (request, response, chain) -> {
      boolean returned = false;
      try {
        chain.doFilter(request, response);
        returned = true;
      } finally {
        int status = returned ? ((HttpServletResponse) response).getStatus() : 500;
        registry.counter("lending.responses", "status", String.valueOf(status)).increment();
      }
    };
  }

  void published() {
    published.increment();
  }

  Snapshot read() {
    return new Snapshot(
        counted(registry.find("lending.responses")),
        counted(registry.find("lending.responses").tag("status", code -> code.startsWith("5"))),
        counted(requests("run")),
        counted(requests("replayed")),
        counted(requests("in-progress")),
        counted(requests("mismatch")),
        counted(registry.find("redis.ratelimit.decisions").tag("outcome", "refused")),
        counted(registry.find("cache.gets").tag("result", "hit")),
        counted(registry.find("cache.gets").tag("result", "miss")),
        attempts("acquired").count(),
        Math.round(attempts("acquired").totalTime(TimeUnit.MILLISECONDS)),
        Math.round(attempts("acquired").max(TimeUnit.MILLISECONDS)),
        attempts("error").count(),
        counted(registry.find("redis.lock.lost")),
        counted(registry.find("lending.events.published")),
        counted(registry.find("redis.pubsub.messages").tag("outcome", "handled")),
        counted(registry.find("redis.pubsub.messages").tag("outcome", "dropped")));
  }

  private Search requests(String outcome) {
    return registry.find("redis.idempotency.requests").tag("outcome", outcome);
  }

  private Timer attempts(String outcome) {
    return registry.get("redis.lock.acquire").tag("outcome", outcome).timer();
  }

  /** The sum of all counters that are found. */
  private static long counted(Search search) {
    double sum =
        search.counters().stream().mapToDouble(Counter::count).sum()
            + search.functionCounters().stream().mapToDouble(FunctionCounter::count).sum();
    return Math.round(sum);
  }
}
