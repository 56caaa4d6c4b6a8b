package io.github.redistoolkit.micrometer;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.stream.DurableListener;
import io.github.redistoolkit.stream.DurableMessage;
import io.github.redistoolkit.stream.DurableSubscription;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.GroupState;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;

/**
 * Measures durable topics. {@link #listener} counts what happens in this process, and {@link
 * #monitor} shows how far a group is.
 *
 * <pre>{@code
 * DurableTopic<Order> orders =
 *     DurableTopic.builder(pool, "orders", Order.class)
 *         .listener(StreamMetrics.listener(registry, "orders").andThen(DurableListener.logging()))
 *         .build();
 * StreamMetrics.monitor(registry, orders, "billing", "orders");
 * }</pre>
 *
 * <table>
 *   <caption>Its meters, all with the tag {@code stream}</caption>
 *   <tr><th>name</th><th>type</th><th>by</th></tr>
 *   <tr><td>{@code redis.stream.published}</td><td>counter: messages that were published here</td>
 *     <td>{@code listener}</td></tr>
 *   <tr><td>{@code redis.stream.messages}</td>
 *     <td>counter: what became of deliveries; the tag {@code outcome} is {@code handled}, {@code
 *     failed} for each attempt that failed, {@code dead-letter} or, of a follower, {@code
 *     skipped}</td><td>{@code listener}</td></tr>
 *   <tr><td>{@code redis.stream.redelivered}</td>
 *     <td>counter: the part of those handled or failed that was not the first delivery of its
 *     message</td><td>{@code listener}</td></tr>
 *   <tr><td>{@code redis.stream.trimmed}</td>
 *     <td>counter: messages that were lost to a group, since they were trimmed</td>
 *     <td>{@code listener}</td></tr>
 *   <tr><td>{@code redis.stream.leases.lost}</td>
 *     <td>counter: leases that were lost while the handler ran</td><td>{@code listener}</td></tr>
 *   <tr><td>{@code redis.stream.groups.lost}</td>
 *     <td>counter: times that a subscription had its group made again</td>
 *     <td>{@code listener}</td></tr>
 *   <tr><td>{@code redis.stream.disconnects}</td>
 *     <td>counter: times that a subscription could not read any more</td>
 *     <td>{@code listener}</td></tr>
 *   <tr><td>{@code redis.stream.away}</td>
 *     <td>timer: for how long it could not, once it can again</td><td>{@code listener}</td></tr>
 *   <tr><td>{@code redis.stream.lag}</td>
 *     <td>gauge: messages that the group has not got yet</td><td>{@code monitor}</td></tr>
 *   <tr><td>{@code redis.stream.pending}</td>
 *     <td>gauge: messages that it got and has not done with</td><td>{@code monitor}</td></tr>
 *   <tr><td>{@code redis.stream.pending.age}</td>
 *     <td>gauge: for how long the oldest of these has been published; 0 if there is none</td>
 *     <td>{@code monitor}</td></tr>
 *   <tr><td>{@code redis.stream.consumers}</td><td>gauge: consumers that Redis knows</td>
 *     <td>{@code monitor}</td></tr>
 *   <tr><td>{@code redis.stream.dead.letters}</td><td>gauge: dead letters that there are</td>
 *     <td>{@code monitor}</td></tr>
 * </table>
 *
 * <p>{@code stream} is a label; ids are not tags. All meters but {@code published} also have the
 * tag {@code group}: the name of the group, or {@code -} for followers. The meters of a group are
 * there from its first subscription on, or from when it is monitored. So a rate is 0 before
 * anything has happened. Thread-safe.
 */
public final class StreamMetrics implements DurableListener {

  static {
    ModuleVersion.check();
  }

  private static final String FOLLOWERS = "-";

  private final MeterRegistry registry;
  private final Tags tags;
  private final Counter published;
  private final ConcurrentHashMap<String, OfGroup> groups = new ConcurrentHashMap<>();

