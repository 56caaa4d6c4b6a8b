package io.github.redistoolkit.cache;

import static java.util.Objects.requireNonNull;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.json.JsonCodec;
import java.time.Duration;

/**
 * The options of a {@link CacheService}, which also {@linkplain CacheService#builder starts} it.
 * Not thread-safe.
 *
 * @param <V> the type of the values
 */
public final class CacheBuilder<V> {

  private static final Duration SHORTEST_LEASE = Duration.ofMillis(100);
  private static final Duration LONGEST_LEASE = Duration.ofHours(1);

  final RedisAccess redis;
  final TypeToken<V> type;
  String prefix = "";
  long defaultTtlMillis = Duration.ofDays(1).toMillis();
  Json json = Json.standard();
  long nullTtlMillis;
  double jitter;
  long leaseMillis = Duration.ofSeconds(3).toMillis();
  int nearEntries;

  CacheBuilder(RedisAccess redis, TypeToken<V> type) {
    this.redis = redis;
    this.type = requireNonNull(type, "type");
  }

  /**
   * Sets what all Redis keys begin with, verbatim: {@code user:} makes {@code 7} the key {@code
   * user:7}. None unless set.
   *
   * @param prefix the prefix
   * @return this
   * @throws NullPointerException if it is null
   * @throws IllegalArgumentException if it is empty
   */
  @CanIgnoreReturnValue
  public CacheBuilder<V> prefix(String prefix) {
    this.prefix = Arguments.requireText(prefix, "prefix");
    return this;
  }

  /**
   * Sets how long a value lives that is set without a time. 24 hours unless set.
   *
   * @param ttl the time; at least 1 ms, more than 100 years are 100 years
   * @return this
   * @throws IllegalArgumentException if it is null or below 1 ms
   */
  @CanIgnoreReturnValue
  public CacheBuilder<V> defaultTtl(Duration ttl) {
    this.defaultTtlMillis = Lifetimes.ttlMillis(ttl, "defaultTtl");
    return this;
  }

  /**
   * Sets what encodes and decodes values. Unless set: strict JSON, dates and {@code java.time} as
   * ISO-8601. What is registered with it stays as it is; what Gson does by itself and nobody could
   * read back is refused, as {@code java.util.Date} in the JVM's own time zone, and an unknown
   * constant of an enum is an error instead of null.
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
   * @param ttl the time; at least 1 ms, more than 100 years are 100 years
   * @return this
   * @throws IllegalArgumentException if it is null or below 1 ms
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
   * Sets how long after the end of a JVM that was loading a key another JVM may load it. A loader
   * may take longer: its lease is renewed. 3 seconds unless set.
   *
   * @param ttl the time; from 100 ms to 1 hour
   * @return this
   * @throws NullPointerException if it is null
   * @throws IllegalArgumentException if it is out of range
   */
  @CanIgnoreReturnValue
  public CacheBuilder<V> leaseTtl(Duration ttl) {
    requireNonNull(ttl, "leaseTtl");
    if (ttl.compareTo(SHORTEST_LEASE) < 0 || ttl.compareTo(LONGEST_LEASE) > 0) {
      throw new IllegalArgumentException("leaseTtl must be from 100 ms to 1 hour, but is " + ttl);
    }
    this.leaseMillis = ttl.toMillis();
    return this;
  }

  /**
   * Keeps copies of entries in this JVM, so that most reads need no round trip. Off unless set.
   *
   * <p>This JVM never reads what was there before a write of its own that has returned. What other
   * JVMs and programs write is seen within a second, whatever happens to the network, and usually
   * within a few milliseconds; in {@link CacheService#getOrLoad} and {@link CacheAside#get} too,
   * whose guarantees among JVMs are late by as much. While Redis cannot be heard, or the pool has
   * no connection to spare for a second, every read goes to Redis. A copy is read again after a
   * minute at most. {@link CacheService#getAll} reads copies but takes none; {@link
   * CacheService#ttl} asks Redis.
   *
   * <p>Takes two daemon threads, one connection beside the pool, and four small messages a second
   * through it. A copy is the value itself where its type is immutable as a whole (strings, boxed
   * numbers, enums, {@code java.time}, {@code UUID}, {@code BigDecimal}, records of these), and
   * else its JSON, decoded at each read. Needs a prefix, and a pool or client of one server: not
   * Sentinel, not Cluster.
   *
   * @param maxEntries how many copies to keep at most; from 1 to 10 million
   * @return this
   * @throws IllegalArgumentException if it is out of range
   */
  @CanIgnoreReturnValue
  public CacheBuilder<V> nearCache(int maxEntries) {
    Arguments.requireRange(maxEntries, "maxEntries", 1, 10_000_000);
    this.nearEntries = maxEntries;
    return this;
  }

  /**
   * Makes the cache. No I/O.
   *
   * @return a new cache
   * @throws IllegalStateException if it is to have a near cache and no prefix
   * @throws IllegalArgumentException if no value of the type could be read back, as Gson says of
   *     abstract types; or if it is to have a near cache, and the pool or client is of Sentinel or
   *     a Cluster, or is of a kind that does not say how it connects
   */
  public CacheService<V> build() {
    if (nearEntries > 0 && prefix.isEmpty()) {
      throw new IllegalStateException("nearCache needs a cache with a prefix");
    }
    return new CacheService<>(this);
  }
}
