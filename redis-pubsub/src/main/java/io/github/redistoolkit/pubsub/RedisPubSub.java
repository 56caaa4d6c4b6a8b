package io.github.redistoolkit.pubsub;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Ticker;
import io.github.redistoolkit.json.JsonCodec;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * Publishes messages and keeps subscriptions to Redis channels alive.
 *
 * <pre>{@code
 * try (RedisPubSub pubSub = new RedisPubSub(pool)) {
 *   pubSub.subscribe("events:user", UserEvent.class, message -> show(message.body()));
 *   pubSub.publish("events:user", new UserEvent("user_created", "123"));
 * }
 * }</pre>
 *
 * <p>When {@code subscribe} returns, Redis has confirmed: whatever is published from then on
 * arrives. When it throws, nothing is subscribed. Messages of a subscription are handled one at a
 * time and in the order in which Redis sent them. Subscriptions are independent of each other.
 *
 * <p>A lost connection is noticed within two and a half heartbeats, even if the peer just falls
 * silent. A connection that leads where nobody publishes any more is noticed within four.
 * Reconnecting is tried for as long as it takes, and brings all subscriptions back. The gap, in
 * which messages may have been lost, is reported to the {@link PubSubListener}.
 *
 * <p><b>Limits.</b> Redis delivers at most once. Messages are lost if they are published while the
 * connection is down, or dropped because a handler is too slow ({@link Overflow}). Both are
 * reported. If a message is published during a Sentinel failover to the primary that is being
 * demoted, it may be lost too. In a Cluster, a message may come a second time after a reconnection:
 * nodes pass messages on to each other, and the next node may be slower than the last.
 *
 * <p><b>Values.</b> What is published comes back equal to whoever subscribes to its own class, in
 * every JVM that has the same classes. What would not is refused by {@link #publish}. When classes
 * change, JVMs of both versions understand each other. A field that a message lacks is null or
 * zero. A field that the class lacks is ignored. So a field that was renamed is lost, unless
 * {@code @SerializedName} names the old one as an alternate. A message cannot be decoded if it has
 * a constant that the enum lacks, if a field no longer fits its type, or if the constructor refuses
 * it. It goes to {@link PubSubListener#onUndecodable} and is counted by {@link
 * Subscription#undecodable}. This is how Gson reads; see {@link
 * io.github.redistoolkit.json.JsonCodec} for other mappers.
 *
 * <p><b>Probes</b> prove that the connection is where messages are published. With each heartbeat,
 * but at most once a second, a small message is published through the pool or client, and has to
 * come back. It goes to a channel of its own, {@code redis-toolkit:probe:} and a UUID. A user with
 * restricted channels needs {@code &redis-toolkit:probe:*}. Without it all else works, and a
 * warning says what is not noticed. Sharded channels and key events are not probed. In a Cluster,
 * the client is asked just as often which node has which slots.
 *
 * <p><b>New credentials.</b> When the pool or client has new credentials, another connection takes
 * over before Redis cuts the one that was opened with the old ones. It takes over once both have
 * received the same probe, so nothing is lost and nothing comes twice. Without the right to publish
 * probes there is a gap instead, which is reported. A credentials provider that is not Jedis's own
 * is asked at most every five seconds.
 *
 * <p><b>Connections and threads.</b> All subscriptions share one connection of their own. It is
 * made like those of the pool or client (address, credentials, TLS, client name, database,
 * timeouts) but not taken from it, so even a pool of one connection stays usable. In a Cluster
 * there is one more for each primary with sharded channels or key events. Each connection has two
 * daemon threads, and there is one more for all of them. They are started when needed, and ended by
 * {@link #close()}. Handlers run on the threads of the executor. The pool or client is never closed
 * here. Once the caller closes it, this closes itself within about a second.
 *
 * <p>Thread-safe. {@link #publish} is one round trip on a connection of the pool. The first {@code
 * subscribe} to a topic is one on the subscriptions' own connection; further ones are none. A
 * {@link redis.clients.jedis.exceptions.JedisException} passes through as Jedis throws it.
 */
public final class RedisPubSub implements AutoCloseable {

  static {
    ModuleVersion.check();
  }

  /** What the builder was told, and its defaults. */
  final Settings settings;

  private final RedisAccess redis;
  private final Subscriber subscriber;

  /**
   * Makes one with the defaults of the {@link Builder}. Nothing is sent.
   *
   * @param pool where connections come from; never closed here
   * @throws NullPointerException if {@code pool} is null
   */
  public RedisPubSub(Pool<Jedis> pool) {
    this(builder(pool));
  }

  /**
   * Makes one with the defaults of the {@link Builder}. Nothing is sent.
   *
   * @param client a {@code RedisClient}, {@code RedisSentinelClient} or {@code RedisClusterClient};
   *     never closed here
   * @throws NullPointerException if {@code client} is null
   * @throws IllegalArgumentException if it is another kind of client, which does not say how it
   *     connects
   */
  public RedisPubSub(UnifiedJedis client) {
    this(builder(client));
  }

  private RedisPubSub(Builder builder) {
    this.redis = builder.redis;
    Executor given = builder.executor;
    ExecutorService own = given == null ? Threads.handlers() : null;
    this.settings =
        new Settings(
            new Payloads(builder.json),
            own == null ? Objects.requireNonNull(given) : own,
            builder.heartbeat,
            builder.longestSilence,
            builder.maxWait,
            builder.queueBytes,
            builder.overflow,
            builder.listener,
            Ticker.system());
    this.subscriber =
        new Subscriber(builder.redis, settings, own == null ? () -> {} : own::shutdown);
  }

  /**
   * Starts to make one over a pool.
   *
   * @param pool where connections come from; never closed here
   * @return a builder with all defaults
   * @throws NullPointerException if {@code pool} is null
   */
  public static Builder builder(Pool<Jedis> pool) {
    return new Builder(RedisAccess.of(pool, "redis-pubsub"));
  }

  /**
   * Starts to make one over a client.
   *
   * @param client a {@code RedisClient}, {@code RedisSentinelClient} or {@code RedisClusterClient};
   *     never closed here
   * @return a builder with all defaults
   * @throws NullPointerException if {@code client} is null
   * @throws IllegalArgumentException if it is another kind of client, which does not say how it
   *     connects
   */
  public static Builder builder(UnifiedJedis client) {
    return new Builder(RedisAccess.of(client, "redis-pubsub"));
  }

  /**
   * Publishes a message: one {@code PUBLISH}, which is never repeated here. (A {@code
   * RedisClusterClient} itself repeats a command whose reply was lost.)
   *
   * <p>In a Cluster it goes by the node that owns the channel's slot. So what one thread publishes
   * to one channel arrives in that order, at subscribers of any node, until the slot moves or its
   * owner is replaced; around that moment messages may change places.
   *
   * @param channel where to; a client's key prefix is not put before it
   * @param message what; a {@code byte[]} goes as it is, a {@link Text} as its UTF-8, anything else
   *     as JSON. Its own class decides about that, not what it is declared as: a {@code String} is
   *     put in quotes, and so is one in a plain {@code List}. For what is JSON already, give a
   *     {@code Text}. A subscriber to its class gets one that is equal; one to {@code Object}, what
   *     JSON has
   * @return how many subscriptions Redis handed it to; in a Cluster only those on the node that was
   *     asked, though it reaches those on all nodes
   * @throws NullPointerException if either is null
   * @throws IllegalArgumentException if {@code channel} is empty; if {@code channel}, or a message
   *     that is a {@code String} or {@code Text}, has an unpaired surrogate, which UTF-8 cannot
   *     carry; or if nobody could read the message back as its own class, naming type and path
   * @throws IllegalStateException if this is closed
   * @throws redis.clients.jedis.exceptions.JedisException if Redis fails; the message may have been
   *     delivered all the same
   */
  @CanIgnoreReturnValue
  public long publish(String channel, Object message) {
    return publish(Command.PUBLISH, channel, message);
  }

  /**
   * Publishes a message to a sharded channel: one {@code SPUBLISH}, which only the shard that owns
   * the channel's slot hears of. It reaches those who {@linkplain #subscribeSharded(String, Class,
   * MessageHandler) subscribed sharded}, and no others. Otherwise as {@link #publish}.
   *
   * @param channel where to; all channels with the same hash tag are in the same shard
   * @param message what
   * @return how many subscriptions the owner of the slot handed it to
   * @throws NullPointerException as there
   * @throws IllegalArgumentException as there
   * @throws IllegalStateException as there
   * @throws redis.clients.jedis.exceptions.JedisException as there
   */
  @CanIgnoreReturnValue
  public long publishSharded(String channel, Object message) {
    return publish(Command.SPUBLISH, channel, message);
  }

  private long publish(Command command, String channel, Object message) {
    Arguments.requireText(channel, "channel");
    byte[] payload = encode(message);
    subscriber.requireNotClosed();
    return redis.publish(command, channel.getBytes(StandardCharsets.UTF_8), payload);
  }

  /**
   * Returns what {@link #publish} sends for a message, for a {@code PUBLISH} of your own: in a
   * transaction, a pipeline or a script. No round trip.
   *
   * @param message what to encode
   * @return the bytes; a {@code byte[]} is returned as it is
   * @throws NullPointerException if it is null
   * @throws IllegalArgumentException as {@link #publish} does
   */
  public byte[] encode(Object message) {
    return Bodies.encode(settings.payloads(), Objects.requireNonNull(message, "message"));
  }

  /**
   * Subscribes a handler to a channel, and returns when Redis has confirmed. The handler may run
   * before.
   *
   * <p>May be called in a handler, unless the executor runs handlers on the thread that hands them
   * over. While there is no connection it waits for one.
   *
   * @param channel the channel
   * @param type what its messages are decoded to from JSON; {@code byte[].class} leaves them as
   *     they are, {@code Text.class} takes them as text
   * @param handler what to do with each message; the same handler may be given more than once
   * @param <T> the type of the messages
   * @return the subscription, which lasts until it or this is closed
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code channel} is empty or has an unpaired surrogate, or
   *     no value of the type can be read, as Gson says of abstract types
   * @throws IllegalStateException if this is closed, meanwhile too, or if called where waiting
   *     would keep the confirmation from being read
   * @throws redis.clients.jedis.exceptions.JedisDataException if Redis refuses, such as for lack of
   *     permission
   * @throws redis.clients.jedis.exceptions.JedisConnectionException if there is no confirmation
   *     within the subscribe timeout; the cause is the last failure to connect, if any
   * @throws redis.clients.jedis.exceptions.JedisException if the thread is interrupted; it stays so
   */
  @CanIgnoreReturnValue
  public <T> Subscription subscribe(
      String channel, Class<T> type, MessageHandler<? super T> handler) {
    return subscribe(channel, token(type), handler);
  }

  /**
   * Subscribes a handler to a channel whose messages have a generic type; otherwise as {@link
   * #subscribe(String, Class, MessageHandler)}.
   *
   * @param channel the channel
   * @param type what its messages are decoded to
   * @param handler what to do with each message
   * @param <T> the type of the messages
   * @return the subscription
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code channel} is empty or has an unpaired surrogate
   * @throws IllegalStateException as there
   * @throws redis.clients.jedis.exceptions.JedisException as there
   */
  @CanIgnoreReturnValue
  public <T> Subscription subscribe(
      String channel, TypeToken<T> type, MessageHandler<? super T> handler) {
    Arguments.requireText(channel, "channel");
    return subscribe(Topic.Kind.CHANNEL, channel, type, handler);
  }

  /**
   * Subscribes a handler to all channels that match a pattern; otherwise as {@link
   * #subscribe(String, Class, MessageHandler)}. A message that also matches another subscription
   * arrives at each of them.
   *
   * @param glob a pattern as {@code PSUBSCRIBE} takes it: {@code ?}, {@code *}, {@code [ab]}
   * @param type what the messages are decoded to
   * @param handler what to do with each message
   * @param <T> the type of the messages
   * @return the subscription
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code glob} is empty or has an unpaired surrogate
   * @throws IllegalStateException as there
   * @throws redis.clients.jedis.exceptions.JedisException as there
   */
  @CanIgnoreReturnValue
  public <T> Subscription subscribePattern(
      String glob, Class<T> type, MessageHandler<? super T> handler) {
    return subscribePattern(glob, token(type), handler);
  }

  /**
   * Subscribes a handler to all channels that match a pattern and whose messages have a generic
   * type; otherwise as {@link #subscribePattern(String, Class, MessageHandler)}.
   *
   * @param glob a pattern as {@code PSUBSCRIBE} takes it
   * @param type what the messages are decoded to
   * @param handler what to do with each message
   * @param <T> the type of the messages
   * @return the subscription
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code glob} is empty or has an unpaired surrogate
   * @throws IllegalStateException as there
   * @throws redis.clients.jedis.exceptions.JedisException as there
   */
  @CanIgnoreReturnValue
  public <T> Subscription subscribePattern(
      String glob, TypeToken<T> type, MessageHandler<? super T> handler) {
    Arguments.requireText(glob, "glob");
    return subscribe(Topic.Kind.PATTERN, glob, type, handler);
  }

  /**
   * Subscribes a handler to many channels at once, in about one round trip for all; otherwise as
   * {@link #subscribe(String, Class, MessageHandler)} for each. Either all are subscribed, or this
   * throws and none is. Each has a queue of its own, so the handler may run for several channels at
   * the same time.
   *
   * @param channels the channels; one that is given twice counts once
   * @param type what the messages are decoded to
   * @param handler what to do with each message
   * @param <T> the type of the messages
   * @return the subscriptions, in the order of the channels
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code channels} is empty, or a channel is empty or has an
   *     unpaired surrogate
   * @throws IllegalStateException as there
   * @throws redis.clients.jedis.exceptions.JedisException as there
   */
  @CanIgnoreReturnValue
  public <T> List<Subscription> subscribe(
      Collection<String> channels, Class<T> type, MessageHandler<? super T> handler) {
    return subscribe(channels, token(type), handler);
  }

  /**
   * Subscribes a handler to many channels whose messages have a generic type; otherwise as {@link
   * #subscribe(Collection, Class, MessageHandler)}.
   *
   * @param channels the channels; one that is given twice counts once
   * @param type what the messages are decoded to
   * @param handler what to do with each message
   * @param <T> the type of the messages
   * @return the subscriptions, in the order of the channels
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code channels} is empty, or a channel is empty or has an
   *     unpaired surrogate
   * @throws IllegalStateException as there
   * @throws redis.clients.jedis.exceptions.JedisException as there
   */
  @CanIgnoreReturnValue
  public <T> List<Subscription> subscribe(
      Collection<String> channels, TypeToken<T> type, MessageHandler<? super T> handler) {
    return subscribeAll(Topic.Kind.CHANNEL, channels, type, handler);
  }

  /**
   * Subscribes a handler to a sharded channel, whose messages come by {@link #publishSharded};
   * otherwise as {@link #subscribe(String, Class, MessageHandler)}.
   *
   * <p>In a Cluster this takes a connection and two threads to each primary that owns one of the
   * channels, shared by all of them. When a slot moves or a primary is replaced, the subscription
   * follows; the gap is reported for the channels that were moved. Where there is one server, it is
   * on the connection of all others.
   *
   * @param channel the channel
   * @param type what the messages are decoded to
   * @param handler what to do with each message
   * @param <T> the type of the messages
   * @return the subscription
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code channel} is empty or has an unpaired surrogate
   * @throws IllegalStateException as there
   * @throws redis.clients.jedis.exceptions.JedisException as there
   */
  @CanIgnoreReturnValue
  public <T> Subscription subscribeSharded(
      String channel, Class<T> type, MessageHandler<? super T> handler) {
    return subscribeSharded(channel, token(type), handler);
  }

  /**
   * Subscribes a handler to a sharded channel whose messages have a generic type; otherwise as
   * {@link #subscribeSharded(String, Class, MessageHandler)}.
   *
   * @param channel the channel
   * @param type what the messages are decoded to
   * @param handler what to do with each message
   * @param <T> the type of the messages
   * @return the subscription
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code channel} is empty or has an unpaired surrogate
   * @throws IllegalStateException as there
   * @throws redis.clients.jedis.exceptions.JedisException as there
   */
  @CanIgnoreReturnValue
  public <T> Subscription subscribeSharded(
      String channel, TypeToken<T> type, MessageHandler<? super T> handler) {
    Arguments.requireText(channel, "channel");
    return subscribe(Topic.Kind.SHARDED, channel, type, handler);
  }

  /**
   * Subscribes a handler to many sharded channels at once, in about one round trip to each primary
   * concerned; otherwise as {@link #subscribe(Collection, Class, MessageHandler)} and {@link
   * #subscribeSharded(String, Class, MessageHandler)}.
   *
   * @param channels the channels; one that is given twice counts once
   * @param type what the messages are decoded to
   * @param handler what to do with each message
   * @param <T> the type of the messages
   * @return the subscriptions, in the order of the channels
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code channels} is empty, or a channel is empty or has an
   *     unpaired surrogate
   * @throws IllegalStateException as there
   * @throws redis.clients.jedis.exceptions.JedisException as there
   */
  @CanIgnoreReturnValue
  public <T> List<Subscription> subscribeSharded(
      Collection<String> channels, Class<T> type, MessageHandler<? super T> handler) {
    return subscribeSharded(channels, token(type), handler);
  }

  /**
   * Subscribes a handler to many sharded channels whose messages have a generic type; otherwise as
   * {@link #subscribeSharded(Collection, Class, MessageHandler)}.
   *
   * @param channels the channels; one that is given twice counts once
   * @param type what the messages are decoded to
   * @param handler what to do with each message
   * @param <T> the type of the messages
   * @return the subscriptions, in the order of the channels
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code channels} is empty, or a channel is empty or has an
   *     unpaired surrogate
   * @throws IllegalStateException as there
   * @throws redis.clients.jedis.exceptions.JedisException as there
   */
  @CanIgnoreReturnValue
  public <T> List<Subscription> subscribeSharded(
      Collection<String> channels, TypeToken<T> type, MessageHandler<? super T> handler) {
    return subscribeAll(Topic.Kind.SHARDED, channels, type, handler);
  }

  /**
   * Subscribes a handler to what happens to keys of the client's database, on all primaries of a
   * Cluster: Redis's <a
   * href="https://redis.io/docs/latest/develop/pubsub/keyspace-notifications/">keyspace
   * notifications</a>. Each server is asked before whether its {@code notify-keyspace-events} has
   * these events, and again once a minute; if it has them no more, {@link PubSubListener#onRefused}
   * is called. Where {@code CONFIG GET} is not permitted, that is taken on trust, and logged.
   *
   * <p>In a Cluster this takes a connection and two threads to each primary, shared with sharded
   * channels. Primaries that join or replace others are found with the next heartbeat; the gap is
   * reported. Events of one key come in order. Limits: they are lost as messages are; {@code
   * expired} comes when Redis removes the key, which may be long after its time; and a server sends
   * them for every key, so choose the events with care.
   *
   * @param events what, as Redis calls it: {@code set}, {@code del}, {@code expired}, {@code
   *     evicted} …
   * @param handler what to do with each
   * @return the subscription
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if there is no event, or one has other characters than a-z,
   *     0-9, {@code -} and {@code _}
   * @throws IllegalStateException if a server does not send them, or as {@link #subscribe(String,
   *     Class, MessageHandler)}
   * @throws redis.clients.jedis.exceptions.JedisException as there
   */
  @CanIgnoreReturnValue
  public Subscription subscribeKeyEvents(
      Collection<String> events, MessageHandler<? super KeyEvent> handler) {
    List<String> wanted = List.copyOf(events);
    Objects.requireNonNull(handler, "handler");
    subscriber.requireOpen();
    List<String> channels = subscriber.keyEvents().channels(wanted);
    Delivery<KeyEvent> delivery =
        subscriber.delivery(Topic.Kind.CHANNEL, channels, KeyEvents::decode, handler);
    subscriber.subscribe(List.of(delivery), Reach.EACH_PRIMARY);
    subscriber.keyEvents().watch(delivery, wanted);
    return delivery;
  }

  private static <T> TypeToken<T> token(Class<T> type) {
    return TypeToken.get(Objects.requireNonNull(type, "type"));
  }

  private <T> Subscription subscribe(
      Topic.Kind kind, String topic, TypeToken<T> type, MessageHandler<? super T> handler) {
    return subscribeAll(kind, List.of(topic), type, handler).get(0);
  }

  private <T> List<Subscription> subscribeAll(
      Topic.Kind kind,
      Collection<String> topics,
      TypeToken<T> type,
      MessageHandler<? super T> handler) {
    if (topics.isEmpty()) {
      throw new IllegalArgumentException("channels must not be empty");
    }
    topics.forEach(topic -> Arguments.requireText(topic, "channel"));
    Objects.requireNonNull(type, "type");
    Objects.requireNonNull(handler, "handler");
    subscriber.requireOpen();
    Delivery.Decoder<T> decoder = Bodies.decoder(settings.payloads(), type);
    List<Delivery<?>> deliveries = new ArrayList<>();
    for (String topic : new LinkedHashSet<>(topics)) {
      deliveries.add(subscriber.delivery(kind, List.of(topic), decoder, handler));
    }
    subscriber.subscribe(deliveries, Reach.USUAL);
    return List.copyOf(deliveries);
  }

  /**
   * Tells whether all subscriptions are confirmed on a live connection, but those that Redis
   * refuses, see {@link PubSubListener#onError}.
   *
   * @return false before the first subscription, while reconnecting, and when closed; a peer that
   *     fell silent counts as live until that is noticed
   */
  public boolean isConnected() {
    return subscriber.isConnected();
  }

  /**
   * Returns what became of the messages of all subscriptions, closed ones included.
   *
   * @return the counts since this was made; a message counts once for each subscription that got it
   */
  public PubSubStats stats() {
    return subscriber.stats();
  }

  /**
   * Ends all subscriptions, the connections and the threads, within a second whatever Redis does.
   * No message is taken for a handler afterwards, and what is queued is discarded. One that was
   * taken before is not waited for: it may still be handled, or reach the handler a moment after
   * this returns; {@link #close(Duration)} waits for it. A connection attempt under way ends by the
   * timeouts of the pool or client, in a Cluster by those for each node in turn. Does nothing when
   * already closed.
   */
  @Override
  public void close() {
    subscriber.close();
  }

  /**
   * Closes once all that has arrived is handled: takes no further messages, waits for those that
   * are queued or being handled, and then does what {@link #close()} does. Handlers can publish
   * meanwhile, but nothing can be subscribed any more. When this returns true, no handler is
   * running and none will run again, but the one that called this, if any.
   *
   * @param maxWait how long to wait for handlers at most, from 1 ms to 1 day; an interrupt ends the
   *     wait too, and stays set
   * @return whether all was handled; this is closed in any case
   * @throws NullPointerException if {@code maxWait} is null
   * @throws IllegalArgumentException if it is out of bounds
   */
  @CanIgnoreReturnValue
  public boolean close(Duration maxWait) {
    return subscriber.close(Arguments.requireDuration(maxWait, "maxWait", Arguments.LONGEST_WAIT));
  }

  /** How to make a {@link RedisPubSub}. Not thread-safe. */
  public static final class Builder {

    private static final Duration LONGEST_HEARTBEAT = Duration.ofMinutes(10);
    private static final long LARGEST_QUEUE_BYTES = 1L << 40;

    private final RedisAccess redis;
    private Json json = Json.standard();
    private @Nullable Executor executor;
    private Duration heartbeat = Duration.ofSeconds(5);
    private Duration longestSilence = heartbeat.multipliedBy(2);
    private Duration maxWait = Duration.ofSeconds(5);
    private long queueBytes = 32L << 20;
    private Overflow overflow = Overflow.DROP_OLDEST;
    private PubSubListener listener = PubSubListener.logging();

    private Builder(RedisAccess redis) {
      this.redis = redis;
    }

    /**
     * Sets what encodes and decodes messages. What is registered with it stays as it is. What Gson
     * does by itself and nobody could read back is refused, as {@code java.util.Date} in the JVM's
     * own time zone. An unknown constant of an enum is an error instead of null.
     *
     * @param gson default: strict JSON, dates and {@code java.time} values as ISO-8601
     * @return this
     * @throws NullPointerException if {@code gson} is null
     */
    @CanIgnoreReturnValue
    public Builder gson(Gson gson) {
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
    public Builder codec(JsonCodec codec) {
      this.json = Json.of(codec);
      return this;
    }

    /**
     * Sets what runs handlers and the listener. Any executor will do, also one of virtual threads
     * or of one thread; it is never shut down here. One that runs its tasks on the thread that
     * hands them over lets handlers hold up the connection, and they cannot subscribe.
     *
     * @param executor default: daemon threads made as needed, at most 64. When as many handlers are
     *     at work, messages of other subscriptions wait; give an executor of your own if handlers
     *     may block for long
     * @return this
     * @throws NullPointerException if {@code executor} is null
     */
    @CanIgnoreReturnValue
    public Builder executor(Executor executor) {
      this.executor = Objects.requireNonNull(executor, "executor");
      return this;
    }

    /**
     * Sets how often Redis is asked whether it is there, and a probe is published through the pool
     * (at most once a second). A connection on which nothing comes for two heartbeats is given up;
     * a stall of this JVM for as long looks the same. One on which answers come, but not the probe,
     * is given up within four heartbeats.
     *
     * @param heartbeat from 1 ms to 10 minutes; default 5 s
     * @return this
     * @throws NullPointerException if {@code heartbeat} is null
     * @throws IllegalArgumentException if it is out of bounds
     */
    @CanIgnoreReturnValue
    public Builder heartbeat(Duration heartbeat) {
      this.heartbeat = Arguments.requireDuration(heartbeat, "heartbeat", LONGEST_HEARTBEAT);
      this.longestSilence = heartbeat.multipliedBy(2);
      return this;
    }

    /** For tests with heartbeats so short that a busy machine would look like a dead peer. */
    @CanIgnoreReturnValue
    Builder longestSilence(Duration longestSilence) {
      this.longestSilence = longestSilence;
      return this;
    }

    /**
     * Sets how long {@code subscribe} waits for the confirmation, and throws then.
     *
     * @param maxWait from 1 ms to 1 day; default 5 s
     * @return this
     * @throws NullPointerException if {@code maxWait} is null
     * @throws IllegalArgumentException if it is out of bounds
     */
    @CanIgnoreReturnValue
    public Builder maxWait(Duration maxWait) {
      this.maxWait = Arguments.requireDuration(maxWait, "maxWait", Arguments.LONGEST_WAIT);
      return this;
    }

    /**
     * Sets how much may be queued for each subscription whose handler is busy. A message counts
     * with its payload, the length of its channel and 64 more; one larger than the queue is taken
     * when it is alone.
     *
     * @param queueBytes from 1 to 2<sup>40</sup>; default 32 MiB
     * @return this
     * @throws IllegalArgumentException if it is out of bounds
     */
    @CanIgnoreReturnValue
    public Builder queueBytes(long queueBytes) {
      this.queueBytes = Arguments.requireRange(queueBytes, "queueBytes", 1, LARGEST_QUEUE_BYTES);
      return this;
    }

    /**
     * Sets what happens to a message that finds the queue full.
     *
     * @param overflow default: {@link Overflow#DROP_OLDEST}
     * @return this
     * @throws NullPointerException if {@code overflow} is null
     */
    @CanIgnoreReturnValue
    public Builder overflow(Overflow overflow) {
      this.overflow = Objects.requireNonNull(overflow, "overflow");
      return this;
    }

    /**
     * Sets who is told of gaps, drops and errors, in place of the log. To have both, give {@code
     * listener.andThen(PubSubListener.logging())}.
     *
     * @param listener default: {@link PubSubListener#logging}
     * @return this
     * @throws NullPointerException if {@code listener} is null
     */
    @CanIgnoreReturnValue
    public Builder listener(PubSubListener listener) {
      this.listener = Objects.requireNonNull(listener, "listener");
      return this;
    }

    /**
     * Makes it. Nothing is sent and no thread started.
     *
     * @return a new one
     */
    public RedisPubSub build() {
      return new RedisPubSub(this);
    }
  }
}
