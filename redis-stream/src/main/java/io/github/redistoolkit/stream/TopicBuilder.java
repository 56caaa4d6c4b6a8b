package io.github.redistoolkit.stream;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisKeys;
import io.github.redistoolkit.json.JsonCodec;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * What a topic is made with: {@link DurableTopic.Builder} but for its end.
 *
 * @param <T> the type of the messages
 */
abstract class TopicBuilder<T> {

  private static final Duration SHORTEST_LEASE = Duration.ofMillis(100);
  private static final Duration LONGEST = Duration.ofDays(1);
  private static final Duration LONGEST_AGE = Duration.ofDays(36_500);
  private static final long MOST_ENTRIES = 1L << 40;

  final RedisAccess redis;
  final String name;
  final TypeToken<T> type;
  Json json = Json.standard();
  String prefix = "topic:";
  @Nullable Executor executor;
  int concurrency = 1;
  int batch = 32;
  Duration lease = Duration.ofSeconds(30);
  Duration retryDelay = Duration.ofSeconds(1);
  int maxDeliveries = 5;
  Duration closeTimeout = Duration.ofSeconds(5);
  @Nullable Duration maxAge;
  long maxLength;
  WhenFull whenFull = WhenFull.REFUSE;
  @Nullable Duration handlerTimeout;
  int replicas;
  int partitions = 1;
  Duration replicasWait = Duration.ZERO;
  DurableListener listener = DurableListener.logging();

  TopicBuilder(RedisAccess redis, String name, TypeToken<T> type) {
    this.redis = redis;
    this.name = Arguments.requireText(name, "name");
    this.type = Objects.requireNonNull(type, "type");
  }

  abstract DurableTopic.Builder<T> self();

