package io.github.redistoolkit.cache;

import static java.util.Objects.requireNonNull;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.Pool;

/**
 * A cache of values of one type in Redis, as JSON that any program can read: the Redis key is the
 * {@linkplain CacheBuilder#prefix prefix} and the key, the value is its plain JSON, and every entry
 * has a time to live.
 *
 * <p><b>Guarantee.</b> Among all JVMs that use the same Redis and keys: {@link #getOrLoad} runs one
 * loader at a time per key, and never returns a value whose load began before a {@link #set} or
 * {@link #delete} that returned before {@code getOrLoad} was called. A load that is overtaken so is
 * not stored either.
 *
 * <p><b>Limits.</b> Redis replicates asynchronously: after a failover it may have forgotten the
 * last writes, and entries that were deleted may be back until they expire. If a loader's JVM is
 * paused beyond its lease, or Redis fails, another JVM may run the loader too. While a key is being
 * loaded its mark {@code #lease:…} stands under it, and while it is held by {@link
 * CacheAside#update} the mark {@code #hold:…}; to every method here that is an absence, but other
 * programs that read the entries must skip what begins with {@code #}.
 *
 * <p><b>Failure.</b> If Redis fails, {@code getOrLoad} loads without it, one load at a time per key
 * in this JVM, and counts that; all other methods throw the {@link JedisException}, after which a
 * write may or may not have happened. An entry that cannot be decoded to the type is a miss; the
 * first is logged as a warning, and all are counted.
 *
 * <p><b>Values.</b> What is stored comes back equal in every JVM that has the same classes. What
 * would not is refused with an {@link IllegalArgumentException} that names the type and the path: a
 * subclass of the declared type, an object of an anonymous class, what is nested too deep to be
 * read (with Gson more than 255). A value that a loader returned is refused so for all who wait for
 * it. Collections and maps come back equal by their elements, in classes of the mapper's choice.
 * Where the declared type says {@code Object}, by default only texts, booleans, {@code Long},
 * {@code Double} and lists and maps of these come back as they were. See {@link
 * io.github.redistoolkit.json.JsonCodec} for what is tried, and for other mappers than Gson.
 *
 * <p><b>When classes change</b>, JVMs of both versions read the same entries for a while. A field
 * that an entry lacks is null or zero; one that the class lacks is ignored; one that was renamed is
 * both, unless {@code @SerializedName} names the old one as an alternate. An entry is undecodable,
 * so a miss that {@link #getOrLoad} loads anew, if it has a constant that the enum lacks (an added
 * one in the old JVMs, a removed one in the new), if a field no longer fits its type, or if the
 * constructor refuses it. Where the versions would replace each other's entries too often, give the
 * new one another prefix. This is how Gson reads; another mapper has rules of its own.
 *
 * <p>Each method is one round trip, unless it says otherwise or the near cache answers.
 * Thread-safe. Make one per type and keep it: it owns no thread until a loader runs, unless it has
 * a {@linkplain CacheBuilder#nearCache near cache}, and closing it never closes the pool or client.
 *
 * @param <V> the type of the values; if it is mutable, every read gives a copy of its own
 */
public final class CacheService<V> implements AutoCloseable {

  static {
    ModuleVersion.check();
  }

  private final RedisAccess redis;
  private final String prefix;
  private final long defaultTtlMillis;
  private final Codec<V> codec;
  private final Counters counters = new Counters();
  private final Renewals renewals = new Renewals();
  private final @Nullable NearCache<V> near;
  private final @Nullable Invalidations invalidations;
  private final Entries<V> entries;
  private final BatchEntries<V> batches;
  private final FleetLoads<V> loads;
  private final String jvm = UUID.randomUUID().toString();
  private final AtomicLong holds = new AtomicLong();
  private volatile boolean closed;

  /**
   * Makes a cache without prefix and with default options.
   *
   * @param pool where connections come from; never closed here
   * @param type the type of the values
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if no value of the type could be read back, as Gson says of
   *     abstract types
   */
  public CacheService(Pool<Jedis> pool, Class<V> type) {
    this(builder(pool, type));
  }

  /**
   * Makes a cache without prefix and with default options.
   *
   * @param client the client to use; never closed here
   * @param type the type of the values
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the client has Jedis's client-side cache on, or is of an
   *     unknown kind
   */
  public CacheService(UnifiedJedis client, Class<V> type) {
    this(builder(client, type));
  }

