package io.github.redistoolkit.micrometer;

import io.github.redistoolkit.ratelimit.Decision;
import io.github.redistoolkit.ratelimit.RateLimiterListener;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/**
 * Measures rate limiters.
 *
 * <pre>{@code
 * RateLimiter limiter =
 *     RateLimiter.builder(pool, "api")
 *         .limit(Limit.of(100, Duration.ofMinutes(1)).named("per-minute"))
 *         .listener(RateLimiterMetrics.listener(registry))
 *         .build();
 * }</pre>
 *
 * <table>
 *   <caption>Its meter</caption>
 *   <tr><th>name</th><th>type</th><th>tags</th></tr>
 *   <tr><td>{@code redis.ratelimit.decisions}</td><td>counter: decisions</td>
 *     <td>{@code limiter} is the limiter's name; {@code limit} the name of the limit that restricts
 *     most; {@code outcome} is {@code allowed}, {@code refused}, or {@code degraded} if a policy
 *     decided in Redis's place</td></tr>
 * </table>
 *
 * <p>One listener may serve any number of limiters. A meter is there from its first decision on. A
 * decision that ended with an exception is not counted. Thread-safe.
 */
public final class RateLimiterMetrics implements RateLimiterListener {

  static {
    ModuleVersion.check();
  }

  private final MeterRegistry registry;
  private final Tags tags;

  /** Looked up here without making the tags anew for each decision. */
  private final ConcurrentMap<Kind, Counter> counters = new ConcurrentHashMap<>();

  private record Kind(String limiter, String limit, Decision.Outcome outcome) {}

  private RateLimiterMetrics(MeterRegistry registry, Tags tags) {
    this.registry = registry;
    this.tags = tags;
  }

  /**
   * Returns what measures limiters, for {@code listener(…)} of their builder.
   *
   * @param registry where the meters are
   * @return a listener
   * @throws NullPointerException if {@code registry} is null
   */
  public static RateLimiterListener listener(MeterRegistry registry) {
    return listener(registry, Tags.empty());
  }

  /**
   * Returns what measures limiters, for {@code listener(…)} of their builder.
   *
   * @param registry where the meters are
   * @param tags further tags of every meter
   * @return a listener
   * @throws NullPointerException if an argument is null
   */
  public static RateLimiterListener listener(MeterRegistry registry, Iterable<Tag> tags) {
    Objects.requireNonNull(tags, "tags");
    return new RateLimiterMetrics(Labels.registry(registry), Tags.of(tags));
  }

  @Override
  public void onDecision(String name, Decision decision) {
    Kind kind = new Kind(name, decision.limit().name(), decision.outcome());
    Counter counter = counters.get(kind);
    if (counter == null) {
      counter = counters.computeIfAbsent(kind, this::counter);
    }
    counter.increment();
  }

  private Counter counter(Kind kind) {
    return Counter.builder("redis.ratelimit.decisions")
        .description("Decisions of rate limiters")
        .tags(tags)
        .tag("limiter", kind.limiter())
        .tag("limit", kind.limit())
        .tag("outcome", kind.outcome().name().toLowerCase(Locale.ROOT))
        .register(registry);
  }
}
