package io.github.redistoolkit.cache;

import static java.util.Objects.requireNonNull;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.cache.RedisStore.Reading;
import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Ticker;
import io.github.redistoolkit.json.JsonCodec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.Pool;

/**
 * A cache of values of one type in Redis, as JSON that any program can read. The Redis key is the
 * prefix followed by the key, the value is its plain JSON, and every entry has a time to live.
 *
 * <p><b>Guarantee.</b> Among all JVMs that use the same Redis and keys, {@link #getOrLoad} runs one
 * loader at a time per key. If a {@link #set} or {@link #delete} had returned when {@code
 * getOrLoad} was called, it never returns a value whose load began before that. Nor is such a value
 * stored.
 *
 * <p><b>Limits.</b> Redis replicates asynchronously. A failover may lose the last writes, and bring
 * deleted entries back until they expire. If a loader's JVM is paused beyond its lease, or Redis
 * fails, another JVM may run the loader too.
 *
 * <p><b>Marks.</b> While a key is loaded, its value is {@code #lease:…}. While {@link
 * CacheAside#update} holds it, its value is {@code #hold:…}. Every method here treats these as an
 * absence. Other programs that read the entries must skip what begins with {@code #}.
 *
 * <p><b>Keys</b> are written as they are, so a hash tag in one chooses its Cluster slot; {@link
 * Builder#encodeKeys} spreads them. They have {@linkplain Builder#maxKeyBytes 1,024 bytes} at most.
 * What begins with {@code #group:}, {@code #in:}, {@code #near:}, {@code #lease:} or {@code #hold:}
 * is the cache's own and is refused. So is what leads to the default keys of the other modules:
 * {@code idem:}, {@code lock:}, {@code rl:}, {@code rwlock:}, {@code semaphore:} and {@code
 * topic:}. Prefixes that you give to other modules must not begin as this one does.
 *
 * <p><b>Failure.</b> If Redis fails, {@code getOrLoad} loads without it, one load at a time per key
 * in this JVM, and counts that. All other methods throw the {@link JedisException}, after which a
 * write may or may not have happened. An entry that cannot be decoded to the type is a miss; the
 * first is logged as a warning, and all are counted.
 *
 * <p><b>Values.</b> What is stored comes back equal in every JVM that has the same classes. What
 * would not is refused with an {@link IllegalArgumentException} that names the type and the path.
 * Examples are a subclass of the declared type, an object of an anonymous class, and what is nested
 * too deep to be read (with Gson more than 255 levels). If a loader returns such a value, all who
 * wait for it get the exception. Collections and maps come back with equal elements, in classes of
 * the mapper's choice. Where the declared type says {@code Object}, by default only texts,
 * booleans, {@code Long}, {@code Double} and lists and maps of these come back as they were. See
 * {@link io.github.redistoolkit.json.JsonCodec} for what is checked, and for other mappers than
 * Gson.
 *
 * <p><b>When classes change</b>, JVMs of both versions read the same entries for a while. A field
 * that an entry lacks is null or zero. A field that the class lacks is ignored. So a field that was
 * renamed is lost, unless {@code @SerializedName} names the old one as an alternate.
 *
 * <p>An entry is undecodable if it has a constant that the enum lacks, if a field no longer fits
 * its type, or if the constructor refuses it. Then it is a miss, and {@code getOrLoad} loads it
 * anew. If the versions would replace each other's entries too often, give the new one another
 * prefix. This is how Gson reads; another mapper has its own rules.
 *
 * <p>Each method is one round trip, unless it says otherwise or the near cache answers.
 * Thread-safe. Make one per type and keep it. Closing it never closes the pool or client.
 *
 * <p>It owns no thread, unless it has a {@linkplain Builder#nearCache near cache}. Daemon threads
 * that all modules of this JVM share keep time, and renew leases and holds. They end by themselves
 * within seconds once nothing is loaded or updated.
 *
 * @param <V> the type of the values; if it is mutable, every read returns a new copy
 */
public final class CacheService<V> implements AutoCloseable {

  static {
    ModuleVersion.check();
  }

  private final Names names;
  private final long defaultTtlMillis;
  private final Duration maxWait;
  private final long holdMillis;
  private final Codec<V> codec;
  private final Counters counters;
  private final Ticker ticker;
  private final CoolDown coolDown;
  private final Leases leases;
  private final @Nullable NearCache<V> copies;
  private final @Nullable Tracking tracking;
  private final Tracking.@Nullable Member member;
  private final NearStore<V> store;
  private final FleetLoads<V> loads;

  private final AsyncLoads<V> asyncLoads;
  private final AsyncUpdates asyncUpdates;
  private final BulkLoads<V> bulkLoads;
  private final Groups groups;

  private final String jvm = UUID.randomUUID().toString();
  private final AtomicLong holds = new AtomicLong();
  private volatile boolean closed;

  /**
   * Makes a cache with default options.
   *
   * @param pool where connections come from; never closed here
   * @param prefix what all Redis keys begin with, verbatim: {@code user:} makes {@code 7} the key
   *     {@code user:7}. Values of another type need another prefix
   * @param type the type of the values
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the prefix is empty or reserved or has an unpaired
   *     surrogate, or no value of the type could be read back, as Gson says of abstract types
   */
  public CacheService(Pool<Jedis> pool, String prefix, Class<V> type) {
    this(builder(pool, prefix, type));
  }

  /**
   * Makes a cache with default options.
   *
   * @param client the client to use; never closed here
   * @param prefix what all Redis keys begin with, verbatim: {@code user:} makes {@code 7} the key
   *     {@code user:7}. Values of another type need another prefix
   * @param type the type of the values
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the prefix is empty or reserved or has an unpaired
   *     surrogate, or the client has Jedis's client-side cache on, or is of an unknown kind
   */
  public CacheService(UnifiedJedis client, String prefix, Class<V> type) {
    this(builder(client, prefix, type));
  }