  private StreamMetrics(MeterRegistry registry, Tags tags) {
    this.registry = registry;
    this.tags = tags;
    this.published =
        counter(registry, tags, "redis.stream.published", "Messages that were published here");
  }

  /**
   * Returns what measures a topic, for {@code listener(…)} of its builder. It logs nothing, so have
   * {@link DurableListener#logging} told beside it, as above.
   *
   * @param registry where the meters are
   * @param stream a label for what is measured, such as the name of the topic
   * @return a listener
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code stream} is empty
   */
  public static DurableListener listener(MeterRegistry registry, String stream) {
    return listener(registry, stream, Tags.empty());
  }

  /**
   * Returns what measures a topic, for {@code listener(…)} of its builder. It logs nothing, so have
   * {@link DurableListener#logging} told beside it, as above.
   *
   * @param registry where the meters are
   * @param stream a label for what is measured, such as the name of the topic
   * @param tags further tags of every meter
   * @return a listener
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code stream} is empty
   */
  public static DurableListener listener(
      MeterRegistry registry, String stream, Iterable<Tag> tags) {
    return new StreamMetrics(Labels.registry(registry), Labels.tags("stream", stream, tags));
  }

  /**
   * Measures how far a group is, whoever consumes it: by {@link DurableTopic#state}, in one round
   * trip for all of its meters, at most once a second, and only when somebody reads them. While it
   * cannot be told, they are NaN. The meters do not keep the topic alive.
   *
   * @param registry where the meters are
   * @param subject the topic
   * @param group the group; it need not exist yet
   * @param stream a label for the topic
   * @param <T> the type of its messages
   * @return {@code subject}
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code group} or {@code stream} is empty
   */
  @CanIgnoreReturnValue
  public static <T> DurableTopic<T> monitor(
      MeterRegistry registry, DurableTopic<T> subject, String group, String stream) {
    return monitor(registry, subject, group, stream, Tags.empty());
  }

  /**
   * Measures how far a group is, as {@link #monitor(MeterRegistry, DurableTopic, String, String)}.
   *
   * @param registry where the meters are
   * @param subject the topic
   * @param group the group; it need not exist yet
   * @param stream a label for the topic
   * @param tags further tags of every meter
   * @param <T> the type of its messages
   * @return {@code subject}
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code group} or {@code stream} is empty
   */
  @CanIgnoreReturnValue
  public static <T> DurableTopic<T> monitor(
      MeterRegistry registry,
      DurableTopic<T> subject,
      String group,
      String stream,
      Iterable<Tag> tags) {
    Labels.registry(registry);
    Objects.requireNonNull(subject, "subject");
    Tags all = Labels.tags("group", group, Labels.tags("stream", stream, tags));
    LatestState state = new LatestState(group);
    gauge(all, subject, state, "redis.stream.lag", GroupState::lag)
        .description("Messages that the group has not got yet")
        .register(registry);
    gauge(all, subject, state, "redis.stream.pending", GroupState::pending)
        .description("Messages that the group got and has not done with")
        .register(registry);
    TimeGauge.builder(
            "redis.stream.pending.age",
            subject,
            TimeUnit.MILLISECONDS,
            of -> state.of(of, StreamMetrics::oldestMillis))
        .description("For how long the oldest pending message has been published")
        .tags(all)
        .register(registry);
    gauge(all, subject, state, "redis.stream.consumers", GroupState::consumers)
        .description("Consumers of the group that Redis knows")
        .register(registry);
    gauge(all, subject, state, "redis.stream.dead.letters", GroupState::deadLetters)
        .description("Dead letters of the group")
        .register(registry);
    return subject;
  }

  private static <T> Gauge.Builder<DurableTopic<T>> gauge(
      Tags tags,
      DurableTopic<T> subject,
      LatestState state,
      String name,
      ToDoubleFunction<GroupState> figure) {
    return Gauge.builder(name, subject, of -> state.of(of, figure)).tags(tags);
  }

