package io.github.redistoolkit.cache;

import static java.util.Objects.requireNonNull;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * The cache of a repository: reads go through it, updates of the database invalidate it.
 *
 * <p><b>Guarantee.</b> What {@link #get} returns was read from the database after the last {@link
 * #update} of that id that returned or failed before {@code get} was called, in any JVM; also if a
 * JVM ended between the commit and the invalidation. So no stale entry stays in Redis.
 *
 * <p><b>Limits.</b> It holds for updates made with {@link #update}, and for reads from a database
 * that shows a write once it is committed: a replica that lags behind may hand out the old state,
 * which is then cached. Redis replicates asynchronously too, so a failover may lose an
 * invalidation; keep the time to live as short as stale data can be borne.
 *
 * <p>Thread-safe. Round trips and failures are those of {@link CacheService}.
 *
 * @param <K> the type of ids
 * @param <V> the type of what is cached
 */
public final class CacheAside<K, V> {

  private static final Duration HOLD = Duration.ofSeconds(30);

  private final CacheService<V> cache;
  private final Duration ttl;
  private final Function<K, String> key;
  private final Function<K, @Nullable V> load;
  private final Duration hold;

  /**
   * Makes a cache of a repository.
   *
   * @param cache where to keep values; closed by whoever made it
   * @param ttl how long values live; at least 1 ms, more than 100 years are 100 years
   * @param key gives the key of an id; different ids must have different keys
   * @param load loads from the database, giving null if it has nothing
   * @throws NullPointerException if an argument other than {@code ttl} is null
   * @throws IllegalArgumentException if {@code ttl} is null or below 1 ms
   */
  public CacheAside(
      CacheService<V> cache, Duration ttl, Function<K, String> key, Function<K, @Nullable V> load) {
    this(cache, ttl, key, load, HOLD);
  }

  CacheAside(
      CacheService<V> cache,
      Duration ttl,
      Function<K, String> key,
      Function<K, @Nullable V> load,
      Duration hold) {
    this.cache = requireNonNull(cache, "cache");
    this.ttl = Duration.ofMillis(Lifetimes.ttlMillis(ttl, "ttl"));
    this.key = requireNonNull(key, "key");
    this.load = requireNonNull(load, "load");
    this.hold = hold;
  }

  /**
   * Reads from the cache, and from the database if the cache has nothing.
   *
   * @param id the id
   * @return the value; null if the database has nothing
   * @throws NullPointerException if the id or its key is null
   * @throws RuntimeException as {@link CacheService#getOrLoad} and {@code load} throw it
   */
  public @Nullable V get(K id) {
    return cache.getOrLoad(keyOf(id), ttl, () -> load.apply(id));
  }

  /**
   * Writes to the database, and invalidates the cache whether the write succeeds or throws.
   *
   * <p>Before the write the key is put on hold: its entry is removed, and reads ask the database
   * until the write has ended. The hold is renewed while the write runs. If this JVM ends, it
   * expires within 30 seconds, and caching resumes. Several updates of one id may run at the same
   * time; the last to end releases the key. Two round trips, and one for each 10 seconds of the
   * write.
   *
   * <p>{@link CacheService#set(String, Object, Duration)} replaces the hold. What was set is read
   * until the update ends, or renews its hold, and removes it; should this JVM end before, it stays
   * until it expires. So set nothing under the keys of a database that is written in this way.
   *
   * @param id the id
   * @param databaseWrite writes and <em>commits</em>: a transaction that commits later makes the
   *     cache take up the old state again in between
   * @param <R> the type of its result
   * @return what {@code databaseWrite} returned
   * @throws NullPointerException if an argument, or the key of the id, is null
   * @throws IllegalStateException if the cache is closed; the database was not written then
   * @throws JedisException if Redis fails before the write; the database was not written then
   * @throws CacheInvalidationException if Redis fails after the write; it has the result
   * @throws java.util.concurrent.CompletionException if {@code databaseWrite} threw a checked
   *     exception, which is the cause; what it throws unchecked comes as it is
   */
  @CanIgnoreReturnValue
  public <R extends @Nullable Object> R update(K id, Callable<R> databaseWrite) {
    requireNonNull(databaseWrite, "databaseWrite");
    String heldKey = keyOf(id);
    Hold held = cache.hold(heldKey, hold);
    R result;
    try {
      result = databaseWrite.call();
    } catch (Throwable failure) {
      endAfter(failure, held);
      if (failure instanceof Error error) {
        throw error;
      }
      throw LoaderRuns.unchecked((Exception) failure);
    }
    try {
      held.end();
    } catch (JedisException e) {
      throw new CacheInvalidationException(heldKey, result, e);
    }
    return result;
  }

  private static void endAfter(Throwable failure, Hold held) {
    try {
      held.end();
    } catch (JedisException e) {
      failure.addSuppressed(e);
    }
  }

  /**
   * Removes a value from the cache, as after a change of the database that was not made with {@link
   * #update}. One round trip.
   *
   * @param id the id
   * @throws NullPointerException if the id or its key is null
   * @throws IllegalStateException if the cache is closed
   * @throws JedisException if Redis fails; the value may still be cached then
   */
  public void invalidate(K id) {
    cache.delete(keyOf(id));
  }

  private String keyOf(K id) {
    return requireNonNull(key.apply(requireNonNull(id, "id")), "key of the id");
  }
}