  private CacheService(Builder<V> options) {
    RedisAccess redis = options.redis;
    names = new Names(options.prefix, options.writing, options.maxKeyBytes);
    defaultTtlMillis = options.defaultTtlMillis;
    counters = new Counters(options.listener);
    ticker = options.alarms.ticker();
    maxWait = options.maxWait;
    holdMillis = options.holdMillis;
    options.json.requireReadable(options.type);
    codec = new Codec<>(options.json, options.type);
    leases = new Leases(redis, options.alarms);
    coolDown = new CoolDown(redis, names, counters, ticker);
    if (options.nearEntries == 0) {
      tracking = null;
      copies = null;
      member = null;
    } else {
      Tracking ours = Tracking.of(redis);
      tracking = ours;
      copies =
          new NearCache<>(
              NearValues.of(codec, options.nearCopier),
              options.nearEntries,
              options.nearBytes,
              written -> ours.trustIn(names.ofWritten(written)),
              ours.ticker());
      member = ours.add(copies, options.prefix);
    }
    boolean plain = options.early == null && options.staleMillis == 0;
    Reading reading = plain ? Reading.VALUE_ALONE : Reading.WITH_LIFE;
    store = new NearStore<>(redis, names, codec, copies, counters, reading, options.staleMillis);
    groups = new Groups(() -> options.ofVersions(counters).build());
    Lifetimes lifetimes =
        new Lifetimes(
            options.leaseMillis, options.nullTtlMillis, options.jitter, options.staleMillis);
    RedisFailures failures = new RedisFailures(counters);
    LoaderRuns<V> runs = new LoaderRuns<>(codec, counters, ticker);
    LeasedLoads<V> leased =
        new LeasedLoads<>(store, coolDown, runs, leases, lifetimes, counters, failures);
    Waits<V> waits = new Waits<>(store, coolDown, leased, lifetimes, counters, failures, ticker);
    Refreshes<V> refreshes =
        options.early == null
            ? null
            : new Refreshes<>(
                options.early, store, coolDown, runs, leases, lifetimes, counters, failures);
    LocalLoads<V> local = new LocalLoads<>(runs, counters);
    loads =
        new FleetLoads<>(
            store, coolDown, runs, local, leased, waits, counters, failures, refreshes);
    asyncLoads =
        new AsyncLoads<>(
            options.executor, options.alarms, loads, runs, leased, local, waits, counters);
    asyncUpdates = new AsyncUpdates(options.executor);
    bulkLoads = new BulkLoads<>(store, coolDown, runs, leased, waits, counters, failures);
  }

  /**
   * Starts a cache with options.
   *
   * @param pool where connections come from; never closed here
   * @param prefix what all Redis keys begin with, verbatim: {@code user:} makes {@code 7} the key
   *     {@code user:7}. Values of another type need another prefix
   * @param type the type of the values
   * @param <V> the same
   * @return a builder with the defaults
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the prefix is empty or reserved or has an unpaired
   *     surrogate
   */
  public static <V> Builder<V> builder(Pool<Jedis> pool, String prefix, Class<V> type) {
    return builder(pool, prefix, TypeToken.get(requireNonNull(type, "type")));
  }

  /**
   * Starts a cache with options, of values of a generic type.
   *
   * @param pool where connections come from; never closed here
   * @param prefix what all Redis keys begin with, verbatim: {@code user:} makes {@code 7} the key
   *     {@code user:7}. Values of another type need another prefix
   * @param type the type of the values, as {@code new TypeToken<List<Loan>>() {}}
   * @param <V> the same
   * @return a builder with the defaults
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the prefix is empty or reserved or has an unpaired
   *     surrogate
   */
  public static <V> Builder<V> builder(Pool<Jedis> pool, String prefix, TypeToken<V> type) {
    return new Builder<>(RedisAccess.of(pool, "redis-cache"), Names.requirePrefix(prefix), type);
  }

  /**
   * Starts a cache with options.
   *
   * @param client the client to use; never closed here
   * @param prefix what all Redis keys begin with, verbatim: {@code user:} makes {@code 7} the key
   *     {@code user:7}. Values of another type need another prefix
   * @param type the type of the values
   * @param <V> the same
   * @return a builder with the defaults
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the prefix is empty or reserved or has an unpaired
   *     surrogate, or the client has Jedis's client-side cache on, or is of an unknown kind
   */
  public static <V> Builder<V> builder(UnifiedJedis client, String prefix, Class<V> type) {
    return builder(client, prefix, TypeToken.get(requireNonNull(type, "type")));
  }

  /**
   * Starts a cache with options, of values of a generic type.
   *
   * @param client the client to use; never closed here
   * @param prefix what all Redis keys begin with, verbatim: {@code user:} makes {@code 7} the key
   *     {@code user:7}. Values of another type need another prefix
   * @param type the type of the values, as {@code new TypeToken<List<Loan>>() {}}
   * @param <V> the same
   * @return a builder with the defaults
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the prefix is empty or reserved or has an unpaired
   *     surrogate, or the client has Jedis's client-side cache on, or is of an unknown kind
   */
  public static <V> Builder<V> builder(UnifiedJedis client, String prefix, TypeToken<V> type) {
    return new Builder<>(
        Clients.require(RedisAccess.of(client, "redis-cache")), Names.requirePrefix(prefix), type);
  }

  /**
   * Stores a value for the {@linkplain Builder#defaultTtl default time}.
   *
   * @param key the key
   * @param value the value
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the key is empty, too long or reserved, or the value would
   *     not come back equal
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
   * @param ttl how long it lives; from 1 ms to 100 years
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the key is empty, too long or reserved, the value would not
   *     come back equal, or {@code ttl} is out of range
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails
   */
  public void set(String key, V value, Duration ttl) {
    set(key, value, Lifetimes.ttlMillis(ttl, "ttl"));
  }

  private void set(String key, V value, long ttlMillis) {
    store.set(requireUsable(key), encode(value), ttlMillis);
  }

  /** The same for a key that {@link CacheGroup} made. */
  void setWithin(String groupKey, V value, long ttlMillis) {
    requireOpen();
    store.set(groupKey, encode(value), ttlMillis);
  }

  /**
   * Stores a value if the key has no entry. A load that is under way will not be stored then. While
   * {@link CacheAside#update} holds the key nothing is stored.
   *
   * @param key the key
   * @param value the value
   * @param ttl how long it lives; from 1 ms to 100 years
   * @return whether it was stored; false also if a {@code RedisClusterClient} stored it, got no
   *     reply and, without a word, sent the command again
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the key is empty, too long or reserved, the value would not
   *     come back equal, or {@code ttl} is out of range
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails, or the key holds something that is not a string
   */
  public boolean putIfAbsent(String key, V value, Duration ttl) {
    long ttlMillis = Lifetimes.ttlMillis(ttl, "ttl");
    return store.setIf(Store.Presence.ABSENT, requireUsable(key), encode(value), ttlMillis);
  }