  private static double oldestMillis(GroupState state) {
    return (double) state.oldestPending().orElse(Duration.ZERO).toMillis();
  }

  private static Counter counter(
      MeterRegistry registry, Tags tags, String name, String description) {
    return Counter.builder(name).description(description).tags(tags).register(registry);
  }

  private OfGroup of(DurableSubscription subscription) {
    return groups.computeIfAbsent(
        subscription.group().orElse(FOLLOWERS),
        group -> new OfGroup(registry, tags.and("group", group)));
  }

  @Override
  public void onPublished(String topic, String messageId) {
    published.increment();
  }

  @Override
  public void onSubscribed(DurableSubscription subscription) {
    OfGroup unused = of(subscription);
  }

  @Override
  public void onHandled(DurableSubscription subscription, DurableMessage<?> message) {
    OfGroup meters = of(subscription);
    meters.handled.increment();
    meters.redelivery(message);
  }

  @Override
  public void onError(
      DurableSubscription subscription, DurableMessage<?> message, Throwable error) {
    OfGroup meters = of(subscription);
    meters.failed.increment();
    meters.redelivery(message);
  }

  @Override
  public void onDeadLetter(
      DurableSubscription subscription, String messageId, int deliveries, Throwable error) {
    of(subscription).deadLetters.increment();
  }

  @Override
  public void onSkipped(DurableSubscription subscription, String messageId, Throwable error) {
    of(subscription).skipped.increment();
  }

  @Override
  public void onTrimmed(DurableSubscription subscription, long count) {
    of(subscription).trimmed.increment((double) count);
  }

  @Override
  public void onGroupLost(DurableSubscription subscription) {
    of(subscription).groupsLost.increment();
  }

  @Override
  public void onLeaseLost(DurableSubscription subscription, DurableMessage<?> message) {
    of(subscription).leasesLost.increment();
  }

  @Override
  public void onDisconnected(DurableSubscription subscription, Throwable cause) {
    of(subscription).disconnects.increment();
  }

  @Override
  public void onReconnected(DurableSubscription subscription, Duration away) {
    of(subscription).away.record(away);
  }

  /** The meters of one group. */
  private static final class OfGroup {

    final Counter handled;
    final Counter failed;
    final Counter deadLetters;
    final Counter skipped;
    final Counter redelivered;
    final Counter trimmed;
    final Counter leasesLost;
    final Counter groupsLost;
    final Counter disconnects;
    final Timer away;

    OfGroup(MeterRegistry registry, Tags tags) {
      this.handled = messages(registry, tags, "handled");
      this.failed = messages(registry, tags, "failed");
      this.deadLetters = messages(registry, tags, "dead-letter");
      this.skipped = messages(registry, tags, "skipped");
      this.redelivered =
          counter(
              registry,
              tags,
              "redis.stream.redelivered",
              "Deliveries that were not the first of their message");
      this.trimmed =
          counter(
              registry,
              tags,
              "redis.stream.trimmed",
              "Messages that were lost to the group, since they were trimmed");
      this.leasesLost =
          counter(
              registry,
              tags,
              "redis.stream.leases.lost",
              "Leases that were lost while the handler ran");
      this.groupsLost =
          counter(
              registry,
              tags,
              "redis.stream.groups.lost",
              "Times that a subscription had its group made again");
      this.disconnects =
          counter(
              registry,
              tags,
              "redis.stream.disconnects",
              "Times that a subscription could not read any more");
      this.away =
          Timer.builder("redis.stream.away")
              .description("Times in which a subscription could not read")
              .tags(tags)
              .register(registry);
    }

    private static Counter messages(MeterRegistry registry, Tags tags, String outcome) {
      return counter(
          registry,
          tags.and("outcome", outcome),
          "redis.stream.messages",
          "Deliveries by what became of them");
    }

    void redelivery(DurableMessage<?> message) {
      if (message.delivery() > 1) {
        redelivered.increment();
      }
    }
  }
}