  /**
   * Sets what encodes and decodes messages. What is registered with it stays as it is; what Gson
   * does by itself and nobody could read back is refused.
   *
   * @param gson default: strict JSON, dates and {@code java.time} values as ISO-8601
   * @return this
   * @throws NullPointerException if {@code gson} is null
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> gson(Gson gson) {
    this.json = Json.of(gson);
    return self();
  }

  /**
   * Sets another mapper than Gson to encode and decode messages.
   *
   * @param codec the mapper
   * @return this
   * @throws NullPointerException if {@code codec} is null
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> codec(JsonCodec codec) {
    this.json = Json.of(codec);
    return self();
  }

  /**
   * Sets what all keys of the topic begin with.
   *
   * @param prefix ends with a colon; default: {@code topic:}
   * @return this
   * @throws NullPointerException if {@code prefix} is null
   * @throws IllegalArgumentException if it is empty, does not end with a colon, or has an unpaired
   *     surrogate or a brace, which would choose the slot in a Cluster
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> prefix(String prefix) {
    this.prefix = RedisKeys.requirePrefix(prefix);
    return self();
  }

  /**
   * Sets what runs handlers. Any executor will do, also one of virtual threads; it is never shut
   * down here. One that refuses a task is asked again after a second. One that runs its tasks on
   * the thread that hands them over lets handlers hold up the reading.
   *
   * <p>Without one, the thread that reads calls handlers too, as long as they take less than 100
   * µs: to wake another thread would take as long again. If one takes longer than 5 ms, another
   * thread reads on meanwhile. So handlers of one subscription may run on threads of several names,
   * and never more of them at a time than its concurrency.
   *
   * @param executor default: the thread that reads while handlers are quick, and daemon threads
   *     made as needed
   * @return this
   * @throws NullPointerException if {@code executor} is null
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> executor(Executor executor) {
    this.executor = Objects.requireNonNull(executor, "executor");
    return self();
  }

  /**
   * Sets over how many partitions the topic is spread, each a stream in a slot of its own, all of
   * them evenly over the slots. So publishing and consuming scale with the primaries of a Cluster,
   * and messages with the same key keep their order, see {@link DurableTopic#publish(String,
   * Object)}.
   *
   * <p>The number is part of the topic. Whoever uses it first with more than one writes it down,
   * and whoever gives another number later is refused by the first call that goes to Redis. To
   * change it, publish to a topic of another name, and go on consuming the old one until it is
   * empty: keys would be in other partitions, and lose their order.
   *
   * @param partitions from 1 to 1,000; default 1. Take some more than there will ever be consumers
   * @return this
   * @throws IllegalArgumentException if it is out of bounds
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> partitions(int partitions) {
    this.partitions = (int) Arguments.requireRange(partitions, "partitions", 1, Partitions.MOST);
    return self();
  }

  /**
   * Sets how many handlers of one subscription may run at the same time.
   *
   * @param concurrency from 1 to 1,000; default 1
   * @return this
   * @throws IllegalArgumentException if it is out of bounds
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> concurrency(int concurrency) {
    this.concurrency = (int) Arguments.requireRange(concurrency, "concurrency", 1, 1_000);
    return self();
  }

  /**
   * Sets how many messages one subscription may have read and not done with: what it reads ahead,
   * and what may come twice if its process dies. Those that wait for a retry come on top. Nothing
   * is read ahead where a message is delivered only once.
   *
   * @param batch from 1 to 1,000; default 32; at least as many as the concurrency are read
   * @return this
   * @throws IllegalArgumentException if it is out of bounds
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> batch(int batch) {
    this.batch = (int) Arguments.requireRange(batch, "batch", 1, 1_000);
    return self();
  }

  /**
   * Sets for how long a message stays with a consumer that does not renew. It is renewed every
   * third of that while its handler runs. So it says how soon a consumer that died is replaced, and
   * for how long a process may stand still, and nothing about handlers.
   *
   * @param lease from 100 ms to 1 day; default 30 s
   * @return this
   * @throws NullPointerException if {@code lease} is null
   * @throws IllegalArgumentException if it is out of bounds
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> lease(Duration lease) {
    Arguments.requireDuration(lease, "lease", LONGEST);
    if (lease.compareTo(SHORTEST_LEASE) < 0) {
      throw new IllegalArgumentException(
          "lease must be at least " + SHORTEST_LEASE + ", but is " + lease);
    }
    this.lease = lease;
    return self();
  }

  /**
   * Sets how long a message waits before it is delivered again after its handler threw. It doubles
   * with each delivery, up to the lease, or stays as it is if it is longer.
   *
   * @param retryDelay from 1 ms to 1 day; default 1 s
   * @return this
   * @throws NullPointerException if {@code retryDelay} is null
   * @throws IllegalArgumentException if it is out of bounds
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> retryDelay(Duration retryDelay) {
    this.retryDelay = Arguments.requireDuration(retryDelay, "retryDelay", LONGEST);
    return self();
  }

  /**
   * Sets how often a message is delivered to a group before it becomes a dead letter. Redis counts,
   * so deliveries to processes that died count too.
   *
   * @param maxDeliveries from 1 to 1,000; default 5
   * @return this
   * @throws IllegalArgumentException if it is out of bounds
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> maxDeliveries(int maxDeliveries) {
    this.maxDeliveries = (int) Arguments.requireRange(maxDeliveries, "maxDeliveries", 1, 1_000);
    return self();
  }

  /**
   * Sets for how long the lease of a handler that runs is renewed. One that never ends keeps its
   * message otherwise. When the time is over, {@link DurableListener#onHandlerTimeout} tells,
   * within a third of a lease, and after the lease another consumer of the group takes the message
   * over; if there is none, this one does, once the handler has thrown. The handler is not
   * interrupted: until it ends it is one of those that may run at the same time. Once all of those
   * are beyond their time, what was read ahead behind them goes to others as well.
   *
   * <p>With partitions, the partition is given up with the message, to a consumer that has less
   * than its share.
   *
   * @param handlerTimeout from 1 ms to 1 day; default: as long as the handler runs
   * @return this
   * @throws NullPointerException if {@code handlerTimeout} is null
   * @throws IllegalArgumentException if it is out of bounds
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> handlerTimeout(Duration handlerTimeout) {
    this.handlerTimeout = Arguments.requireDuration(handlerTimeout, "handlerTimeout", LONGEST);
    return self();
  }

  /**
   * Has {@code publish} wait until replicas have the message: one {@code WAIT}, sent right behind
   * the message over the same connection, in the same round trip. So fewer messages are lost in a
   * failover. It is no guarantee: a replica that has none of it may be promoted all the same.
   *
   * <p>If too few replicas answer in time, as always where there are fewer, {@code publish} throws
   * {@link TooFewReplicasException}: the message is published, and its id is in the exception. Keep
   * {@code maxWait} below the read timeout of the pool or client: else that ends the wait, with a
   * {@code JedisException} that leaves open whether the message was published. A {@code
   * RedisClusterClient} does not repeat what was sent like this.
   *
   * @param replicas how many, from 1 to 100; default: none is waited for
   * @param maxWait how long to wait at most, from 1 ms to 1 hour
   * @return this
   * @throws NullPointerException if {@code maxWait} is null
   * @throws IllegalArgumentException if one is out of bounds
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> waitReplicas(int replicas, Duration maxWait) {
    int checked = (int) Arguments.requireRange(replicas, "replicas", 1, 100);
    this.replicasWait =
        Arguments.requireDuration(maxWait, "maxWait", OwnSubscription.LONGEST_CLOSE);
    this.replicas = checked;
    return self();
  }

  /**
   * Sets how long {@code close()} waits for handlers that run.
   *
   * @param closeTimeout from 1 ms to 1 hour; default 5 s
   * @return this
   * @throws NullPointerException if {@code closeTimeout} is null
   * @throws IllegalArgumentException if it is out of bounds
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> closeTimeout(Duration closeTimeout) {
    this.closeTimeout =
        Arguments.requireDuration(closeTimeout, "closeTimeout", OwnSubscription.LONGEST_CLOSE);
    return self();
  }

  /**
   * Sets after how long a message is trimmed, whoever still needs it, within about ten seconds.
   * What a group has lost is counted, and told to {@link DurableListener#onTrimmed}. It is looked
   * for by subscriptions, and by whoever publishes.
   *
   * @param maxAge from 1 ms to 36,500 days; default: for ever. Give the same to all who use the
   *     topic
   * @return this
   * @throws NullPointerException if {@code maxAge} is null
   * @throws IllegalArgumentException if it is out of bounds
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> maxAge(Duration maxAge) {
    this.maxAge = Arguments.requireDuration(maxAge, "maxAge", LONGEST_AGE);
    return self();
  }

  /**
   * Sets how many messages the topic may have. It is looked at by those who publish with this: give
   * the same to all. What all groups have acknowledged gives way first.
   *
   * <p>Publishing is a script then. While the topic is full, it takes time for each group.
   *
   * @param maxLength from 1 to 2<sup>40</sup>; default: any
   * @param whenFull what happens if that is not enough
   * @return this
   * @throws NullPointerException if {@code whenFull} is null
   * @throws IllegalArgumentException if {@code maxLength} is out of bounds
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> maxLength(long maxLength, WhenFull whenFull) {
    this.maxLength = Arguments.requireRange(maxLength, "maxLength", 1, MOST_ENTRIES);
    this.whenFull = Objects.requireNonNull(whenFull, "whenFull");
    return self();
  }

  /**
   * Sets who is told of errors, losses and gaps, in place of the log. To have both, give {@code
   * listener.andThen(DurableListener.logging())}.
   *
   * @param listener default: {@link DurableListener#logging}
   * @return this
   * @throws NullPointerException if {@code listener} is null
   */
  @CanIgnoreReturnValue
  public DurableTopic.Builder<T> listener(DurableListener listener) {
    this.listener = Objects.requireNonNull(listener, "listener");
    return self();
  }
}
