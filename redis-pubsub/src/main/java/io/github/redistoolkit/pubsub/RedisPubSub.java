package io.github.redistoolkit.pubsub;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.json.JsonCodec;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Jedis;
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
 * time and in the order in which Redis sent them; subscriptions are independent of each other. A
 * lost connection is noticed within two and a half heartbeats even if the peer just falls silent,
 * is re-established with all its subscriptions for as long as it takes, and the gap is reported to
 * the {@link PubSubListener}.
 *
 * <p>Limits: Redis delivers at most once. Messages published while the connection is down, and
 * those dropped because a handler is too slow ({@link Overflow}), are lost; both are reported. A
 * message published during a Sentinel failover to the primary that is being demoted may be lost
 * too. In a Cluster a message may come a second time after a reconnection: nodes pass messages on
 * to each other, and the one connected to next may be the slower.
 *
 * <p>What is published comes back equal to whoever subscribes to its own class, in every JVM that
 * has the same classes; what would not is refused by {@link #publish}. When classes change, JVMs of
 * both versions hear each other. A field that a message lacks is null or zero; one that the class
 * lacks is ignored; one that was renamed is both, unless {@code @SerializedName} names the old one
 * as an alternate. A message with a constant that the enum lacks, with a field that no longer fits
 * its type, or that the constructor refuses goes to {@link PubSubListener#onError} and is counted
 * by {@link Subscription#undecodable}. This is how Gson reads; see {@link
 * io.github.redistoolkit.json.JsonCodec} for other mappers.
 *
 * <p>All subscriptions share one connection of its own, made like those of the pool or client
 * (address, credentials, TLS, client name, database, timeouts) but not taken from it, so even a
 * pool of one connection stays usable. Two daemon threads, started with the first subscription, and
 * the threads of the executor serve them; {@link #close()} ends them. The pool or client is never
 * closed here; once the caller closes it, this closes itself within about a second.
 *
 * <p>Thread-safe. {@link #publish} is one round trip on a connection of the pool, the first {@code
 * subscribe} to a topic one on the own connection, further ones none. A {@link
 * redis.clients.jedis.exceptions.JedisException} passes through as Jedis throws it.
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
            builder.subscribeTimeout,
            builder.queueBytes,
            builder.overflow,
            builder.listener);
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
    return new Builder(RedisAccess.of(pool));
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
    return new Builder(RedisAccess.of(client));
  }

  /**
   * Publishes a message: one {@code PUBLISH}, which is never repeated here. (A {@code
   * RedisClusterClient} itself repeats a command whose reply was lost.)
   *
   * @param channel where to
   * @param message what; a {@code byte[]} goes as it is, anything else as JSON, as its own class
   *     has it and not what it is declared as: a {@code String} in quotes, an element of a plain
   *     {@code List} as what it is. For one that is JSON already, give its bytes. A subscriber to
   *     its class gets one that is equal; one to {@code Object}, what JSON has
   * @return how many subscriptions Redis handed it to; in a Cluster only those on the node that was
   *     asked, though it reaches those on all nodes
   * @throws NullPointerException if either is null
   * @throws IllegalArgumentException if {@code channel} is empty or has an unpaired surrogate, or
   *     nobody could read the message back as its own class; names the type and the path
   * @throws IllegalStateException if this is closed
   * @throws redis.clients.jedis.exceptions.JedisException if Redis fails; the message may have been
   *     delivered all the same
   */
  @CanIgnoreReturnValue
  public long publish(String channel, Object message) {
    Arguments.requireText(channel, "channel");
    Objects.requireNonNull(message, "message");
    subscriber.requireOpen();
    byte[] payload = settings.payloads().encode(message);
    byte[] to = channel.getBytes(StandardCharsets.UTF_8);
    return redis.execute(redis.commands().publish(to, payload));
  }

  /**
   * Subscribes a handler to a channel, and returns when Redis has confirmed. The handler may run
   * before.
   *
   * <p>May be called in a handler, unless the executor runs handlers on the thread that hands them
   * over. While there is no connection it waits for one.
   *
   * @param channel the channel
   * @param type what its messages are decoded to; {@code byte[].class} leaves them as they are
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

  private static <T> TypeToken<T> token(Class<T> type) {
    return TypeToken.get(Objects.requireNonNull(type, "type"));
  }

  private <T> Subscription subscribe(
      Topic.Kind kind, String topic, TypeToken<T> type, MessageHandler<? super T> handler) {
    Objects.requireNonNull(type, "type");
    Objects.requireNonNull(handler, "handler");
    settings.payloads().requireReadable(type);
    subscriber.requireOpen();
    Delivery<T> delivery = new Delivery<>(subscriber, kind, topic, type, handler, settings);
    subscriber.subscribe(delivery);
    return delivery;
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
   * Ends all subscriptions, the connection and the threads, within a second whatever Redis does. No
   * invocation of a handler starts afterwards; those under way are not waited for, and a connection
   * attempt under way ends by the timeouts of the pool or client, in a Cluster by those for each
   * node in turn. Does nothing when already closed.
   */
  @Override
  public void close() {
    subscriber.close();
  }

  /** How to make a {@link RedisPubSub}. Not thread-safe. */
  public static final class Builder {

    private static final Duration LONGEST_HEARTBEAT = Duration.ofMinutes(10);
    private static final Duration LONGEST_SUBSCRIBE_TIMEOUT = Duration.ofHours(1);
    private static final long LARGEST_QUEUE_BYTES = 1L << 40;

    private final RedisAccess redis;
    private Json json = Json.standard();
    private @Nullable Executor executor;
    private Duration heartbeat = Duration.ofSeconds(5);
    private Duration longestSilence = heartbeat.multipliedBy(2);
    private Duration subscribeTimeout = Duration.ofSeconds(5);
    private long queueBytes = 32L << 20;
    private Overflow overflow = Overflow.DROP_OLDEST;
    private PubSubListener listener = Reports.TO_LOG;

    private Builder(RedisAccess redis) {
      this.redis = redis;
    }

    /**
     * Sets what encodes and decodes messages. What is registered with it stays as it is; what Gson
     * does by itself and nobody could read back is refused, as {@code java.util.Date} in the JVM's
     * own time zone, and an unknown constant of an enum is an error instead of null.
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
     * @param executor default: daemon threads made as needed, one for each handler at work
     * @return this
     * @throws NullPointerException if {@code executor} is null
     */
    @CanIgnoreReturnValue
    public Builder executor(Executor executor) {
      this.executor = Objects.requireNonNull(executor, "executor");
      return this;
    }

    /**
     * Sets how often Redis is asked whether it is there. A connection on which nothing comes for
     * two heartbeats is given up; a stall of this JVM for as long looks the same.
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
     * Sets how long {@code subscribe} waits for the confirmation.
     *
     * @param subscribeTimeout from 1 ms to 1 hour; default 5 s
     * @return this
     * @throws NullPointerException if {@code subscribeTimeout} is null
     * @throws IllegalArgumentException if it is out of bounds
     */
    @CanIgnoreReturnValue
    public Builder subscribeTimeout(Duration subscribeTimeout) {
      this.subscribeTimeout =
          Arguments.requireDuration(
              subscribeTimeout, "subscribeTimeout", LONGEST_SUBSCRIBE_TIMEOUT);
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
     * Sets who is told of gaps, drops and errors. Whoever is told, nothing is logged any more, what
     * the listener does not override included.
     *
     * @param listener default: each event is logged as a warning
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
