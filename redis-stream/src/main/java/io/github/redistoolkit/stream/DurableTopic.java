package io.github.redistoolkit.stream;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Daemons;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.Outcome;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.RedisAccess.Keyed;
import io.github.redistoolkit.json.JsonCodec;
import io.github.redistoolkit.stream.GroupConsumer.Joined;
import io.github.redistoolkit.stream.StreamReplies.Entry;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
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
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisDataException;
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
 * <p>With {@link Builder#partitions} a topic is spread over several streams. In a group, each of
 * them is consumed by one subscription at a time, one message after the other; a message that waits
 * for its retry holds back those behind it in its partition. So messages with the same key are
 * handled in the order in which they were published, also while subscriptions come, go, fail or
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
 * <p>Each subscription has one daemon thread that reads, and one connection of its own, made like
 * those of the pool or client but not taken from it. With partitions it has one of each for every
 * partition that is its own at the time, since a blocking read cannot span slots: of 16 partitions,
 * 16 threads and connections in all processes together, for each group. A follower of such a topic
 * has as many as there are partitions. Renewals and acknowledgements of all go over the one or two
 * connections that all leases over the pool or client share. The pool or client is never closed
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
  private static final String COUNT_AT_MOST = "1000";

  private final Settings<T> settings;
  private final RedisAccess redis;
  private final Partitions partitions;
  private final Publisher publisher;
  private final @Nullable ExecutorService own;
  private final Set<OwnSubscription> subscriptions = ConcurrentHashMap.newKeySet();
  private final AtomicLong trimmedNanos = new AtomicLong(System.nanoTime());
  private volatile boolean counted;
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
            builder.concurrency,
            builder.batch,
            builder.lease,
            builder.retryDelay,
            builder.maxDeliveries,
            builder.handlerTimeout,
            builder.closeTimeout,
            builder.maxAge == null ? 0 : builder.maxAge.toMillis(),
            new Reports(builder.listener));
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
    return counted(
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
    long before = trimmedNanos.get();
    long now = System.nanoTime();
    if (settings.maxAge() > 0
        && now - before >= TRIM_NANOS
        && trimmedNanos.compareAndSet(before, now)) {
      List<String> args = List.of("", "0", String.valueOf(settings.maxAge()));
      runAll(
          StreamScripts.KEEP, keys -> List.of(keys.stream(), keys.stream(), keys.groups()), args);
    }
  }

  /**
   * Does something that takes the topic to have as many partitions as were given, which is asked of
   * Redis before. A topic without partitions is a stream and not a hash, so that Redis says so.
   */
  private <R> R counted(Supplier<R> what) {
    if (!partitions.isOne() && !counted) {
      count();
      counted = true;
    }
    try {
      return what.get();
    } catch (JedisDataException e) {
      if (partitions.isOne() && Failures.code(e).equals("WRONGTYPE")) {
        count();
      }
      throw e;
    }
  }

  private void count() {
    long there =
        StreamReplies.number(
            StreamScripts.PARTITIONS.run(
                redis,
                List.of(partitions.whole().stream()),
                List.of(String.valueOf(partitions.count()))));
    if (there != partitions.count()) {
      throw new IllegalStateException(
          "topic "
              + EventLog.escape(settings.name())
              + " has "
              + there
              + (there == 1 ? " partition" : " partitions")
              + ", but partitions is "
              + partitions.count());
    }
  }

  /** Runs a script at each partition: one round trip. */
  @CanIgnoreReturnValue
  private List<@Nullable Object> runAll(
      LuaScript script, Function<TopicKeys, List<String>> keys, List<String> args) {
    if (partitions.isOne()) {
      List<@Nullable Object> reply = new ArrayList<>();
      reply.add(script.run(redis, keys.apply(partitions.whole()), args));
      return reply;
    }
    List<LuaScript.Run> runs =
        partitions.parts().stream().map(each -> new LuaScript.Run(keys.apply(each), args)).toList();
    List<@Nullable Object> replies = new ArrayList<>();
    script.runAll(redis, runs).forEach(each -> replies.add(each.get()));
    return replies;
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
    DurableHandler<T> ofMessages = ofMessages(handler);
    return started(
        counted(
            () ->
                partitions.isOne()
                    ? new GroupConsumer<>(
                        settings, group, ofMessages, join(group, start, 0), subscriptions::remove)
                    : new PartitionedConsumer<>(
                        settings,
                        partitions,
                        group,
                        ofMessages,
                        joinAll(group, start),
                        subscriptions::remove)));
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
        counted(
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
    return runAll(StreamScripts.LAST, keys -> List.of(keys.stream()), List.of()).stream()
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
    if (start.after().equals(StartingPoint.END)) {
      return List.of();
    }
    List<DurableMessage<T>> messages = new ArrayList<>();
    for (Found each :
        counted(() -> range(TopicKeys::stream, i -> "(" + partitions.after(start, i), most))) {
      Entry entry = each.entry();
      T body = decode(field(entry, "d"), each.id());
      if (body != null) {
        messages.add(new DurableMessage<>(each.id(), body, StreamIds.time(entry.id()), 1));
      }
    }
    return List.copyOf(messages);
  }

  /** An entry and the id by which callers know it. */
  private record Found(String id, Entry entry) {}

  /** Reads from a stream of each partition, and puts that in the order of ids. */
  private List<Found> range(
      Function<TopicKeys, String> stream, IntFunction<String> start, int most) {
    List<Keyed<List<Object>>> commands = new ArrayList<>();
    for (int i = 0; i < partitions.count(); i++) {
      String key = stream.apply(partitions.parts().get(i));
      commands.add(
          new Keyed<>(
              key, redis.commands().xrange(utf8(key), utf8(start.apply(i)), utf8("+"), most)));
    }
    List<Outcome<List<Object>>> outcomes =
        commands.size() == 1
            ? List.of(new Outcome<>(redis.execute(commands.get(0).command()), null, true))
            : redis.executeAll(commands);
    List<Found> found = new ArrayList<>();
    for (int i = 0; i < outcomes.size(); i++) {
      for (Entry entry : StreamReplies.entries(outcomes.get(i).get())) {
        found.add(new Found(partitions.id(i, entry.id()), entry));
      }
    }
    if (!partitions.isOne()) {
      // Stable, so that those of one id stay in the order of their partitions.
      found.sort((a, b) -> StreamIds.compare(a.entry().id(), b.entry().id()));
    }
    return found.subList(0, Math.min(most, found.size()));
  }

  private @Nullable T decode(byte @Nullable [] payload, String id) {
    try {
      return payload == null ? null : settings.bodies().decode(payload);
    } catch (RuntimeException | StackOverflowError e) {
      // Its cause may quote the message.
      settings.reports().log.warn("Message {} of topic {} cannot be decoded", id, settings.name());
      return null;
    }
  }

  private static byte @Nullable [] field(Entry entry, String name) {
    List<byte[]> fields = entry.fields();
    for (int i = 0; i + 1 < fields.size(); i += 2) {
      if (StreamReplies.text(fields.get(i)).equals(name)) {
        return fields.get(i + 1);
      }
    }
    return null;
  }

  private static String textOf(Entry entry, String name, String otherwise) {
    byte[] value = field(entry, name);
    return value == null ? otherwise : StreamReplies.text(value);
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
    List<@Nullable Object> replies =
        counted(
            () ->
                runAll(
                    StreamScripts.STATE,
                    keys ->
                        List.of(keys.stream(), keys.again(group), keys.dead(group), keys.groups()),
                    List.of(group, COUNT_AT_MOST)));
    GroupState sum = null;
    for (Object reply : replies) {
      if (reply != null) {
        GroupState each = stateOf(reply);
        sum = sum == null ? each : sum.plus(each);
      }
    }
    return Optional.ofNullable(sum);
  }

  private static GroupState stateOf(Object reply) {
    long[] n = StreamReplies.list(reply).stream().mapToLong(StreamReplies::number).toArray();
    Optional<Duration> oldest = n[2] < 0 ? Optional.empty() : Optional.of(Duration.ofMillis(n[2]));
    return new GroupState(n[0], n[1], oldest, n[3], n[4], n[5]);
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
    List<DeadLetter<T>> letters = new ArrayList<>();
    for (Found each : counted(() -> range(keys -> keys.dead(group), i -> "-", most))) {
      Entry entry = each.entry();
      byte[] payload = field(entry, "d");
      letters.add(
          new DeadLetter<>(
              each.id(),
              partitions.sameAs(each.id(), textOf(entry, "id", entry.id())),
              decode(payload, each.id()),
              payload == null ? new byte[0] : payload,
              Integer.parseInt(textOf(entry, "n", "1")),
              textOf(entry, "e", "")));
    }
    return List.copyOf(letters);
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
        counted(
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
    List<OwnSubscription> all = List.copyOf(subscriptions);
    all.forEach(OwnSubscription::beginClose);
    long deadline = System.nanoTime() + settings.closeTimeout().toNanos();
    for (OwnSubscription each : all) {
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
  public static final class Builder<T> {

    private static final Duration SHORTEST_LEASE = Duration.ofMillis(100);
    private static final Duration LONGEST = Duration.ofDays(1);
    private static final Duration LONGEST_AGE = Duration.ofDays(36_500);
    private static final long MOST_ENTRIES = 1L << 40;

    private final RedisAccess redis;
    private final String name;
    private final TypeToken<T> type;
    private Json json = Json.standard();
    private String prefix = "topic";
    private @Nullable Executor executor;
    private int concurrency = 1;
    private int batch = 32;
    private Duration lease = Duration.ofSeconds(30);
    private Duration retryDelay = Duration.ofSeconds(1);
    private int maxDeliveries = 5;
    private Duration closeTimeout = Duration.ofSeconds(5);
    private @Nullable Duration maxAge;
    private long maxLength;
    private WhenFull whenFull = WhenFull.REFUSE;
    private @Nullable Duration handlerTimeout;
    private int replicas;
    private int partitions = 1;
    private Duration replicasWait = Duration.ZERO;
    private DurableListener listener = DurableListener.logging();

    private Builder(RedisAccess redis, String name, TypeToken<T> type) {
      this.redis = redis;
      this.name = Arguments.requireText(name, "name");
      this.type = Objects.requireNonNull(type, "type");
    }

    /**
     * Sets what encodes and decodes messages. What is registered with it stays as it is; what Gson
     * does by itself and nobody could read back is refused.
     *
     * @param gson default: strict JSON, dates and {@code java.time} values as ISO-8601
     * @return this
     * @throws NullPointerException if {@code gson} is null
     */
    @CanIgnoreReturnValue
    public Builder<T> gson(Gson gson) {
      this.json = Json.of(gson);
      return this;
    }

    /**
     * Sets another mapper than Gson to encode and decode messages.
     *
     * @param codec the mapper
     * @return this
     * @throws NullPointerException if {@code codec} is null
     */
    @CanIgnoreReturnValue
    public Builder<T> codec(JsonCodec codec) {
      this.json = Json.of(codec);
      return this;
    }

    /**
     * Sets what all keys of the topic begin with.
     *
     * @param prefix default: {@code topic}
     * @return this
     * @throws NullPointerException if {@code prefix} is null
     * @throws IllegalArgumentException if it is empty, has an unpaired surrogate or a brace, which
     *     would choose the slot in a Cluster
     */
    @CanIgnoreReturnValue
    public Builder<T> prefix(String prefix) {
      Arguments.requireText(prefix, "prefix");
      if (prefix.indexOf('{') >= 0 || prefix.indexOf('}') >= 0) {
        throw new IllegalArgumentException("prefix must have no brace, but is '" + EventLog.escape(prefix) + "'");
      }
      this.prefix = prefix;
      return this;
    }

    /**
     * Sets what runs handlers. Any executor will do, also one of virtual threads; it is never shut
     * down here. One that refuses a task is asked again after a second. One that runs its tasks on
     * the thread that hands them over lets handlers hold up the reading.
     *
     * @param executor default: daemon threads made as needed, for each subscription no more than
     *     its concurrency
     * @return this
     * @throws NullPointerException if {@code executor} is null
     */
    @CanIgnoreReturnValue
    public Builder<T> executor(Executor executor) {
      this.executor = Objects.requireNonNull(executor, "executor");
      return this;
    }

    /**
     * Sets over how many streams the topic is spread, each in a slot of its own. So publishing and
     * consuming scale with the primaries of a Cluster, and messages with the same key keep their
     * order, see {@link DurableTopic#publish(String, Object)}.
     *
     * <p>The number is part of the topic. Whoever uses it first with more than one writes it down,
     * and whoever gives another number later is refused by the first call that goes to Redis. To
     * change it, publish to a topic of another name, and go on consuming the old one until it is
     * empty: keys would be in other partitions, and lose their order.
     *
     * @param partitions from 1 to 1,000; default 1. Take some more than there will ever be
     *     consumers
     * @return this
     * @throws IllegalArgumentException if it is out of bounds
     */
    @CanIgnoreReturnValue
    public Builder<T> partitions(int partitions) {
      this.partitions = (int) Arguments.requireRange(partitions, "partitions", 1, Partitions.MOST);
      return this;
    }

    /**
     * Sets how many handlers of one subscription may run at the same time.
     *
     * @param concurrency from 1 to 1,000; default 1
     * @return this
     * @throws IllegalArgumentException if it is out of bounds
     */
    @CanIgnoreReturnValue
    public Builder<T> concurrency(int concurrency) {
      this.concurrency = (int) Arguments.requireRange(concurrency, "concurrency", 1, 1_000);
      return this;
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
    public Builder<T> batch(int batch) {
      this.batch = (int) Arguments.requireRange(batch, "batch", 1, 1_000);
      return this;
    }

    /**
     * Sets for how long a message stays with a consumer that does not renew. It is renewed every
     * third of that while its handler runs. So it says how soon a consumer that died is replaced,
     * and for how long a process may stand still, and nothing about handlers.
     *
     * @param lease from 100 ms to 1 day; default 30 s
     * @return this
     * @throws NullPointerException if {@code lease} is null
     * @throws IllegalArgumentException if it is out of bounds
     */
    @CanIgnoreReturnValue
    public Builder<T> lease(Duration lease) {
      Arguments.requireDuration(lease, "lease", LONGEST);
      if (lease.compareTo(SHORTEST_LEASE) < 0) {
        throw new IllegalArgumentException(
            "lease must be at least " + SHORTEST_LEASE + ", but is " + lease);
      }
      this.lease = lease;
      return this;
    }

    /**
     * Sets how long a message waits before it is delivered again after its handler threw. It
     * doubles with each delivery, up to the lease, or stays as it is if it is longer.
     *
     * @param retryDelay from 1 ms to 1 day; default 1 s
     * @return this
     * @throws NullPointerException if {@code retryDelay} is null
     * @throws IllegalArgumentException if it is out of bounds
     */
    @CanIgnoreReturnValue
    public Builder<T> retryDelay(Duration retryDelay) {
      this.retryDelay = Arguments.requireDuration(retryDelay, "retryDelay", LONGEST);
      return this;
    }

    /**
     * Sets how often a message is delivered to a group before it becomes a dead letter. Redis
     * counts, so deliveries to processes that died count too.
     *
     * @param maxDeliveries from 1 to 1,000; default 5
     * @return this
     * @throws IllegalArgumentException if it is out of bounds
     */
    @CanIgnoreReturnValue
    public Builder<T> maxDeliveries(int maxDeliveries) {
      this.maxDeliveries = (int) Arguments.requireRange(maxDeliveries, "maxDeliveries", 1, 1_000);
      return this;
    }

    /**
     * Sets for how long the lease of a handler that runs is renewed. One that never ends keeps its
     * message otherwise. When the time is over, {@link DurableListener#onHandlerTimeout} tells,
     * within a third of a lease, and after the lease another consumer of the group takes the
     * message over, if there is one. The handler is not interrupted: until it ends it is one of
     * those that may run at the same time.
     *
     * @param handlerTimeout from 1 ms to 1 day; default: as long as the handler runs
     * @return this
     * @throws NullPointerException if {@code handlerTimeout} is null
     * @throws IllegalArgumentException if it is out of bounds
     */
    @CanIgnoreReturnValue
    public Builder<T> handlerTimeout(Duration handlerTimeout) {
      this.handlerTimeout = Arguments.requireDuration(handlerTimeout, "handlerTimeout", LONGEST);
      return this;
    }

    /**
     * Has {@code publish} wait until replicas have the message: one {@code WAIT}, sent right behind
     * the message over the same connection, in the same round trip. So fewer messages are lost in a
     * failover. It is no guarantee: a replica that has none of it may be promoted all the same.
     *
     * <p>If too few replicas answer in time, as always where there are fewer, {@code publish}
     * throws {@link TooFewReplicasException}: the message is published, and its id is in the
     * exception. Keep {@code maxWait} below the read timeout of the pool or client: else that ends
     * the wait, with a {@code JedisException} that leaves open whether the message was published. A
     * {@code RedisClusterClient} does not repeat what was sent like this.
     *
     * @param replicas how many, from 1 to 100; default: none is waited for
     * @param maxWait how long to wait at most, from 1 ms to 1 hour
     * @return this
     * @throws NullPointerException if {@code maxWait} is null
     * @throws IllegalArgumentException if one is out of bounds
     */
    @CanIgnoreReturnValue
    public Builder<T> waitReplicas(int replicas, Duration maxWait) {
      int checked = (int) Arguments.requireRange(replicas, "replicas", 1, 100);
      this.replicasWait =
          Arguments.requireDuration(maxWait, "maxWait", OwnSubscription.LONGEST_CLOSE);
      this.replicas = checked;
      return this;
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
    public Builder<T> closeTimeout(Duration closeTimeout) {
      this.closeTimeout =
          Arguments.requireDuration(closeTimeout, "closeTimeout", OwnSubscription.LONGEST_CLOSE);
      return this;
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
    public Builder<T> maxAge(Duration maxAge) {
      this.maxAge = Arguments.requireDuration(maxAge, "maxAge", LONGEST_AGE);
      return this;
    }

    /**
     * Sets how many messages the topic may have. It is looked at by those who publish with this:
     * give the same to all. What all groups have acknowledged gives way first.
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
    public Builder<T> maxLength(long maxLength, WhenFull whenFull) {
      this.maxLength = Arguments.requireRange(maxLength, "maxLength", 1, MOST_ENTRIES);
      this.whenFull = Objects.requireNonNull(whenFull, "whenFull");
      return this;
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
    public Builder<T> listener(DurableListener listener) {
      this.listener = Objects.requireNonNull(listener, "listener");
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
