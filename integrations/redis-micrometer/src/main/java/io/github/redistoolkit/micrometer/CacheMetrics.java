package io.github.redistoolkit.micrometer;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.cache.CacheStats;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.binder.BaseUnits;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;

/**
 * Measures a cache. Where Micrometer has a name for a meter of caches, that name is used.
 *
 * <pre>{@code
 * CacheService<User> users =
 *     CacheMetrics.monitor(registry, new CacheService<>(pool, "user:", User.class), "users");
 * }</pre>
 *
 * <table>
 *   <caption>Its meters, all with the tag {@code cache}</caption>
 *   <tr><th>name</th><th>type</th></tr>
 *   <tr><td>{@code cache.gets}</td>
 *     <td>counter: reads; the tag {@code result} is {@code hit} or {@code miss}</td></tr>
 *   <tr><td>{@code cache.load}</td>
 *     <td>counter: runs of loaders; {@code result} is {@code success} or {@code failure}</td></tr>
 *   <tr><td>{@code cache.load.duration}</td><td>gauge: the total time spent in loaders</td></tr>
 *   <tr><td>{@code cache.load.waits}</td>
 *     <td>timer: callers that waited for a load of another caller or JVM</td></tr>
 *   <tr><td>{@code cache.load.refused}</td><td>counter: loaded values that were not stored, since
 *     the key had been changed meanwhile</td></tr>
 *   <tr><td>{@code cache.load.uncached}</td><td>counter: loads that went without Redis</td></tr>
 *   <tr><td>{@code cache.load.early}</td>
 *     <td>counter: loads that refreshed an entry before it ended</td></tr>
 *   <tr><td>{@code cache.load.stale}</td><td>counter: entries past their time that were returned,
 *     since their loader failed</td></tr>
 *   <tr><td>{@code cache.redis.failures}</td>
 *     <td>counter: failures of Redis that callers were not told of</td></tr>
 *   <tr><td>{@code cache.redis.cooldowns}</td>
 *     <td>counter: times that loads began to go without Redis for a while</td></tr>
 *   <tr><td>{@code cache.undecodable}</td>
 *     <td>counter: entries that could not be decoded to the type</td></tr>
 *   <tr><td>{@code cache.near.hits}</td>
 *     <td>counter: the part of the hits that the near cache answered</td></tr>
 *   <tr><td>{@code cache.near.entries}</td><td>gauge: copies in the near cache</td></tr>
 *   <tr><td>{@code cache.near.size}</td><td>gauge: their bytes</td></tr>
 *   <tr><td>{@code cache.near.on}</td><td>gauge: 1 if the near cache answers reads, else 0</td></tr>
 * </table>
 *
 * <p>There is no {@code cache.size}, {@code cache.puts} or {@code cache.evictions}. A cache in
 * Redis is shared, and no JVM knows these figures for all of it. All figures are read from {@link
 * CacheService#stats} when the registry asks, so they cost a read or a load nothing. The meters do
 * not keep the cache alive. Thread-safe.
 */
public final class CacheMetrics implements MeterBinder {

  static {
    ModuleVersion.check();
  }

  private final CacheService<?> subject;
  private final Tags tags;

  /**
   * Creates a binder.
   *
   * @param subject what is measured
   * @param cache a label for it
   * @param tags further tags of every meter
   * @throws NullPointerException if an argument is null
   */
  public CacheMetrics(CacheService<?> subject, String cache, Iterable<Tag> tags) {
    this.subject = Objects.requireNonNull(subject, "subject");
    this.tags = Labels.tags("cache", cache, tags);
  }

  /**
   * Measures a cache.
   *
   * @param registry where the meters are
   * @param subject what is measured
   * @param cache a label for it
   * @param <V> the type of its values
   * @return {@code subject}
   * @throws NullPointerException if an argument is null
   */
  @CanIgnoreReturnValue
  public static <V> CacheService<V> monitor(
      MeterRegistry registry, CacheService<V> subject, String cache) {
    return monitor(registry, subject, cache, Tags.empty());
  }