  /**
   * Stores a value if the key has an entry.
   *
   * @param key the key
   * @param value the value
   * @param ttl how long it lives; from 1 ms to 100 years
   * @return whether it was stored
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the key is empty, too long or reserved, the value would not
   *     come back equal, or {@code ttl} is out of range
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails, or the key holds something that is not a string
   */
  public boolean replace(String key, V value, Duration ttl) {
    long ttlMillis = Lifetimes.ttlMillis(ttl, "ttl");
    return store.setIf(Store.Presence.PRESENT, requireUsable(key), encode(value), ttlMillis);
  }

  /**
   * Reads a value.
   *
   * @param key the key
   * @return the value; empty if there is none, or a stored {@code null}
   * @throws NullPointerException if the key is null
   * @throws IllegalArgumentException if the key is empty, too long or reserved
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails; a {@link JedisDataException} that begins with {@code
   *     WRONGTYPE} if the key holds something that is not a string
   */
  public Optional<V> get(String key) {
    Found.Value<V> copy = near(key);
    return copy == null ? read(requireUsable(key)) : Optional.ofNullable(copy.value());
  }

  private Optional<V> read(String key) {
    Found<V> found = store.read(key);
    counters.count(found);
    return Optional.ofNullable(found.valueOrNull());
  }

  /** The same for a key that {@link CacheGroup} made. */
  Optional<V> getWithin(String groupKey) {
    requireOpen();
    Found.Value<V> copy = near(groupKey);
    return copy == null ? read(groupKey) : Optional.ofNullable(copy.value());
  }

  /**
   * Reads a value from Redis, past the near cache.
   *
   * @param key the key
   * @return the value; empty if there is none, or a stored {@code null}
   * @throws NullPointerException if the key is null
   * @throws IllegalArgumentException if the key is empty, too long or reserved
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException as {@link #get} throws it
   */
  public Optional<V> getFresh(String key) {
    return read(requireUsable(key));
  }

  /** The value, if the near cache has it. */
  @Nullable V nearValue(String key) {
    Found.Value<V> copy = near(key);
    return copy == null ? null : copy.value();
  }

  /** The entry, if the near cache has it. */
  private Found.@Nullable Value<V> near(String key) {
    return closed ? null : store.copy(requireNonNull(key, "key"));
  }

  /**
   * Reads a value, and loads it if there is none, to live for the {@linkplain Builder#defaultTtl
   * default time}.
   *
   * @param key the key
   * @param loader loads the value
   * @return the value; null if the loader returned null
   * @throws RuntimeException as {@link #getOrLoad(String, Duration, Duration, Loader)} throws it
   */
  public @Nullable V getOrLoad(String key, Loader<? extends V> loader) {
    return getOrLoad(key, defaultTtlMillis, maxWait, loader);
  }

  /**
   * Reads a value, and loads it if there is none, waiting for other callers for {@link
   * Builder#maxWait} at most.
   *
   * @param key the key
   * @param ttl how long a loaded value lives; from 1 ms to 100 years
   * @param loader loads the value
   * @return the value; null if the loader returned null
   * @throws RuntimeException as {@link #getOrLoad(String, Duration, Duration, Loader)} throws it
   */
  public @Nullable V getOrLoad(String key, Duration ttl, Loader<? extends V> loader) {
    return getOrLoad(key, Lifetimes.ttlMillis(ttl, "ttl"), maxWait, loader);
  }

  /**
   * Reads a value, and loads it if there is none.
   *
   * <p>One caller loads, on its own thread and without holding a connection; all others, here and
   * in other JVMs, wait for it. If the loader's JVM ends, another takes over after the {@linkplain
   * Builder#lease lease}. A null that was loaded is returned, and stored only with {@link
   * Builder#nullTtl}. If the key is held by {@link CacheAside#update} or has something that is not
   * a string, the value is loaded and not stored.
   *
   * <p>With {@link Builder#staleIfError} an entry past its time is returned if the loader throws.
   *
   * <p>If Redis fails, or does not answer in time, the value is loaded without it. Redis is then
   * not asked for 100 ms, and twice as long after each failure that follows at once, up to 5
   * seconds; in a Cluster each node alone. One caller then tries whether it answers again.
   *
   * <p>A hit is one round trip; a load is three, and one more for each third of a lease that it
   * takes. A caller that waits for another JVM asks Redis every 50 ms or more often.
   *
   * @param key the key
   * @param ttl how long a loaded value lives; from 1 ms to 100 years
   * @param maxWait how long to wait for a load of another caller; from 1 ms to 1 day. A load of
   *     this caller's own takes as long as it takes
   * @param loader loads the value; must not ask for the same key, nor wait for a thread that does
   * @return the value; null if the loader returned null
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the key is empty, too long or reserved, {@code ttl} or
   *     {@code maxWait} is out of range, or the loaded value would not come back equal
   * @throws IllegalStateException if called for a key by its own loader, or by one that the loader
   *     of that key waits for in this JVM, or after {@link #close}
   * @throws CacheTimeoutException if another caller's load took longer than {@code maxWait}
   * @throws java.util.concurrent.CompletionException if the loader threw a checked exception, which
   *     is the cause; or if this thread was interrupted while it waited. What a loader throws
   *     unchecked comes as it is, to all who wait for that load
   */
  public @Nullable V getOrLoad(
      String key, Duration ttl, Duration maxWait, Loader<? extends V> loader) {
    Arguments.requireDuration(maxWait, "maxWait", Arguments.LONGEST_WAIT);
    return getOrLoad(key, Lifetimes.ttlMillis(ttl, "ttl"), maxWait, loader);
  }

  private @Nullable V getOrLoad(
      String key, long ttlMillis, Duration longest, Loader<? extends V> loader) {
    requireNonNull(loader, "loader");
    Found.Value<V> copy = near(key);
    if (copy != null) {
      loads.onHit(key, copy, ttlMillis, loader);
      return copy.value();
    }
    return loads.get(requireUsable(key), ttlMillis, Patience.of(longest, ticker), loader);
  }

