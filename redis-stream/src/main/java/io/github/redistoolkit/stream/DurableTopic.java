package io.github.redistoolkit.stream;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Daemons;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Ticker;
import io.github.redistoolkit.stream.GroupConsumer.Joined;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * A topic that keeps its messages: each reaches each group at least once, also if nobody was there
 * when it was published.
 *
 * <pre>{@code
 * try (DurableTopic<Order> orders = DurableTopic.builder(pool, "orders", Order.class).build()) {
 *   orders.subscribe("billing", From.start(), message -> bill(message.id(), message.body()));
 *   orders.publish(new Order("123"));
 * }
 * }</pre>
 *
 * <p>Guarantee: a message that {@link #publish} returned an id for is handed to a handler of each
 * group until one of them returns, or becomes a dead letter of that group after {@link
 * Builder#maxDeliveries} deliveries. Redis counts them, so one that kills its process counts too. A
 * group is given its messages in the order of their ids, to one of its subscriptions each. A
 * consumer that dies is replaced within a lease and a third; leases are renewed as long as a
 * handler runs, so a lease is short whatever handlers take. Reading goes on after a restart of
 * Redis, a cut, a failover, and after the group or the topic was deleted, see {@link
 * DurableListener#onGroupLost}.
 *
 * <p>Limits. It is never exactly once: a message comes again if a process or a connection is lost
 * between the end of its handler and the acknowledgement, and if a process stood still for longer
 * than its lease. What Redis loses is lost: without AOF all of it, with {@code appendfsync
 * everysec} the last second of a crash, and in a failover what was not replicated. With {@link
 * Builder#concurrency} above 1, after a failure, and with several subscriptions, messages are begun
 * in order and may end in any. A message that was read ahead by a process that dies has one
 * delivery less.
 *
 * <p>With {@link Builder#partitions} a topic is spread over several streams. In a group, each
 * partition is consumed by one subscription at a time, one message after the other; a message that
 * waits for its retry holds back those behind it in its partition. So messages with the same key
 * are handled in the order in which they were published, also while subscriptions come, go, fail or
 * die: none begins before all before it have been handled, or are dead letters. What comes again,
 * as above, may come after later ones, too. Each subscription has its share of the partitions,
 * within a lease of one coming or going, or 4 seconds if that is less; a dead one's are taken over
 * after its lease and 2 seconds at most. A process that stood still for longer than its lease may
 * be in a handler while the next owner begins: have whatever it writes to compare {@link
 * DurableMessage#fence}.
 *
 * <p>What all groups have acknowledged is trimmed within ten seconds, in steps of about a hundred.
 * Nothing else is, but by {@link Builder#maxLength} and {@link Builder#maxAge}; so a group that
 * nobody consumes any more keeps the topic growing until it is removed by {@code XGROUP DESTROY}. A
 * topic without any group is kept whole.
 *
 * <p>Keys are {@code topic:}<code>&#123;name&#125;</code> and some beside it, all in one Cluster
 * slot, or one for each partition. They have no time to live: that is what durable means here. An
 * entry is one field {@code d} with the message as JSON, so any program may publish with {@code
 * XADD}.
 *
 * <p>Each subscription has one daemon thread that reads, and calls handlers that are quick, see
 * {@link Builder#executor}. It has one connection of its own, made like those of the pool or client
 * but not taken from it. With partitions it has one of each for every partition that is its own at
 * the time, since a blocking read cannot span slots: of 16 partitions, 16 threads and connections
 * in all processes together, for each group. A follower of such a topic has as many as there are
 * partitions. Acknowledgements go along with the next read. Renewals, and acknowledgements that
 * would have to wait for that read or are of what was sent back to the group, go over the one or
 * two connections that all leases over the pool or client share. The pool or client is never closed
 * here; once the caller closes it, subscriptions end.
 *
 * <p>Thread-safe. {@link #publish} is one round trip on a connection of the pool, {@code subscribe}
 * too. A {@link redis.clients.jedis.exceptions.JedisException} passes through as Jedis throws it.
 *
 * @param <T> the type of the messages
 */
public final class DurableTopic<T> implements AutoCloseable {

  static {
    ModuleVersion.check();
  }

  private static final int MOST_READ = 10_000;
  private static final long TRIM_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final Settings<T> settings;
  private final RedisAccess redis;
  private final Partitions partitions;
  private final AllPartitions all;
  private final TopicReads<T> reads;
  private final Publisher publisher;
  private final @Nullable ExecutorService own;
  private final Set<OwnSubscription> subscriptions = ConcurrentHashMap.newKeySet();
  private final Ticker ticker = Alarms.shared().ticker();
  private final Pace trimming = new Pace(ticker, TRIM_NANOS);
  private volatile boolean closed;

  private DurableTopic(Builder<T> builder) {
    Executor given = builder.executor;
    this.own = given == null ? handlers() : null;
    this.redis = builder.redis;
    this.partitions = Partitions.of(builder.prefix, builder.name, builder.partitions);
    this.publisher =
        new Publisher(
            redis,
            builder.name,
            builder.maxLength,
            builder.whenFull,
            builder.replicas,
            builder.replicasWait);
    this.settings =
        new Settings<>(
            redis,
            builder.name,
            partitions.whole(),
            new Bodies<>(builder.json, builder.type),
            own == null ? Objects.requireNonNull(given) : own,
            own != null,
            builder.concurrency,
            builder.batch,
            builder.lease,
            builder.retryDelay,
            builder.maxDeliveries,
            builder.handlerTimeout,
            builder.closeTimeout,
            builder.maxAge == null ? 0 : builder.maxAge.toMillis(),
            new Reports(builder.listener));
    this.all = new AllPartitions(redis, builder.name, partitions);
    this.reads = new TopicReads<>(settings, partitions, all);
  }

  /** Threads for handlers, no more than subscriptions ask for; they end when idle. */
  private static ExecutorService handlers() {
    return new ThreadPoolExecutor(
        0,
        Integer.MAX_VALUE,
        10,
        TimeUnit.SECONDS,
        new SynchronousQueue<>(),
        Daemons.named("redis-stream-handler-"));
  }

  /**
   * Starts to make one over a pool.
   *
   * @param pool where connections come from; never closed here
   * @param name the name of the topic
   * @param type the type of the messages; {@code byte[].class} leaves them as they are
   * @param <T> the same
   * @return a builder with all defaults
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate
   */
  public static <T> Builder<T> builder(Pool<Jedis> pool, String name, Class<T> type) {
    return builder(pool, name, token(type));
  }

  /**
   * Starts to make one over a pool, whose messages have a generic type.
   *
   * @param pool where connections come from; never closed here
   * @param name the name of the topic
   * @param type the type of the messages
   * @param <T> the same
   * @return a builder with all defaults
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate
   */
  public static <T> Builder<T> builder(Pool<Jedis> pool, String name, TypeToken<T> type) {
    return new Builder<>(RedisAccess.of(pool, "redis-stream"), name, type);
  }

  /**
   * Starts to make one over a client.
   *
   * @param client a {@code RedisClient}, {@code RedisSentinelClient} or {@code RedisClusterClient};
   *     never closed here
   * @param name the name of the topic
   * @param type the type of the messages; {@code byte[].class} leaves them as they are
   * @param <T> the same
   * @return a builder with all defaults
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if it is another kind of client, or {@code name} is empty or
   *     has an unpaired surrogate
   */
  public static <T> Builder<T> builder(UnifiedJedis client, String name, Class<T> type) {
    return builder(client, name, token(type));
  }

  /**
   * Starts to make one over a client, whose messages have a generic type.
   *
   * @param client a {@code RedisClient}, {@code RedisSentinelClient} or {@code RedisClusterClient};
   *     never closed here
   * @param name the name of the topic
   * @param type the type of the messages
   * @param <T> the same
   * @return a builder with all defaults
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException as {@link #builder(UnifiedJedis, String, Class)}
   */
  public static <T> Builder<T> builder(UnifiedJedis client, String name, TypeToken<T> type) {
    return new Builder<>(RedisAccess.of(client, "redis-stream"), name, type);
  }

  private static <T> TypeToken<T> token(Class<T> type) {
    return TypeToken.get(Objects.requireNonNull(type, "type"));
  }

  /**
   * Returns the name of the topic.
   *
   * @return the name as it was given
   */
  public String name() {
    return settings.name();
  }

  /**
   * Publishes a message: one {@code XADD}, or one script if the topic has a largest length, and a
   * {@code WAIT} if replicas are waited for. It is never repeated here. (A {@code
   * RedisClusterClient} itself repeats a command whose reply was lost, so that the message may be
   * there twice.)
   *
   * @param message what
   * @return the id that Redis gave it
   * @throws NullPointerException if it is null
   * @throws IllegalArgumentException if nobody could read it back; names the type and the path
   * @throws TooFewReplicasException if it is published, but not at as many replicas as {@link
   *     Builder#waitReplicas} asks for
   * @throws TopicFullException if the topic has its largest length, and {@link WhenFull#REFUSE}
   * @throws IllegalStateException if this is closed
   * @throws redis.clients.jedis.exceptions.JedisException if Redis fails; the message may have been
   *     published all the same, and would be there twice if it were published again
   */
  @CanIgnoreReturnValue
  public String publish(T message) {
    byte[] payload = settings.bodies().encode(message);
    requireOpen();
    return publish(partitions.any(), payload);
  }

  /**
   * Publishes a message to the partition of a key, so that all messages with this key are handled
   * in the order in which they were published, by one caller after the other or by one thread. Else
   * it is as {@link #publish(Object)}.
   *
   * <p>The partition is the CRC16 of the key in UTF-8, by which Redis Cluster chooses slots (of
   * {@code 123456789} it is 12739), modulo the number of partitions. If there is one only, the key
   * means nothing, and messages may be handled at the same time.
   *
   * @param key what the order is kept for; not stored
   * @param message what
   * @return the id that Redis gave it, with its partition
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code key} is empty or has an unpaired surrogate, or
   *     nobody could read {@code message} back
   * @throws TooFewReplicasException as {@link #publish(Object)}
   * @throws TopicFullException if the partition has its largest length, and {@link WhenFull#REFUSE}
   * @throws IllegalStateException if this is closed, or the topic has another number of partitions
   * @throws redis.clients.jedis.exceptions.JedisException as {@link #publish(Object)}
   */
  @CanIgnoreReturnValue
  public String publish(String key, T message) {
    Arguments.requireText(key, "key");
    byte[] payload = settings.bodies().encode(message);
    requireOpen();
    return publish(partitions.of(key), payload);
  }

  private String publish(int partition, byte[] payload) {
    return all.counted(
        () -> {
          TopicKeys keys = partitions.parts().get(partition);
          String id = partitions.id(partition, publisher.publish(keys, payload));
          settings.reports().tellNow(listener -> listener.onPublished(settings.name(), id));
          trimByAge();
          return id;
        });
  }

  /** There may be no subscription that does. */
  private void trimByAge() {
    if (settings.maxAge() > 0 && trimming.isDue()) {
      List<String> args = List.of("", "0", String.valueOf(settings.maxAge()), "", "");
      all.run(
          StreamScripts.KEEP, keys -> List.of(keys.stream(), keys.stream(), keys.groups()), args);
    }
  }

  /**
   * Subscribes a handler to a topic as one of a group. Each message goes to one of the group's
   * subscriptions, of whatever process. With partitions it is a round trip for each. When this
   * returns, the group exists: whatever is published from then on reaches it.
   *
   * @param group the group
   * @param from where the group begins, if it does not exist yet; else this is without effect, and
   *     it goes on where it is. No place brings back what was trimmed, see {@link From#start}
   * @param handler what to do with each message
   * @return the subscription, which lasts until it or this is closed
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code group} is empty or has an unpaired surrogate
   * @throws IllegalStateException if this is closed
   * @throws redis.clients.jedis.exceptions.JedisException if Redis fails; nothing is subscribed
   *     then, though the group may exist
   */
  @CanIgnoreReturnValue
  public DurableSubscription subscribe(String group, From from, DurableHandler<? super T> handler) {
    Arguments.requireText(group, "group");
    StartingPoint start = partitions.checked(StartingPoint.of(from));
    Objects.requireNonNull(handler, "handler");
    requireOpen();
    return started(all.counted(() -> consumer(group, start, ofMessages(handler))));
  }

  private OwnSubscription consumer(String group, StartingPoint start, DurableHandler<T> handler) {
    if (partitions.isOne()) {
      return new GroupConsumer<>(
          settings, group, handler, join(group, start, 0), subscriptions::remove);
    }
    return new PartitionedConsumer<>(
        settings, partitions, group, handler, joinAll(group, start), subscriptions::remove);
  }

  private List<Joined> joinAll(String group, StartingPoint start) {
    return IntStream.range(0, partitions.count()).mapToObj(i -> join(group, start, i)).toList();
  }

  private Joined join(String group, StartingPoint start, int partition) {
    TopicKeys keys = partitions.parts().get(partition);
    return Joined.of(
        StreamScripts.JOIN.runBinary(
            redis,
            List.of(keys.stream(), keys.again(group), keys.groups()),
            List.of(utf8(group), utf8(partitions.after(start, partition)), utf8(""))));
  }

  /**
   * Follows the topic without a group: whoever follows gets every message, one at a time and in
   * order, for as long as this process knows where it is. For views that are built up in memory.
   * With partitions, the order is that of each of them.
   *
   * <p>Nothing is acknowledged, and so trimming does not wait for followers: what was trimmed
   * before it was read is passed over. A handler that throws is called again after the retry delay,
   * as often as a message may be delivered; then the message is passed over, see {@link
   * DurableListener#onSkipped}.
   *
   * @param from where to begin
   * @param handler what to do with each message
   * @return the subscription, which lasts until it or this is closed
   * @throws NullPointerException if an argument is null
   * @throws IllegalStateException if this is closed
   * @throws redis.clients.jedis.exceptions.JedisException if Redis fails
   */
  @CanIgnoreReturnValue
  public DurableSubscription follow(From from, DurableHandler<? super T> handler) {
    StartingPoint start = partitions.checked(StartingPoint.of(from));
    Objects.requireNonNull(handler, "handler");
    requireOpen();
    List<String> after =
        all.counted(
            () -> {
              if (start.after().equals(StartingPoint.END)) {
                return lastIds();
              }
              if (partitions.isOne()) {
                requireStream();
              }
              return IntStream.range(0, partitions.count())
                  .mapToObj(i -> partitions.after(start, i))
                  .toList();
            });
    return started(
        new Follower<>(settings, partitions, after, ofMessages(handler), subscriptions::remove));
  }

  /** Begins to read, unless this has been closed meanwhile. */
  private DurableSubscription started(OwnSubscription subscription) {
    subscriptions.add(subscription);
    settings.reports().tellNow(listener -> listener.onSubscribed(subscription));
    subscription.start();
    if (closed) {
      subscription.close();
      throw new IllegalStateException("closed");
    }
    return subscription;
  }

  /** Messages are only given to it, and every one of type T is one of its type too. */
  @SuppressWarnings("unchecked")
  private static <T> DurableHandler<T> ofMessages(DurableHandler<? super T> handler) {
    return (DurableHandler<T>) handler;
  }

  private List<String> lastIds() {
    return all.run(StreamScripts.LAST, keys -> List.of(keys.stream()), List.of()).stream()
        .map(String::valueOf)
        .toList();
  }

  /**
   * What has the number of partitions instead is refused by Redis, which a reader would only log.
   */
  private void requireStream() {
    long unused = redis.execute(redis.commands().xlen(utf8(partitions.parts().get(0).stream())));
  }

  /**
   * Reads messages that the topic still has, without a group and without any effect: one {@code
   * XRANGE}. Messages that cannot be decoded are left out, and logged.
   *
   * <p>With partitions it is one for each, all sent at once, and what they answer is put in the
   * order of ids: of each partition as it was published, of several by the clocks of their servers.
   * The id of the last one says where to read on.
   *
   * @param from where to begin; {@link From#now} finds nothing
   * @param most how many at most, from 1 to 10,000
   * @return the messages in their order
   * @throws NullPointerException if {@code from} is null
   * @throws IllegalArgumentException if {@code most} is out of bounds
   * @throws IllegalStateException if this is closed
   * @throws redis.clients.jedis.exceptions.JedisException if Redis fails
   */
  public List<DurableMessage<T>> read(From from, int most) {
    StartingPoint start = partitions.checked(StartingPoint.of(from));
    Arguments.requireRange(most, "most", 1, MOST_READ);
    requireOpen();
    return reads.messages(start, most);
  }

  /**
   * Tells how far a group is: one round trip. Of a topic with partitions it is the sum of all.
   *
   * @param group the group
   * @return its state; empty if it does not exist
   * @throws NullPointerException if it is null
   * @throws IllegalArgumentException if it is empty or has an unpaired surrogate
   * @throws IllegalStateException if this is closed
   * @throws redis.clients.jedis.exceptions.JedisException if Redis fails
   */
  public Optional<GroupState> state(String group) {
    Arguments.requireText(group, "group");
    requireOpen();
    return reads.state(group);
  }

  /**
   * Returns the oldest dead letters of a group, of all its partitions: one round trip. They stay
   * until they are {@linkplain #redrive sent back}, or deleted by hand.
   *
   * @param group the group
   * @param most how many at most, from 1 to 10,000
   * @return the letters, the oldest first; empty if there is none
   * @throws NullPointerException if {@code group} is null
   * @throws IllegalArgumentException if it is empty or has an unpaired surrogate, or {@code most}
   *     is out of bounds
   * @throws IllegalStateException if this is closed
   * @throws redis.clients.jedis.exceptions.JedisException if Redis fails
   */
  public List<DeadLetter<T>> deadLetters(String group, int most) {
    Arguments.requireText(group, "group");
    Arguments.requireRange(most, "most", 1, MOST_READ);
    requireOpen();
    return reads.deadLetters(group, most);
  }

  /**
   * Sends a dead letter back to its group, and to no other, as a message that was never delivered:
   * one round trip. It keeps the id of the message.
   *
   * @param group the group
   * @param deadLetterId the {@link DeadLetter#id} of the letter, not that of the message
   * @return false if there is no such letter, as when somebody has sent it back before. (A {@code
   *     RedisClusterClient} that repeats the command by itself after its reply was lost makes that
   *     false, too.)
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code group} is empty or has an unpaired surrogate, or
   *     {@code deadLetterId} is no id
   * @throws IllegalStateException if this is closed
   * @throws redis.clients.jedis.exceptions.JedisException if Redis fails; the letter may have been
   *     sent back all the same
   */
  public boolean redrive(String group, String deadLetterId) {
    Arguments.requireText(group, "group");
    Objects.requireNonNull(deadLetterId, "deadLetterId");
    Partitions.Place place = partitions.place(deadLetterId, "deadLetterId");
    requireOpen();
    TopicKeys keys = partitions.parts().get(place.partition());
    Object reply =
        all.counted(
            () ->
                Objects.requireNonNull(
                    StreamScripts.REDRIVE.run(
                        redis,
                        List.of(keys.dead(group), keys.again(group)),
                        List.of(place.entry()))));
    return StreamReplies.number(reply) == 1;
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("closed");
    }
  }

  /**
   * Ends all subscriptions as {@link DurableSubscription#close()} does, all within one close
   * timeout. Does nothing when already closed.
   */
  @Override
  public void close() {
    closed = true;
    List<OwnSubscription> open = List.copyOf(subscriptions);
    open.forEach(OwnSubscription::beginClose);
    long deadline = ticker.nanoTime() + settings.closeTimeout().toNanos();
    for (OwnSubscription each : open) {
      boolean unused = each.finishClose(deadline);
    }
    if (own != null) {
      own.shutdown();
    }
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /**
   * How to make a {@link DurableTopic}. Not thread-safe.
   *
   * @param <T> the type of the messages
   */
  public static final class Builder<T> extends TopicBuilder<T> {

    private Builder(RedisAccess redis, String name, TypeToken<T> type) {
      super(redis, name, type);
    }

    @Override
    Builder<T> self() {
      return this;
    }

    /**
     * Makes it. Nothing is sent and no thread started.
     *
     * @return a new one
     * @throws IllegalArgumentException if no value of the type can be read back, as Gson says of
     *     abstract types; names the type and the path
     */
    public DurableTopic<T> build() {
      return new DurableTopic<>(this);
    }
  }
}