  /**
   * Measures a cache.
   *
   * @param registry where the meters are
   * @param subject what is measured
   * @param cache a label for it
   * @param tags further tags of every meter
   * @param <V> the type of its values
   * @return {@code subject}
   * @throws NullPointerException if an argument is null
   */
  @CanIgnoreReturnValue
  public static <V> CacheService<V> monitor(
      MeterRegistry registry, CacheService<V> subject, String cache, Iterable<Tag> tags) {
    new CacheMetrics(subject, cache, tags).bindTo(registry);
    return subject;
  }

  /**
   * Registers the meters.
   *
   * @param registry where
   * @throws NullPointerException if {@code registry} is null
   */
  @Override
  public void bindTo(MeterRegistry registry) {
    Labels.registry(registry);
    bindReads(registry);
    bindLoads(registry);
    bindFailures(registry);
    bindNear(registry);
  }

  private void bindReads(MeterRegistry registry) {
    String reads = "Reads";
    counter(registry, "cache.gets", reads, tags.and("result", "hit"), CacheStats::hits);
    counter(registry, "cache.gets", reads, tags.and("result", "miss"), CacheStats::misses);
  }

  private void bindLoads(MeterRegistry registry) {
    String runs = "Runs of loaders";
    counter(registry, "cache.load", runs, tags.and("result", "success"), CacheStats::loads);
    counter(registry, "cache.load", runs, tags.and("result", "failure"), CacheStats::loadFailures);
    TimeGauge.builder(
            "cache.load.duration",
            subject,
            TimeUnit.NANOSECONDS,
            of -> of.stats().totalLoadTime().toNanos())
        .description("The time spent in loaders in all")
        .tags(tags)
        .register(registry);
    FunctionTimer.builder(
            "cache.load.waits",
            subject,
            of -> of.stats().waits(),
            of -> of.stats().totalWaitTime().toNanos(),
            TimeUnit.NANOSECONDS)
        .description("How long callers waited for a load of another caller or JVM")
        .tags(tags)
        .register(registry);
    counter(
        registry,
        "cache.load.refused",
        "Loaded values that were not stored",
        tags,
        CacheStats::refusedFills);
    counter(
        registry,
        "cache.load.uncached",
        "Loads that went without Redis",
        tags,
        CacheStats::uncachedLoads);
    counter(
        registry,
        "cache.load.early",
        "Loads that refreshed an entry before it ended",
        tags,
        CacheStats::earlyLoads);
    counter(
        registry,
        "cache.load.stale",
        "Entries past their time that were returned, since their loader failed",
        tags,
        CacheStats::staleHits);
  }

  private void bindFailures(MeterRegistry registry) {
    counter(
        registry,
        "cache.redis.failures",
        "Failures of Redis that callers were not told of",
        tags,
        CacheStats::redisFailures);
    counter(
        registry,
        "cache.redis.cooldowns",
        "Times that loads began to go without Redis for a while",
        tags,
        CacheStats::coolDowns);
    counter(
        registry,
        "cache.undecodable",
        "Entries that could not be decoded to the type",
        tags,
        CacheStats::undecodable);
  }

  private void bindNear(MeterRegistry registry) {
    counter(
        registry,
        "cache.near.hits",
        "Hits that the near cache answered",
        tags,
        CacheStats::nearHits);
    Gauge.builder("cache.near.entries", subject, of -> of.stats().near().entries())
        .description("Copies in the near cache")
        .tags(tags)
        .register(registry);
    Gauge.builder("cache.near.size", subject, of -> of.stats().near().bytes())
        .description("The text of the copies in the near cache")
        .baseUnit(BaseUnits.BYTES)
        .tags(tags)
        .register(registry);
    Gauge.builder("cache.near.on", subject, CacheMetrics::nearOn)
        .description("1 if the near cache answers reads, else 0")
        .tags(tags)
        .register(registry);
  }

  private static double nearOn(CacheService<?> of) {
    return of.stats().near().state() == CacheStats.NearState.ON ? 1 : 0;
  }

  private void counter(
      MeterRegistry registry,
      String name,
      String description,
      Tags all,
      ToDoubleFunction<CacheStats> count) {
    FunctionCounter.builder(name, subject, of -> count.applyAsDouble(of.stats()))
        .description(description)
        .tags(all)
        .register(registry);
  }
}