  /** The same for a key that {@link CacheGroup} made. */
  @Nullable V getOrLoadWithin(
      String groupKey, long ttlMillis, Patience patience, Loader<? extends V> loader) {
    requireOpen();
    Found.Value<V> copy = near(groupKey);
    if (copy != null) {
      loads.onHit(groupKey, copy, ttlMillis, loader);
      return copy.value();
    }
    return loads.get(groupKey, ttlMillis, patience, loader);
  }

  /**
   * Reads a value, and loads it if there is none, without a thread that waits for that.
   *
   * <p>Among callers and JVMs holds what {@link #getOrLoad(String, Duration, Duration, Loader)}
   * says, and both kinds of calls share their loads. Redis is asked by threads of {@link
   * Builder#executor}, one round trip at a time; what the near cache has comes at once. The loader
   * is called there too, and what depends on the result runs there.
   *
   * <p>Everything ends: a wait for another caller's load, and a load of this call's own, take
   * {@link Builder#maxWait} at most. A load that takes longer is cancelled, fails with a {@link
   * CacheTimeoutException} for all who wait for it, and what it gives later is dropped.
   *
   * <p>Cancelling or completing the result ends this call alone: a load that it has begun goes on
   * for the others and for the cache. With {@link Builder#earlyRefresh} a refresh that this call
   * begins waits for the loader on a thread of that executor.
   *
   * @param key the key
   * @param ttl how long a loaded value lives; from 1 ms to 100 years
   * @param loader begins to load the value; must not ask for the same key
   * @return what ends with the value, with null if the loader gave that, or as {@code getOrLoad}
   *     fails: with what the loader failed with, as it is if it is unchecked and else as the cause
   *     of a {@link java.util.concurrent.CompletionException}. It may be modified by the caller
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the key is empty, too long or reserved, or {@code ttl} is
   *     out of range
   * @throws IllegalStateException if called for a key by its own loader, or after {@link #close}
   */
  public CompletableFuture<@Nullable V> getOrLoadAsync(
      String key, Duration ttl, AsyncLoader<? extends V> loader) {
    requireNonNull(loader, "loader");
    long ttlMillis = Lifetimes.ttlMillis(ttl, "ttl");
    Patience patience = patience();
    CompletableFuture<@Nullable V> copy = nearAsync(key, ttlMillis, patience, loader);
    return copy == null ? asyncLoads.get(requireUsable(key), ttlMillis, patience, loader) : copy;
  }

  /** The value, if the near cache has it. */
  private @Nullable CompletableFuture<@Nullable V> nearAsync(
      String key, long ttlMillis, Patience patience, AsyncLoader<? extends V> loader) {
    Found.Value<V> copy = near(key);
    if (copy == null) {
      return null;
    }
    loads.onHit(key, copy, ttlMillis, AsyncLoads.waiting(loader, patience));
    return CompletableFuture.completedFuture(copy.value());
  }

  /**
   * The same for a key of a {@link CacheGroup}.
   *
   * @param near the key, if it is known at once
   */
  CompletableFuture<@Nullable V> getOrLoadAsyncWithin(
      @Nullable String near,
      AsyncLoads.Place place,
      long ttlMillis,
      Patience patience,
      AsyncLoader<? extends V> loader) {
    requireOpen();
    CompletableFuture<@Nullable V> copy =
        near == null ? null : nearAsync(near, ttlMillis, patience, loader);
    return copy == null ? asyncLoads.get(place, ttlMillis, patience, loader) : copy;
  }

  /**
   * Deletes a value. A load that is under way will not be stored. The hold of a {@link
   * CacheAside#update} stays.
   *
   * @param key the key
   * @return whether there was an entry; false also if a {@code RedisClusterClient} got no reply
   *     and, without a word, sent the command again
   * @throws NullPointerException if the key is null
   * @throws IllegalArgumentException if the key is empty, too long or reserved
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails
   */
  @CanIgnoreReturnValue
  public boolean delete(String key) {
    return store.delete(requireUsable(key));
  }

  /** Deletes what no program that keeps to the rules has put there, and no mark. */
  void deleteUnless(String key, Predicate<V> isRight) {
    Found<V> found = store.read(key);
    V value = found.valueOrNull();
    if (found instanceof Found.Undecodable || (value != null && !isRight.test(value))) {
      boolean unused = store.delete(key);
    }
  }

  /** The same for a key that {@link CacheGroup} made. */
  boolean deleteWithin(String groupKey) {
    requireOpen();
    return store.delete(groupKey);
  }

  /**
   * Sets the remaining life of an entry, longer or shorter.
   *
   * @param key the key
   * @param ttl how long it lives from now; from 1 ms to 100 years
   * @return whether there is an entry
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if the key is empty, too long or reserved, or {@code ttl} is
   *     out of range
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails, or the key holds something that is not a string
   */
  public boolean touch(String key, Duration ttl) {
    long ttlMillis = Lifetimes.ttlMillis(ttl, "ttl");
    return store.touch(requireUsable(key), ttlMillis);
  }

  /**
   * Reads the remaining life of an entry.
   *
   * @param key the key
   * @return how long it still lives; 100 years if another program stored it for ever; empty if
   *     there is no entry
   * @throws NullPointerException if the key is null
   * @throws IllegalArgumentException if the key is empty, too long or reserved
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails, or the key holds something that is not a string
   */
  public Optional<Duration> ttl(String key) {
    long millis = store.ttlMillis(requireUsable(key));
    if (millis == Store.NO_ENTRY) {
      return Optional.empty();
    }
    return Optional.of(
        millis == Store.FOR_EVER ? Arguments.LONGEST_TTL : Duration.ofMillis(millis));
  }

