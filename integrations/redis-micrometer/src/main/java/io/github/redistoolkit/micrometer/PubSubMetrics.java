package io.github.redistoolkit.micrometer;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.pubsub.PubSubListener;
import io.github.redistoolkit.pubsub.PubSubStats;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.pubsub.Subscription;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.ToDoubleFunction;

/**
 * Measures pub/sub. {@link #monitor} counts what became of messages, and {@link #listener} what
 * happens to connections and subscriptions.
 *
 * <pre>{@code
 * RedisPubSub pubsub =
 *     PubSubMetrics.monitor(
 *         registry,
 *         RedisPubSub.builder(pool)
 *             .listener(
 *                 PubSubMetrics.listener(registry, "events").andThen(PubSubListener.logging()))
 *             .build(),
 *         "events");
 * }</pre>
 *
 * <table>
 *   <caption>Its meters, all with the tag {@code pubsub}</caption>
 *   <tr><th>name</th><th>type</th><th>by</th></tr>
 *   <tr><td>{@code redis.pubsub.messages}</td>
 *     <td>counter: messages that are done with; the tag {@code outcome} is {@code handled}, {@code
 *     failed} or {@code dropped}</td><td>{@code monitor}</td></tr>
 *   <tr><td>{@code redis.pubsub.queued}</td>
 *     <td>gauge: messages that are waiting or being handled</td><td>{@code monitor}</td></tr>
 *   <tr><td>{@code redis.pubsub.connected}</td>
 *     <td>gauge: 1 if all subscriptions are confirmed, else 0</td><td>{@code monitor}</td></tr>
 *   <tr><td>{@code redis.pubsub.gaps}</td>
 *     <td>timer: times in which messages may have been lost</td><td>{@code listener}</td></tr>
 *   <tr><td>{@code redis.pubsub.disconnects}</td><td>counter: connections that were lost</td>
 *     <td>{@code listener}</td></tr>
 *   <tr><td>{@code redis.pubsub.refused}</td>
 *     <td>counter: subscriptions that Redis refuses after it had confirmed them</td>
 *     <td>{@code listener}</td></tr>
 * </table>
 *
 * <p>{@code pubsub} is a label. Channels are not tags, since many have an id in their name.
 * Thread-safe.
 */
public final class PubSubMetrics implements PubSubListener {

  static {
    ModuleVersion.check();
  }

  private final Timer gaps;
  private final Counter disconnects;
  private final Counter refused;

  private PubSubMetrics(MeterRegistry registry, Tags tags) {
    this.gaps =
        Timer.builder("redis.pubsub.gaps")
            .description("Times in which messages may have been lost")
            .tags(tags)
            .register(registry);
    this.disconnects =
        Counter.builder("redis.pubsub.disconnects")
            .description("Connections that were lost")
            .tags(tags)
            .register(registry);
    this.refused =
        Counter.builder("redis.pubsub.refused")
            .description("Subscriptions that Redis refuses after it had confirmed them")
            .tags(tags)
            .register(registry);
  }

  /**
   * Returns what measures connections, for {@code listener(…)} of the builder. It logs nothing, so
   * have {@link PubSubListener#logging} told beside it, as above.
   *
   * @param registry where the meters are
   * @param pubsub a label for what is measured
   * @return a listener
   * @throws NullPointerException if an argument is null
   */
  public static PubSubListener listener(MeterRegistry registry, String pubsub) {
    return listener(registry, pubsub, Tags.empty());
  }

  /**
   * Returns what measures connections, for {@code listener(…)} of the builder. It logs nothing, so
   * have {@link PubSubListener#logging} told beside it, as above.
   *
   * @param registry where the meters are
   * @param pubsub a label for what is measured
   * @param tags further tags of every meter
   * @return a listener
   * @throws NullPointerException if an argument is null
   */
  public static PubSubListener listener(MeterRegistry registry, String pubsub, Iterable<Tag> tags) {
    return new PubSubMetrics(Labels.registry(registry), Labels.tags("pubsub", pubsub, tags));
  }

  /**
   * Measures what becomes of messages. The meters do not keep it alive.
   *
   * @param registry where the meters are
   * @param subject what is measured
   * @param pubsub a label for it
   * @return {@code subject}
   * @throws NullPointerException if an argument is null
   */
  @CanIgnoreReturnValue
  public static RedisPubSub monitor(MeterRegistry registry, RedisPubSub subject, String pubsub) {
    return monitor(registry, subject, pubsub, Tags.empty());
  }

  /**
   * Measures what becomes of messages. The meters do not keep it alive.
   *
   * @param registry where the meters are
   * @param subject what is measured
   * @param pubsub a label for it
   * @param tags further tags of every meter
   * @return {@code subject}
   * @throws NullPointerException if an argument is null
   */
  @CanIgnoreReturnValue
  public static RedisPubSub monitor(
      MeterRegistry registry, RedisPubSub subject, String pubsub, Iterable<Tag> tags) {
    Labels.registry(registry);
    Objects.requireNonNull(subject, "subject");
    Tags all = Labels.tags("pubsub", pubsub, tags);
    messages(registry, subject, all, "handled", PubSubStats::handled);
    messages(registry, subject, all, "failed", PubSubStats::failed);
    messages(registry, subject, all, "dropped", PubSubStats::dropped);
    Gauge.builder("redis.pubsub.queued", subject, of -> of.stats().queued())
        .description("Messages that are waiting or being handled")
        .tags(all)
        .register(registry);
    Gauge.builder("redis.pubsub.connected", subject, of -> of.isConnected() ? 1 : 0)
        .description("1 if all subscriptions are confirmed, else 0")
        .tags(all)
        .register(registry);
    return subject;
  }

  private static void messages(
      MeterRegistry registry,
      RedisPubSub subject,
      Tags tags,
      String outcome,
      ToDoubleFunction<PubSubStats> count) {
    FunctionCounter.builder("redis.pubsub.messages", subject, of -> count.applyAsDouble(of.stats()))
        .description("Messages that are done with")
        .tags(tags)
        .tag("outcome", outcome)
        .register(registry);
  }

  @Override
  public void onDisconnected(List<Subscription> subscriptions, Throwable cause) {
    disconnects.increment();
  }

  @Override
  public void onReconnected(List<Subscription> subscriptions, Duration gap) {
    gaps.record(gap);
  }

  @Override
  public void onRefused(Subscription subscription, Exception error) {
    refused.increment();
  }
}