  CacheService(CacheBuilder<V> options) {
    redis = options.redis;
    prefix = options.prefix;
    defaultTtlMillis = options.defaultTtlMillis;
    options.json.requireReadable(options.type);
    codec = new Codec<>(options.json, options.type);
    if (options.nearEntries == 0) {
      near = null;
      invalidations = null;
    } else {
      near = new NearCache<>(codec, NearCache.Values.of(options.type), options.nearEntries);
      invalidations = new Invalidations(redis, Clients.forNearCache(redis), near, prefix);
    }
    entries = new Entries<>(redis, codec, prefix, near);
    batches = new BatchEntries<>(Batches.over(redis, prefix), codec, near, counters);
    Lifetimes lifetimes = new Lifetimes(options.leaseMillis, options.nullTtlMillis, options.jitter);
    loads = new FleetLoads<>(entries, codec, renewals, lifetimes, counters);
    if (invalidations != null) {
      invalidations.start();
    }
  }

  /**
   * Starts a cache with options.
   *
   * @param pool where connections come from; never closed here
   * @param type the type of the values
   * @param <V> the same
   * @return a builder with the defaults
   * @throws NullPointerException if an argument is null
   */
  public static <V> CacheBuilder<V> builder(Pool<Jedis> pool, Class<V> type) {
    return builder(pool, TypeToken.get(requireNonNull(type, "type")));
  }

  /**
   * Starts a cache with options, of values of a generic type.
   *
   * @param pool where connections come from; never closed here
   * @param type the type of the values, as {@code new TypeToken<List<Loan>>() {}}
   * @param <V> the same
   * @return a builder with the defaults
   * @throws NullPointerException if an argument is null
   */
  public static <V> CacheBuilder<V> builder(Pool<Jedis> pool, TypeToken<V> type) {
    return new CacheBuilder<>(RedisAccess.of(pool), type);
  }

  /**
   * Starts a cache with options.
   *
   * @param client the client to use; never closed here
   * @param type the type of the values
   * @param <V> the same
   * @return a builder with the defaults
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the client has Jedis's client-side cache on, or is of an
   *     unknown kind
   */
  public static <V> CacheBuilder<V> builder(UnifiedJedis client, Class<V> type) {
    return builder(client, TypeToken.get(requireNonNull(type, "type")));
  }

  /**
   * Starts a cache with options, of values of a generic type.
   *
   * @param client the client to use; never closed here
   * @param type the type of the values, as {@code new TypeToken<List<Loan>>() {}}
   * @param <V> the same
   * @return a builder with the defaults
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the client has Jedis's client-side cache on, or is of an
   *     unknown kind
   */
  public static <V> CacheBuilder<V> builder(UnifiedJedis client, TypeToken<V> type) {
    return new CacheBuilder<>(Clients.require(RedisAccess.of(client)), type);
  }

  /**
   * Stores a value for the {@linkplain CacheBuilder#defaultTtl default time}.
   *
   * @param key the key
   * @param value the value
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the key is empty, or the value would not come back equal
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails
   */
  public void set(String key, V value) {
    set(key, value, defaultTtlMillis);
  }

  /**
   * Stores a value, over whatever the key has. A load that is under way will not be stored.
   *
   * <p>That goes for the hold of a {@link CacheAside#update} that is under way too: the value is
   * read until the update ends, which removes it. If the updating JVM ends before, the value stays
   * until it expires, though the database may have been written since.
   *
   * @param key the key
   * @param value the value
   * @param ttl how long it lives; at least 1 ms, more than 100 years are 100 years
   * @throws NullPointerException if the key or the value is null
   * @throws IllegalArgumentException if the key is empty, the value would not come back equal, or
   *     {@code ttl} is null or below 1 ms
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails
   */
  public void set(String key, V value, Duration ttl) {
    set(key, value, Lifetimes.ttlMillis(ttl, "ttl"));
  }

  private void set(String key, V value, long ttlMillis) {
    String redisKey = redisKey(key);
    entries.set(redisKey, encode(value), ttlMillis);
  }

  /**
   * Reads a value.
   *
   * @param key the key
   * @return the value; empty if there is none, or a stored {@code null}
   * @throws NullPointerException if the key is null
   * @throws IllegalArgumentException if the key is empty
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails; a {@link JedisDataException} that begins with {@code
   *     WRONGTYPE} if the key holds something that is not a string
   */
  public Optional<V> get(String key) {
    Content<V> content = near(key);
    if (content == null) {
      content = entries.read(redisKey(key));
      counters.count(content);
    }
    return Optional.ofNullable(content.value());
  }