  /**
   * Reads many values, in one pipelined round trip (in a Cluster, one per node at the same time).
   *
   * <p>Each key is read atomically, the keys together are not. What is not a string is a miss. No
   * more than about 4 MB are asked for at a time, as far as the values that were read or written
   * before tell their size, and no more than 10,000 keys; so that takes more round trips.
   *
   * @param keys the keys; duplicates count once
   * @return the values that there are, in the order of the keys
   * @throws NullPointerException if {@code keys} is or has null
   * @throws IllegalArgumentException if a key is empty, too long or reserved
   * @throws IllegalStateException after {@link #close}
   * @throws CacheBatchException if some keys could not be read
   * @throws JedisException if Redis fails
   */
  public Map<String, V> getAll(Collection<String> keys) {
    List<String> distinct = distinct(keys);
    Map<String, Found<V>> found = new HashMap<>();
    List<String> rest = new ArrayList<>();
    for (String key : distinct) {
      Found<V> copy = near(key);
      if (copy == null) {
        rest.add(key);
      } else {
        found.put(key, copy);
      }
    }
    Map<String, Found<V>> read = store.readAll(rest);
    read.values().forEach(counters::count);
    found.putAll(read);
    Map<String, V> values = new LinkedHashMap<>();
    for (String key : distinct) {
      V value = requireNonNull(found.get(key)).valueOrNull();
      if (value != null) {
        values.put(key, value);
      }
    }
    return values;
  }

  /**
   * Reads many values, and loads those that there are not, with one call of the loader for all that
   * nobody else is loading.
   *
   * <p>For each key holds what {@link #getOrLoad(String, Duration, Duration, Loader)} says: of all
   * callers, here and in other JVMs, one loads it, and all others wait for that. This caller loads
   * what it can first, and waits for others afterwards; if one of their loads comes to nothing it
   * calls the loader again. If Redis fails or does not answer, the loader is called for all keys at
   * once and nothing is stored; such calls are not shared between callers.
   *
   * <p>One pipelined round trip if all are there; three if some are loaded, and those of {@code
   * getOrLoad} for what others load. Large batches travel in parts, see {@link
   * #getAll(Collection)}.
   *
   * @param keys the keys; duplicates count once
   * @param ttl how long loaded values live; from 1 ms to 100 years
   * @param loader loads values; must not ask for the same keys, nor wait for a thread that does
   * @return the values that there are, in the order of the keys
   * @throws NullPointerException if {@code keys} is or has null, or another argument is null
   * @throws IllegalArgumentException if a key is empty, too long or reserved, {@code ttl} is out of
   *     range, or a loaded value would not come back equal
   * @throws IllegalStateException as {@code getOrLoad} throws it
   * @throws CacheTimeoutException if another caller's load took longer than {@link Builder#maxWait}
   * @throws java.util.concurrent.CompletionException as {@code getOrLoad} throws it
   */
  public Map<String, V> getAll(
      Collection<String> keys, Duration ttl, BulkLoader<? extends V> loader) {
    requireNonNull(loader, "loader");
    long ttlMillis = Lifetimes.ttlMillis(ttl, "ttl");
    List<String> distinct = distinct(keys);
    Map<String, V> values = new HashMap<>();
    List<String> rest = new ArrayList<>();
    for (String key : distinct) {
      Found.Value<V> copy = near(key);
      V value = copy == null ? null : copy.value();
      if (value != null) {
        values.put(key, value);
      } else if (copy == null) {
        rest.add(key);
      }
    }
    values.putAll(bulkLoads.getAll(rest, ttlMillis, patience(), loader));
    Map<String, V> ordered = new LinkedHashMap<>();
    for (String key : distinct) {
      V value = values.get(key);
      if (value != null) {
        ordered.put(key, value);
      }
    }
    return ordered;
  }

