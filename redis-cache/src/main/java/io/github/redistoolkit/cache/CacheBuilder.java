package io.github.redistoolkit.cache;

import static java.util.Objects.requireNonNull;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.json.JsonCodec;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The options of a {@link CacheService}; {@linkplain CacheService#builder started} there. Not
 * thread-safe.
 *
 * @param <V> the type of the values
 */
public final class CacheBuilder<V> {

  private static final long DEFAULT_NEAR_BYTES = 64L << 20;
  private static final Duration SHORTEST_LEASE = Duration.ofMillis(100);
  private static final Duration LONGEST_LEASE = Duration.ofMillis(Scripts.LONGEST_MARK_MILLIS);

  final RedisAccess redis;
  final TypeToken<V> type;
  final String prefix;
  Names.Writing writing = Names.Writing.VERBATIM;
  int maxKeyBytes = 1024;
  long defaultTtlMillis = Duration.ofDays(1).toMillis();
  Json json = Json.standard();
  long nullTtlMillis;
  double jitter;
  long staleMillis;
  long leaseMillis = Duration.ofSeconds(3).toMillis();
  long holdMillis = Duration.ofSeconds(30).toMillis();
  Duration maxWait = Duration.ofMinutes(1);
  Refreshes.@Nullable Early early;
  Executor executor = ForkJoinPool.commonPool();
  CacheListener listener = new CacheListener() {};
  int nearEntries;
  long nearBytes = DEFAULT_NEAR_BYTES;

  @Nullable UnaryOperator<V> nearCopier;

  /** What keeps the time; a test has its own. */
  Alarms alarms = Alarms.shared();

  CacheBuilder(RedisAccess redis, String prefix, TypeToken<V> type) {
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
  public CacheBuilder<V> encodeKeys() {
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
  public CacheBuilder<V> maxKeyBytes(int bytes) {
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
  public CacheBuilder<V> defaultTtl(Duration ttl) {
    this.defaultTtlMillis = Lifetimes.ttlMillis(ttl, "defaultTtl");
    return this;
  }

  /**
   * Sets what encodes and decodes values. Unless set: strict JSON, dates and {@code java.time} as
   * ISO-8601. What is registered with it stays as it is. What Gson does by itself and nobody could
   * read back is refused, as {@code java.util.Date} in the JVM's own time zone. An unknown constant
   * of an enum is an error instead of null.
   *
   * @param gson the Gson; it must write JSON
   * @return this
   * @throws NullPointerException if it is null
   */
  @CanIgnoreReturnValue
  public CacheBuilder<V> gson(Gson gson) {
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
  public CacheBuilder<V> codec(JsonCodec codec) {
    this.json = Json.of(codec);
    return this;
  }

  /**
   * Sets how long {@link CacheService#getOrLoad} remembers that a loader returned null. Unless set
   * it does not.
   *
   * @param ttl the time; from 1 ms to 100 years
   * @return this
   * @throws NullPointerException if it is null
   * @throws IllegalArgumentException if it is out of range
   */
  @CanIgnoreReturnValue
  public CacheBuilder<V> nullTtl(Duration ttl) {
    this.nullTtlMillis = Lifetimes.ttlMillis(ttl, "nullTtl");
    return this;
  }

  /**
   * Sets by how much {@link CacheService#getOrLoad} may shorten the life of what it stores, at
   * random, so that values loaded together do not expire together. Not at all unless set.
   *
   * @param part the largest part: 0.1 stores for 90 to 100 percent of the time asked for; from 0 to
   *     0.9
   * @return this
   * @throws IllegalArgumentException if it is out of range
   */
  @CanIgnoreReturnValue
  public CacheBuilder<V> jitter(double part) {
    if (!(part >= 0 && part <= 0.9)) {
      throw new IllegalArgumentException("jitter must be from 0 to 0.9, but is " + part);
    }
    this.jitter = part;
    return this;
  }

  /**
   * Lets {@link CacheService#getOrLoad} return an entry past its time to live if the loader throws,
   * as {@code stale-if-error} does for HTTP (RFC 5861). Off unless set.
   *
   * <p>Redis keeps each value for this time longer than it is to live. So a cache takes as much
   * more memory as that is longer, and 100 bytes an entry: white space before the JSON, which says
   * for how long it is kept. Other methods and other caches of the toolkit do not see an entry past
   * its time; other programs that read the key do.
   *
   * <p>Whoever loads such an entry loads under a lease as ever, and what changes the key meanwhile
   * removes the entry: nothing is returned that was set, deleted or held before {@code getOrLoad}
   * was called. If the loader throws an exception, all who waited for it get the entry. For the
   * time of a {@linkplain #lease lease} all callers of the fleet get it without a load; then one
   * tries again. {@code getAll} with a loader returns entries past their time only if it has one
   * for every key that was to be loaded.
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
  public CacheBuilder<V> staleIfError(Duration time) {
    this.staleMillis = Lifetimes.ttlMillis(time, "staleIfError");
    return this;
  }

  /**
   * Sets how long after the end of a JVM that was loading a key another JVM may load it. A loader
   * may take longer: its lease is renewed. 3 seconds unless set.
   *
   * @param lease the time; from 100 ms to 1 hour
   * @return this
   * @throws NullPointerException if it is null
   * @throws IllegalArgumentException if it is out of range
   */
  @CanIgnoreReturnValue
  public CacheBuilder<V> lease(Duration lease) {
    this.leaseMillis = requireLease(lease, "lease");
    return this;
  }

  /**
   * Sets how long after the end of a JVM that was updating the database a key stays uncached; see
   * {@link CacheAside#update}. An update may take longer: its hold is renewed. 30 seconds unless
   * set.
   *
   * @param hold the time; from 100 ms to 1 hour
   * @return this
   * @throws NullPointerException if it is null
   * @throws IllegalArgumentException if it is out of range
   */
  @CanIgnoreReturnValue
  public CacheBuilder<V> hold(Duration hold) {
    this.holdMillis = requireLease(hold, "hold");
    return this;
  }

  private static long requireLease(Duration lease, String name) {
    requireNonNull(lease, name);
    if (lease.compareTo(SHORTEST_LEASE) < 0 || lease.compareTo(LONGEST_LEASE) > 0) {
      throw new IllegalArgumentException(name + " must be from 100 ms to 1 hour, but is " + lease);
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
  public CacheBuilder<V> maxWait(Duration maxWait) {
    this.maxWait = Arguments.requireDuration(maxWait, "maxWait", CacheService.LONGEST_WAIT);
    return this;
  }

  /**
   * Lets {@link CacheService#getOrLoad} load an entry again before it ends: a hit in the last part
   * of its life has one JVM of the fleet run that caller's loader in the background, while all read
   * on. If that fails, or its JVM ends, the entry lives on until it ends by itself, and is tried
   * again after a {@link #lease} at the earliest. Off unless set.
   *
   * <p>A fixed share, as Caffeine's {@code refreshAfterWrite} has it, and not the draw of lots of
   * XFetch (Vattani and others, 2015): who refreshes is settled in Redis, so there is one anyway.
   * While it runs, white space stands behind the value in Redis. A hit then asks for the remaining
   * life too, in the same round trip.
   *
   * @param share the part: 0.2 refreshes in the last fifth of the time to live that was asked for;
   *     above 0, up to 0.9
   * @param executor where loaders run; should be bounded. One that refuses a task has it tried with
   *     a later hit
   * @return this
   * @throws NullPointerException if {@code executor} is null
   * @throws IllegalArgumentException if {@code share} is out of range
   */
  @CanIgnoreReturnValue
  public CacheBuilder<V> earlyRefresh(double share, Executor executor) {
    if (!(share > 0 && share <= 0.9)) {
      throw new IllegalArgumentException("share must be above 0, up to 0.9, but is " + share);
    }
    this.early = new Refreshes.Early(share, requireNonNull(executor, "executor"));
    return this;
  }

  /**
   * Sets whose threads ask Redis for {@link CacheService#getOrLoadAsync}. The common pool of this
   * JVM unless set, as with {@code CompletableFuture}. A thread is needed for each round trip, and
   * for none of the time that a loader takes or another JVM is waited for.
   *
   * <p>It must not run a task in the thread that gives it, as {@code CallerRunsPolicy} has it: that
   * may be the one that keeps time for all leases, locks and caches of this JVM.
   *
   * @param executor the executor; should be bounded. If it refuses a task, that call fails with a
   *     {@link java.util.concurrent.RejectedExecutionException}
   * @return this
   * @throws NullPointerException if it is null
   */
  @CanIgnoreReturnValue
  public CacheBuilder<V> executor(Executor executor) {
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
  public CacheBuilder<V> listener(CacheListener listener) {
    this.listener = requireNonNull(listener, "listener");
    return this;
  }

  /**
   * Keeps copies of entries in this JVM, of 64 MiB at most, so that most reads need no round trip.
   * Off unless set.
   *
   * @param maxEntries how many copies to keep at most; from 1 to 10 million
   * @return this
   * @throws IllegalArgumentException if it is out of range
   * @see #nearCache(int, long)
   */
  @CanIgnoreReturnValue
  public CacheBuilder<V> nearCache(int maxEntries) {
    return nearCache(maxEntries, DEFAULT_NEAR_BYTES);
  }

  /**
   * Keeps copies of entries in this JVM, so that most reads need no round trip. Off unless set.
   *
   * <p>This JVM never reads what was there before a write of its own that has returned, through
   * whichever cache and client it was made. What other JVMs and programs write is seen within a
   * second, whatever happens to the network, and usually within a few milliseconds; in {@link
   * CacheService#getOrLoad} and {@link CacheAside#get} too, whose guarantees among JVMs are late by
   * as much. While Redis cannot be heard, or the pool has no connection to spare for a second,
   * every read goes to Redis: {@link CacheStats#near} says so, and a WARN in the log says why. A
   * copy is read again after a minute at most. {@link CacheService#getAll} reads copies but takes
   * none; {@link CacheService#ttl} and {@link CacheService#getFresh} ask Redis.
   *
   * <p>All near caches over one pool or client share one connection beside it, two daemon threads
   * and eight small commands a second; in a Cluster that many for each primary from which copies
   * are read. Another near cache begins with a new connection for all of them. Through Sentinel and
   * in a Cluster a failover, or a slot that moves, drops what it touches. The user needs {@code
   * CLIENT} with {@code TRACKING} and {@code ID}, {@code SUBSCRIBE} and {@code PUBLISH} (in a
   * Cluster also {@code SSUBSCRIBE} and {@code SPUBLISH}), and the channels {@code
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
   * @param maxBytes how much text they may have in all, keys and JSON and 150 bytes for each; from
   *     1 KiB to 1 TiB. What alone is larger is not copied
   * @return this
   * @throws IllegalArgumentException if an argument is out of range
   */
  @CanIgnoreReturnValue
  public CacheBuilder<V> nearCache(int maxEntries, long maxBytes) {
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
   * <p>The near cache keeps a copy of what was read, and each read that it answers gives a copy of
   * that. A copy must be equal, and must share with the original only what nobody changes. Where
   * all callers leave values as they are, {@code UnaryOperator.identity()} will do.
   *
   * @param copier makes a copy, never null; must not throw, since that reaches whoever reads. Must
   *     be thread-safe
   * @return this
   * @throws NullPointerException if it is null
   */
  @CanIgnoreReturnValue
  public CacheBuilder<V> nearCopier(UnaryOperator<V> copier) {
    this.nearCopier = requireNonNull(copier, "copier");
    return this;
  }

  /**
   * How versions of groups are kept: beside the entries, and near if these are.
   *
   * @param counters of the entries, where is counted and told what happens to groups too
   */
  CacheBuilder<String> ofVersions(Counters counters) {
    CacheBuilder<String> versions =
        new CacheBuilder<>(redis, prefix + "#group:", TypeToken.get(String.class));
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