  /** The entry, if the near cache has it. */
  private @Nullable Content<V> near(String key) {
    if (near == null || closed) {
      return null;
    }
    Content<V> content = near.get(requireNonNull(key, "key"));
    if (content != null) {
      counters.nearHits.increment();
    }
    return content;
  }

  /**
   * Reads a value, and loads it if there is none.
   *
   * <p>One caller loads, on its own thread and without holding a connection; all others, here and
   * in other JVMs, wait for it, however long it takes. If the loader's JVM ends, another takes over
   * after the {@linkplain CacheBuilder#leaseTtl lease}. A null that was loaded is returned, and
   * stored only with {@link CacheBuilder#nullTtl}. If Redis fails, or the key is held by {@link
   * CacheAside#update} or has something that is not a string, the value is loaded and not stored.
   *
   * <p>A hit is one round trip; a load is three, and one more for each third of a lease that it
   * takes. A caller that waits for another JVM asks Redis every 50 ms or more often.
   *
   * @param key the key
   * @param ttl how long a loaded value lives; at least 1 ms, more than 100 years are 100 years
   * @param loader loads the value; must not ask for the same key, nor wait for a thread that does
   * @return the value; null if the loader returned null
   * @throws NullPointerException if the key or the loader is null
   * @throws IllegalArgumentException if the key is empty, {@code ttl} is null or below 1 ms, or the
   *     loaded value would not come back equal
   * @throws IllegalStateException if called for a key by its own loader, or after {@link #close}
   * @throws java.util.concurrent.CompletionException if the loader threw a checked exception, which
   *     is the cause; or if this thread was interrupted while it waited. What a loader throws
   *     unchecked comes as it is, to all who wait for that load
   */
  public @Nullable V getOrLoad(String key, Duration ttl, Loader<? extends V> loader) {
    requireNonNull(loader, "loader");
    long ttlMillis = Lifetimes.ttlMillis(ttl, "ttl");
    Content<V> content = near(key);
    return content != null ? content.value() : loads.get(redisKey(key), ttlMillis, loader);
  }

  /**
   * Deletes a value. A load that is under way will not be stored. The hold of a {@link
   * CacheAside#update} stays.
   *
   * @param key the key
   * @return whether there was an entry; false also if a {@code RedisClusterClient} got no reply
   *     and, without a word, sent the command again
   * @throws NullPointerException if the key is null
   * @throws IllegalArgumentException if the key is empty
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails
   */
  @CanIgnoreReturnValue
  public boolean delete(String key) {
    return entries.delete(redisKey(key));
  }

  /**
   * Sets the remaining life of an entry, longer or shorter.
   *
   * @param key the key
   * @param ttl how long it lives from now; at least 1 ms, more than 100 years are 100 years
   * @return whether there is an entry
   * @throws NullPointerException if the key is null
   * @throws IllegalArgumentException if the key is empty, or {@code ttl} is null or below 1 ms
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails, or the key holds something that is not a string
   */
  public boolean touch(String key, Duration ttl) {
    long ttlMillis = Lifetimes.ttlMillis(ttl, "ttl");
    return entries.touch(redisKey(key), ttlMillis);
  }

  /**
   * Reads the remaining life of an entry.
   *
   * @param key the key
   * @return how long it still lives; 100 years if another program stored it for ever; empty if
   *     there is no entry
   * @throws NullPointerException if the key is null
   * @throws IllegalArgumentException if the key is empty
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails, or the key holds something that is not a string
   */
  public Optional<Duration> ttl(String key) {
    long millis = entries.ttlMillis(redisKey(key));
    if (millis == Entries.NO_ENTRY) {
      return Optional.empty();
    }
    return Optional.of(millis == Entries.FOR_EVER ? Lifetimes.LONGEST : Duration.ofMillis(millis));
  }

  /**
   * Reads many values, in one pipelined round trip (in a Cluster, one per node at the same time).
   *
   * <p>Each key is read atomically, the keys together are not. What is not a string is a miss.
   *
   * @param keys the keys; duplicates count once
   * @return the values that there are, in the order of the keys
   * @throws NullPointerException if {@code keys} is or has null
   * @throws IllegalArgumentException if a key is empty
   * @throws IllegalStateException after {@link #close}
   * @throws CacheBatchException if some keys could not be read
   * @throws JedisException if Redis fails
   */
  public Map<String, V> getAll(Collection<String> keys) {
    return batches.get(distinct(keys));
  }