  /**
   * Stores many values, in one pipelined round trip (in a Cluster, one per node at the same time).
   *
   * <p>Each key is stored atomically, the keys together are not. For each holds what {@link
   * #set(String, Object, Duration)} says: loads that are under way will not be stored.
   *
   * @param entries the values by key
   * @param ttl how long they live; from 1 ms to 100 years
   * @throws NullPointerException if {@code entries} is or has null, or {@code ttl} is null
   * @throws IllegalArgumentException if a key is empty, too long or reserved, a value would not
   *     come back equal, or {@code ttl} is out of range; nothing is stored then
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
    store.setAll(json, ttlMillis);
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
   * @throws IllegalArgumentException if a key is empty, too long or reserved
   * @throws IllegalStateException after {@link #close}
   * @throws CacheBatchException if some keys were not deleted, or it is not known
   * @throws JedisException if Redis fails before anything is sent
   */
  @CanIgnoreReturnValue
  public long deleteAll(Collection<String> keys) {
    return store.deleteAll(distinct(keys));
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
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails; some entries are deleted then
   */
  @CanIgnoreReturnValue
  public long clear() {
    requireOpen();
    return store.clear();
  }

  /**
   * Returns the entries that are invalidated with any of some names. No I/O.
   *
   * @param name a name, as {@code customer:7}
   * @param more further names
   * @return a view of this cache
   * @throws NullPointerException if a name is null
   * @throws IllegalArgumentException if a name is empty
   * @throws IllegalStateException after {@link #close}
   */
  public CacheGroup<V> group(String name, String... more) {
    requireOpen();
    return groups.of(this, name, more);
  }

  /**
   * Invalidates all entries of the {@linkplain #group groups} that have a name, at once. One round
   * trip.
   *
   * @param name the name
   * @throws NullPointerException if it is null
   * @throws IllegalArgumentException if it is empty
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails
   */
  public void invalidateGroup(String name) {
    requireOpen();
    groups.invalidate(name);
  }

  /**
   * Begins an update of the database after which the {@linkplain #group groups} that have a name
   * are to be invalidated: they are at once, and while it is under way what is read in them is
   * loaded and not stored. What {@link CacheAside#beginUpdate(Object)} says holds for it.
   *
   * @param name the name
   * @return the update, to be ended
   * @throws NullPointerException if the name is null
   * @throws IllegalArgumentException if it is empty
   * @throws IllegalStateException after {@link #close}
   * @throws JedisException if Redis fails; the groups may be invalidated then
   */
  public CacheUpdate beginGroupUpdate(String name) {
    requireOpen();
    return groups.beginUpdate(name, defaultTtlMillis);
  }

  /** Loads for a group that has no entries now, since it is held or Redis failed. */
  @Nullable V loadUncached(
      String key, @Nullable JedisException failure, Patience patience, Loader<? extends V> loader) {
    requireOpen();
    return loads.loadUncached(key, failure, patience, loader);
  }

  /**
   * Asks Redis for keys of this cache as a load does; null if it is not to be asked now.
   *
   * @throws JedisException if Redis failed
   */
  <T> @Nullable T askForLoad(List<String> keys, Patience patience, Supplier<T> question) {
    return keys.stream().anyMatch(coolDown::isPaused)
        ? null
        : coolDown.askAll(keys, patience, unused -> question.get());
  }

  /** How long a call that begins now waits for others. */
  Patience patience() {
    return Patience.of(maxWait, ticker);
  }

  /**
   * Returns what was counted since this cache was made, in this JVM. No I/O.
   *
   * @return the counters
   */
  public CacheStats stats() {
    return counters.snapshot(near());
  }

  /**
   * Ends what this cache does in the background: its near cache, and the renewal of leases and
   * holds. The pool or client stays open, and the entries stay. Loads and updates that are under
   * way end normally. Every later call throws {@link IllegalStateException}, except for {@link
   * #stats}. Closing again does nothing.
   */
  @Override
  public void close() {
    boolean wasClosed = closed;
    closed = true;
    leases.close();
    groups.close();
    if (tracking != null && member != null && !wasClosed) {
      tracking.remove(member);
    }
  }

  /**
   * Keeps keys uncached until the hold is ended, or a while after this JVM has ended.
   *
   * @param keys distinct, at least one
   * @param keyMillis how long the keys live at least
   */
  Hold hold(List<String> keys, long keyMillis) {
    requireUsable(keys);
    String token = jvm + "-" + holds.incrementAndGet();
    return Hold.place(store, leases, keys, token, new Hold.Life(holdMillis, keyMillis), counters);
  }

  long defaultTtlMillis() {
    return defaultTtlMillis;
  }

  /** How many copies the near cache has. */
  int nearSize() {
    return copies == null ? 0 : copies.size();
  }

  private CacheStats.Near near() {
    if (tracking == null || copies == null) {
      return CacheStats.Near.NONE;
    }
    boolean trusted = !closed && tracking.isTrusted();
    return new CacheStats.Near(
        trusted ? CacheStats.NearState.ON : CacheStats.NearState.UNSURE,
        copies.size(),
        copies.bytes(),
        tracking.ignored.sum(),
        closed ? CacheStats.NearMode.NONE : tracking.mode());
  }

  AsyncUpdates asyncUpdates() {
    return asyncUpdates;
  }

  void requireUsable(List<String> keys) {
    keys.forEach(names::requireKey);
    requireOpen();
  }

  private String requireUsable(String key) {
    requireKey(key);
    requireOpen();
    return key;
  }

  /** Checks a key before anything is asked for it. */
  @CanIgnoreReturnValue
  String requireKey(String key) {
    return names.requireKey(key);
  }

  private List<String> distinct(Collection<String> keys) {
    LinkedHashSet<String> distinct = new LinkedHashSet<>(requireNonNull(keys, "keys"));
    distinct.forEach(names::requireKey);
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

  /**
   * The options of a {@link CacheService}. Not thread-safe.
   *
   * @param <V> the type of the values
   */
  public static final class Builder<V> {

    private static final long DEFAULT_NEAR_BYTES = 64L << 20;
    private static final Duration SHORTEST_LEASE = Duration.ofMillis(100);
    private static final Duration LONGEST_LEASE = Duration.ofMillis(Scripts.LONGEST_MARK_MILLIS);

    private final RedisAccess redis;
    private final TypeToken<V> type;
    private final String prefix;
    private Names.Writing writing = Names.Writing.VERBATIM;
    private int maxKeyBytes = 1024;
    private long defaultTtlMillis = Duration.ofDays(1).toMillis();
    private Json json = Json.standard();
    private long nullTtlMillis;
    private double jitter;
    private long staleMillis;
    private long leaseMillis = Duration.ofSeconds(3).toMillis();
    private long holdMillis = Duration.ofSeconds(30).toMillis();
    private Duration maxWait = Duration.ofMinutes(1);
    private Refreshes.@Nullable Early early;
    private Executor executor = ForkJoinPool.commonPool();
    private CacheListener listener = new CacheListener() {};
    private int nearEntries;
    private long nearBytes = DEFAULT_NEAR_BYTES;
    private @Nullable UnaryOperator<V> nearCopier;

    /** What keeps the time; a test has its own. */
    Alarms alarms = Alarms.shared();

    Builder(RedisAccess redis, String prefix, TypeToken<V> type) {
      this.redis = redis;
      this.prefix = prefix;
      this.type = requireNonNull(type, "type");
    }

    /**
     * Writes keys encoded: {@code %} and braces as {@code %25}, {@code %7B} and {@code %7D}, and a
     * key of more than 200 bytes as {@code %sha256-} and its digest, as the other modules write
     * theirs. So in a Cluster no key that a user makes up chooses its slot by a hash tag, and many
     * that begin with the same one are spread; and no key takes much memory. Verbatim unless set.
     * Other programs must encode keys in the same way to find entries, and all caches of a prefix
     * alike.
     *
     * @return this
     */
    @CanIgnoreReturnValue
    public Builder<V> encodeKeys() {
      this.writing = Names.Writing.ENCODED;
      return this;
    }

    /**
     * Sets how long keys may be: a longer one is refused. 1,024 bytes unless set.
     *
     * @param bytes the bytes of UTF-8, without the prefix; from 1 to 1 MiB
     * @return this
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder<V> maxKeyBytes(int bytes) {
      Arguments.requireRange(bytes, "maxKeyBytes", 1, 1 << 20);
      this.maxKeyBytes = bytes;
      return this;
    }

    /**
     * Sets how long a value lives that is set without a time. 24 hours unless set.
     *
     * @param ttl the time; from 1 ms to 100 years
     * @return this
     * @throws NullPointerException if it is null
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder<V> defaultTtl(Duration ttl) {
      this.defaultTtlMillis = Lifetimes.ttlMillis(ttl, "defaultTtl");
      return this;
    }

    /**
     * Sets what encodes and decodes values. Unless set: strict JSON, dates and {@code java.time} as
     * ISO-8601. What is registered with it stays as it is. What Gson does by itself and nobody
     * could read back is refused, as {@code java.util.Date} in the JVM's own time zone. An unknown
     * constant of an enum is an error instead of null.
     *
     * @param gson the Gson; it must write JSON
     * @return this
     * @throws NullPointerException if it is null
     */
    @CanIgnoreReturnValue
    public Builder<V> gson(Gson gson) {
      this.json = Json.of(gson);
      return this;
    }

    /**
     * Sets another mapper than Gson to encode and decode values.
     *
     * @param codec the mapper
     * @return this
     * @throws NullPointerException if it is null
     */
    @CanIgnoreReturnValue
    public Builder<V> codec(JsonCodec codec) {
      this.json = Json.of(codec);
      return this;
    }

    /**
     * Sets how long {@link CacheService#getOrLoad} remembers that a loader returned null. Unless
     * set it does not.
     *
     * @param ttl the time; from 1 ms to 100 years
     * @return this
     * @throws NullPointerException if it is null
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder<V> nullTtl(Duration ttl) {
      this.nullTtlMillis = Lifetimes.ttlMillis(ttl, "nullTtl");
      return this;
    }

    /**
     * Sets by how much {@link CacheService#getOrLoad} may shorten the life of what it stores, at
     * random, so that values loaded together do not expire together. Not at all unless set.
     *
     * @param part the largest part: 0.1 stores for 90 to 100 percent of the time asked for; from 0
     *     to 0.9
     * @return this
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder<V> jitter(double part) {
      if (!(part >= 0 && part <= 0.9)) {
        throw new IllegalArgumentException("jitter must be from 0 to 0.9, but is " + part);
      }
      this.jitter = part;
      return this;
    }

    /**
     * Lets {@link CacheService#getOrLoad} return an entry past its time to live if the loader
     * throws, as {@code stale-if-error} does for HTTP (RFC 5861). Off unless set.
     *
     * <p>Redis keeps each value for this time longer than it is to live. So a cache takes as much
     * more memory as that is longer, and 100 bytes an entry: white space before the JSON, which
     * says for how long it is kept. Other methods and other caches of the toolkit do not see an
     * entry past its time; other programs that read the key do.
     *
     * <p>Whoever loads such an entry loads under a lease as ever, and what changes the key
     * meanwhile removes the entry: nothing is returned that was set, deleted or held before {@code
     * getOrLoad} was called. If the loader throws an exception, all who waited for it get the
     * entry. For the time of a {@linkplain #lease lease} all callers of the fleet get it without a
     * load; then one tries again. {@code getAll} with a loader returns entries past their time only
     * if it has one for every key that was to be loaded.
     *
     * <p>An {@code Error}, a stored null, a key that an update holds, and a load without Redis have
     * no such entry. A hit asks for the remaining life too, in the same round trip.
     *
     * @param time how long past its time to live; from 1 ms to 100 years
     * @return this
     * @throws NullPointerException if it is null
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder<V> staleIfError(Duration time) {
      this.staleMillis = Lifetimes.ttlMillis(time, "staleIfError");
      return this;
    }

    /**
     * Sets how long after the end of a JVM that was loading a key another JVM may load it. A loader
     * may take longer: its lease is renewed. 3 seconds unless set.
     *
     * @param lease the time; from 100 ms to 1 hour, which is shorter than other leases may be,
     *     since it is always renewed
     * @return this
     * @throws NullPointerException if it is null
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder<V> lease(Duration lease) {
      this.leaseMillis = requireLease(lease, "lease");
      return this;
    }

    /**
     * Sets how long after the end of a JVM that was updating the database a key stays uncached; see
     * {@link CacheAside#update}. An update may take longer: its hold is renewed. 30 seconds unless
     * set.
     *
     * @param hold the time; from 100 ms to 1 hour, as a {@link #lease}
     * @return this
     * @throws NullPointerException if it is null
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder<V> hold(Duration hold) {
      this.holdMillis = requireLease(hold, "hold");
      return this;
    }

    private static long requireLease(Duration lease, String name) {
      requireNonNull(lease, name);
      if (lease.compareTo(SHORTEST_LEASE) < 0 || lease.compareTo(LONGEST_LEASE) > 0) {
        throw new IllegalArgumentException(
            name + " must be from 100 ms to 1 hour, but is " + lease);
      }
      return lease.toMillis();
    }

    /**
     * Sets how long a caller of {@link CacheService#getOrLoad} waits for a load of another caller,
     * here or in another JVM, before it gets a {@link CacheTimeoutException}. 1 minute unless set.
     *
     * @param maxWait the time; from 1 ms to 1 day
     * @return this
     * @throws NullPointerException if it is null
     * @throws IllegalArgumentException if it is out of range
     */
    @CanIgnoreReturnValue
    public Builder<V> maxWait(Duration maxWait) {
      this.maxWait = Arguments.requireDuration(maxWait, "maxWait", Arguments.LONGEST_WAIT);
      return this;
    }

    /**
     * Lets {@link CacheService#getOrLoad} load an entry again before it ends: a hit in the last
     * part of its life has one JVM of the fleet run that caller's loader in the background, while
     * all read on. If that fails, or its JVM ends, the entry lives on until it ends by itself, and
     * is tried again after a {@link #lease} at the earliest. Off unless set.
     *
     * <p>A fixed share, as Caffeine's {@code refreshAfterWrite} has it, and not the draw of lots of
     * XFetch (Vattani and others, 2015): who refreshes is settled in Redis, so there is one anyway.
     * While it runs, white space stands behind the value in Redis. A hit then asks for the
     * remaining life too, in the same round trip.
     *
     * @param share the part: 0.2 refreshes in the last fifth of the time to live that was asked
     *     for; above 0, up to 0.9
     * @param executor where loaders run; should be bounded. One that refuses a task has it tried
     *     with a later hit
     * @return this
     * @throws NullPointerException if {@code executor} is null
     * @throws IllegalArgumentException if {@code share} is out of range
     */
    @CanIgnoreReturnValue
    public Builder<V> earlyRefresh(double share, Executor executor) {
      if (!(share > 0 && share <= 0.9)) {
        throw new IllegalArgumentException("share must be above 0, up to 0.9, but is " + share);
      }
      this.early = new Refreshes.Early(share, requireNonNull(executor, "executor"));
      return this;
    }

    /**
     * Sets whose threads ask Redis for {@link CacheService#getOrLoadAsync}. The common pool of this
     * JVM unless set, as with {@code CompletableFuture}. A thread is needed for each round trip,
     * and for none of the time that a loader takes or another JVM is waited for.
     *
     * <p>It must not run a task in the thread that gives it, as {@code CallerRunsPolicy} has it:
     * that may be the one that keeps time for all leases, locks and caches of this JVM.
     *
     * @param executor the executor; should be bounded. If it refuses a task, that call fails with a
     *     {@link java.util.concurrent.RejectedExecutionException}
     * @return this
     * @throws NullPointerException if it is null
     */
    @CanIgnoreReturnValue
    public Builder<V> executor(Executor executor) {
      this.executor = requireNonNull(executor, "executor");
      return this;
    }

    /**
     * Sets who is told what the cache does. Nobody unless set.
     *
     * @param listener the listener
     * @return this
     * @throws NullPointerException if it is null
     */
    @CanIgnoreReturnValue
    public Builder<V> listener(CacheListener listener) {
      this.listener = requireNonNull(listener, "listener");
      return this;
    }

    /**
     * Keeps copies of entries in this JVM, of 64 MiB at most, so that most reads need no round
     * trip. Off unless set.
     *
     * @param maxEntries how many copies to keep at most; from 1 to 10 million
     * @return this
     * @throws IllegalArgumentException if it is out of range
     * @see #nearCache(int, long)
     */
    @CanIgnoreReturnValue
    public Builder<V> nearCache(int maxEntries) {
      return nearCache(maxEntries, DEFAULT_NEAR_BYTES);
    }

    /**
     * Keeps copies of entries in this JVM, so that most reads need no round trip. Off unless set.
     *
     * <p>This JVM never reads what was there before a write of its own that has returned, through
     * whichever cache and client it was made. What other JVMs and programs write is seen within a
     * second, whatever happens to the network, and usually within a few milliseconds; in {@link
     * CacheService#getOrLoad} and {@link CacheAside#get} too, whose guarantees among JVMs are late
     * by as much. While Redis cannot be heard, or the pool has no connection to spare for a second,
     * every read goes to Redis: {@link CacheStats#near} says so, and a WARN in the log says why. A
     * copy is read again after a minute at most. {@link CacheService#getAll} reads copies but takes
     * none; {@link CacheService#ttl} and {@link CacheService#getFresh} ask Redis.
     *
     * <p>All near caches over one pool or client share one connection beside it, two daemon threads
     * and eight small commands a second; in a Cluster that many for each primary from which copies
     * are read. Another near cache begins with a new connection for all of them. Through Sentinel
     * and in a Cluster a failover, or a slot that moves, drops what it touches. The user needs
     * {@code CLIENT} with {@code TRACKING} and {@code ID}, {@code SUBSCRIBE} and {@code PUBLISH}
     * (in a Cluster also {@code SSUBSCRIBE} and {@code SPUBLISH}), and the channels {@code
     * __redis__:invalidate} and {@code redis-toolkit:near:*}.
     *
     * <p>Changes are heard of on a channel, by {@code CLIENT TRACKING} with {@code REDIRECT}. Where
     * that is refused, or nothing comes of it within two seconds, as with some managed servers and
     * proxies, they are had pushed by RESP3 instead, whatever the pool or client speaks. {@link
     * CacheStats.Near#mode} says which it is. Pushed, {@code CLIENT ID} and the channel {@code
     * __redis__:invalidate} are not needed.
     *
     * <p>A copy is the value itself where its type is immutable as a whole (strings, boxed numbers,
     * enums, {@code java.time}, {@code UUID}, {@code BigDecimal}, records of these), and else its
     * JSON, decoded at each read, unless there is a {@linkplain #nearCopier copier}.
     *
     * @param maxEntries how many copies to keep at most; from 1 to 10 million
     * @param maxBytes how much text they may have in all, keys and JSON and 150 bytes for each;
     *     from 1 KiB to 1 TiB. What alone is larger is not copied
     * @return this
     * @throws IllegalArgumentException if an argument is out of range
     */
    @CanIgnoreReturnValue
    public Builder<V> nearCache(int maxEntries, long maxBytes) {
      Arguments.requireRange(maxEntries, "maxEntries", 1, 10_000_000);
      Arguments.requireRange(maxBytes, "maxBytes", 1L << 10, 1L << 40);
      this.nearEntries = maxEntries;
      this.nearBytes = maxBytes;
      return this;
    }

    /**
     * Sets what copies values for the near cache, where their type is not immutable as a whole.
     * Unless set they are decoded at each read, which is mostly slower by far: a copy of a small
     * record with a list takes a hundredth of the time.
     *
     * <p>The near cache keeps a copy of what was read, and each read that it answers gives a copy
     * of that. A copy must be equal, and must share with the original only what nobody changes.
     * Where all callers leave values as they are, {@code UnaryOperator.identity()} will do.
     *
     * @param copier makes a copy, never null; must not throw, since that reaches whoever reads.
     *     Must be thread-safe
     * @return this
     * @throws NullPointerException if it is null
     */
    @CanIgnoreReturnValue
    public Builder<V> nearCopier(UnaryOperator<V> copier) {
      this.nearCopier = requireNonNull(copier, "copier");
      return this;
    }

    /**
     * How versions of groups are kept: beside the entries, and near if these are.
     *
     * @param counters of the entries, where is counted and told what happens to groups too
     */
    private Builder<String> ofVersions(Counters counters) {
      Builder<String> versions =
          new Builder<>(redis, prefix + "#group:", TypeToken.get(String.class));
      versions.writing = writing;
      versions.maxKeyBytes = maxKeyBytes;
      versions.holdMillis = holdMillis;
      versions.nearEntries = nearEntries;
      versions.nearBytes = nearBytes;
      versions.alarms = alarms;
      versions.listener =
          new CacheListener() {
            @Override
            public void onCoolDown(Duration pause) {
              counters.coolDown(pause);
            }

            @Override
            public void onHoldLost(String name) {
              counters.tell(listener -> listener.onHoldLost(name));
            }
          };
      return versions;
    }

    /**
     * Makes the cache. No I/O.
     *
     * @return a new cache
     * @throws IllegalArgumentException if no value of the type could be read back, as Gson says of
     *     abstract types
     */
    public CacheService<V> build() {
      return new CacheService<>(this);
    }
  }
}