  /**
   * Stores many values, in one pipelined round trip (in a Cluster, one per node at the same time).
   *
   * <p>Each key is stored atomically, the keys together are not. For each holds what {@link
   * #set(String, Object, Duration)} says: loads that are under way will not be stored.
   *
   * @param entries the values by key
   * @param ttl how long they live; at least 1 ms, more than 100 years are 100 years
   * @throws NullPointerException if {@code entries} is or has null
   * @throws IllegalArgumentException if a key is empty, a value would not come back equal, or
   *     {@code ttl} is null or below 1 ms; nothing is stored then
   * @throws IllegalStateException after {@link #close}
   * @throws CacheBatchException if some keys were not stored, or it is not known
   * @throws JedisException if Redis fails before anything is sent
   */
  public void setAll(Map<String, ? extends V> entries, Duration ttl) {
    long ttlMillis = Lifetimes.ttlMillis(ttl, "ttl");
    Map<String, String> json = new LinkedHashMap<>();
    requireNonNull(entries, "entries")
        .forEach((key, value) -> json.put(requireKey(key), encode(value)));
    requireOpen();
    batches.set(json, ttlMillis);
  }

  /**
   * Deletes many values, in one pipelined round trip (in a Cluster, one per node at the same time).
   *
   * <p>Each key is deleted atomically, the keys together are not. Loads that are under way will not
   * be stored.
   *
   * @param keys the keys; duplicates count once
   * @return how many entries there were; fewer if a {@code RedisClusterClient} got no reply for
   *     some and, without a word, sent them again
   * @throws NullPointerException if {@code keys} is or has null
   * @throws IllegalArgumentException if a key is empty
   * @throws IllegalStateException after {@link #close}
   * @throws CacheBatchException if some keys were not deleted, or it is not known
   * @throws JedisException if Redis fails before anything is sent
   */
  @CanIgnoreReturnValue
  public long deleteAll(Collection<String> keys) {
    return batches.delete(distinct(keys));
  }

  /**
   * Deletes every entry whose key begins with the prefix, and nothing else. What is stored while it
   * runs may stay, and so may what a Cluster moves between nodes then. Loads that were under way
   * before will not be stored, as their leases are removed too; the holds of {@link
   * CacheAside#update} stay.
   *
   * <p>Goes through the whole keyspace with {@code SCAN}, a thousand keys at a time, so it takes
   * long where there are many keys, but other clients are not held up.
   *
   * @return how many entries there were
   * @throws IllegalStateException if the cache has no prefix, or after {@link #close}
   * @throws JedisException if Redis fails; some entries are deleted then
   */
  @CanIgnoreReturnValue
  public long clear() {
    requireOpen();
    if (prefix.isEmpty()) {
      throw new IllegalStateException("clear needs a cache with a prefix");
    }
    return batches.clear();
  }

  /**
   * Returns what was counted since this cache was made, in this JVM. No I/O.
   *
   * @return the counters
   */
  public CacheStats stats() {
    return counters.snapshot();
  }

  /**
   * Ends the threads of this cache. The pool or client stays open, and the entries stay. Loads that
   * are under way end normally, but their leases are no longer renewed. Every later call throws
   * {@link IllegalStateException}, except for {@link #stats}. Closing again does nothing.
   */
  @Override
  public void close() {
    closed = true;
    renewals.close();
    if (invalidations != null) {
      invalidations.close();
    }
  }

  /**
   * Keeps the key uncached until the hold is ended, or a while after this JVM has ended.
   *
   * @param life how long the hold outlives this JVM
   */
  Hold hold(String key, Duration life) {
    String token = jvm + "-" + holds.incrementAndGet();
    return Hold.place(entries, renewals, redisKey(key), token, life.toMillis());
  }

  /** How many copies the near cache has. */
  int nearSize() {
    return near == null ? 0 : near.size();
  }

  private String redisKey(String key) {
    requireKey(key);
    requireOpen();
    return prefix.concat(key);
  }

  @CanIgnoreReturnValue
  private static String requireKey(String key) {
    return Arguments.requireText(key, "key");
  }

  private List<String> distinct(Collection<String> keys) {
    LinkedHashSet<String> distinct = new LinkedHashSet<>(requireNonNull(keys, "keys"));
    distinct.forEach(CacheService::requireKey);
    requireOpen();
    return List.copyOf(distinct);
  }

  private String encode(V value) {
    return codec.encode(requireNonNull(value, "value"));
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the cache is closed");
    }
  }
}
