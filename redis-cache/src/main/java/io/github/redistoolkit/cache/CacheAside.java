package io.github.redistoolkit.cache;

import static java.util.Objects.requireNonNull;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * The cache of a repository: reads go through it, updates of the database invalidate it.
 *
 * <p><b>Guarantee.</b> Take the last {@link #update} of an id, in any JVM, that returned or failed
 * before {@link #get} was called. What {@code get} returns was read from the database after that
 * update. This holds even if a JVM ended between the commit and the invalidation. So no stale entry
 * stays in Redis.
 *
 * <p><b>The write must commit inside {@code update}.</b> If a transaction commits after {@code
 * update} has returned, a read in between caches the old state again, and that stays until it
 * expires. For such a transaction there is {@link #beginUpdate}.
 *
 * <p><b>Limits.</b> The guarantee is for updates made with {@link #update} or {@link #beginUpdate},
 * and for a database that shows a write once it is committed. A database replica that lags behind
 * may return the old state, which is then cached. Redis replicates asynchronously too, so a
 * failover may lose an invalidation. Make the time to live no longer than you can bear stale data.
 *
 * <p>A hold can be lost while the database is written: by a failover, by {@code FLUSHDB}, by
 * eviction, or because somebody sets the key. Then reads cache the old state again. The end of the
 * update removes that. If the JVM ends before, it stays until it expires.
 *
 * <p>Thread-safe. Round trips and failures are as for {@link CacheService}.
 *
 * @param <K> the type of ids
 * @param <V> the type of what is cached
 */
public final class CacheAside<K, V> {

  private final CacheService<V> cache;
  private final Duration ttl;
  private final Function<K, String> key;
  private final Function<K, @Nullable V> load;

  /**
   * Makes a cache of a repository, whose values live for the {@linkplain
   * CacheService.Builder#defaultTtl default time}.
   *
   * @param cache where to keep values; closed by whoever made it
   * @param key gives the key of an id; different ids must have different keys
   * @param load loads from the database, giving null if it has nothing
   * @throws NullPointerException if an argument is null
   */
  public CacheAside(CacheService<V> cache, Function<K, String> key, Function<K, @Nullable V> load) {
    this(cache, Duration.ofMillis(cache.defaultTtlMillis()), key, load);
  }

  /**
   * Makes a cache of a repository.
   *
   * @param cache where to keep values; closed by whoever made it
   * @param ttl how long values live; from 1 ms to 100 years
   * @param key gives the key of an id; different ids must have different keys
   * @param load loads from the database, giving null if it has nothing
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code ttl} is out of range
   */
  public CacheAside(
      CacheService<V> cache, Duration ttl, Function<K, String> key, Function<K, @Nullable V> load) {
    this.cache = requireNonNull(cache, "cache");
    this.ttl = Duration.ofMillis(Lifetimes.ttlMillis(ttl, "ttl"));
    this.key = requireNonNull(key, "key");
    this.load = requireNonNull(load, "load");
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
   * Reads from the cache, and from the database if the cache has nothing, without a thread that
   * waits for that; see {@link CacheService#getOrLoadAsync}. Shares its loads with {@link #get}.
   *
   * @param id the id
   * @param load begins to load from the database; must not wait for it, nor ask for the same id
   * @return what ends with the value, with null if the database has nothing, or as {@code
   *     getOrLoadAsync} fails
   * @throws NullPointerException if an argument, or the key of the id, is null
   * @throws IllegalArgumentException if the key is empty, too long or reserved
   * @throws IllegalStateException if the cache is closed, or as {@code getOrLoadAsync} throws it
   */
  public CompletableFuture<@Nullable V> getAsync(
      K id, Function<? super K, ? extends CompletionStage<? extends @Nullable V>> load) {
    requireNonNull(load, "load");
    return cache.getOrLoadAsync(keyOf(id), ttl, () -> load.apply(id));
  }

  /**
   * Writes to the database, and invalidates the cache whether the write succeeds or throws. The
   * write must commit before it returns; see {@link #beginUpdate} for a transaction that commits
   * later.
   *
   * <p>Before the write the key is put on hold: its entry is removed, and reads ask the database
   * until the write has ended. The hold is renewed while the write runs. If this JVM ends, it ends
   * within the {@linkplain CacheService.Builder#hold time of a hold}, and caching resumes. Several
   * updates of one id may run at the same time; the last to end releases the key. Two round trips,
   * and one for each third of a hold that the write takes.
   *
   * <p>{@link CacheService#set(String, Object, Duration)} replaces the hold. What was set is read
   * until the update ends and removes it; should this JVM end before, it stays until it expires. So
   * set nothing under the keys of a database that is written in this way.
   *
   * @param id the id
   * @param databaseWrite writes and <em>commits</em>
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
    return update(List.of(requireNonNull(id, "id")), databaseWrite);
  }

  /**
   * Writes several rows to the database, and invalidates all of them whether the write succeeds or
   * throws. All keys are held before the write begins, or it does not; for each holds what {@link
   * #update(Object, Callable)} says. Two pipelined round trips, and the renewals of each hold.
   *
   * @param ids the ids; at least one, duplicates count once
   * @param databaseWrite writes and <em>commits</em>
   * @param <R> the type of its result
   * @return what {@code databaseWrite} returned
   * @throws NullPointerException if an argument, an id or the key of an id is null
   * @throws IllegalArgumentException if there is no id
   * @throws IllegalStateException if the cache is closed; the database was not written then
   * @throws JedisException if Redis fails before the write, which includes a {@link
   *     CacheBatchException} if it failed for some keys; the database was not written then
   * @throws CacheInvalidationException if Redis fails after the write; it has the result
   * @throws java.util.concurrent.CompletionException if {@code databaseWrite} threw a checked
   *     exception, which is the cause; what it throws unchecked comes as it is
   */
  @CanIgnoreReturnValue
  public <R extends @Nullable Object> R update(
      Collection<? extends K> ids, Callable<R> databaseWrite) {
    requireNonNull(databaseWrite, "databaseWrite");
    CacheUpdate update = beginUpdate(ids);
    R result;
    try {
      result = databaseWrite.call();
    } catch (Throwable failure) {
      closeAfter(failure, update);
      if (failure instanceof Error error) {
        throw error;
      }
      throw LoaderRuns.unchecked((Exception) failure);
    }
    update.end(result);
    return result;
  }

  /**
   * Writes to the database without a thread that waits for that, and invalidates the cache whether
   * the write succeeds or fails. What {@link #update(Object, Callable)} says of the hold goes for
   * it. Redis is asked by threads of {@link CacheService.Builder#executor}, and the write is begun
   * there.
   *
   * <p>The write must end by itself: the key is held, and the hold renewed, until then. Cancelling
   * or completing the result ends neither.
   *
   * @param id the id
   * @param databaseWrite begins to write; what it returns must end once that is <em>committed</em>,
   *     or has failed
   * @param <R> the type of its result
   * @return what ends with the result of the write, once the key is released. If the write fails,
   *     it fails with the same. If Redis or the executor kept the write from being begun, it fails
   *     with the {@link JedisException} or {@link java.util.concurrent.RejectedExecutionException}.
   *     If one of these fails after the write, it fails with a {@link CacheInvalidationException},
   *     which has the result
   * @throws NullPointerException if an argument, or the key of the id, is null
   * @throws IllegalArgumentException if the key is empty, too long or reserved
   * @throws IllegalStateException if the cache is closed
   */
  public <R extends @Nullable Object> CompletableFuture<R> updateAsync(
      K id, Callable<? extends CompletionStage<? extends R>> databaseWrite) {
    return updateAsync(List.of(requireNonNull(id, "id")), databaseWrite);
  }

  /**
   * Writes several rows to the database without a thread that waits for that; for each holds what
   * {@link #updateAsync(Object, Callable)} says. All keys are held before the write begins, or it
   * does not.
   *
   * @param ids the ids; at least one, duplicates count once
   * @param databaseWrite begins to write; what it returns must end once that is <em>committed</em>,
   *     or has failed
   * @param <R> the type of its result
   * @return as {@code updateAsync} of one id
   * @throws NullPointerException if an argument, an id or the key of an id is null
   * @throws IllegalArgumentException if there is no id, or a key is empty, too long or reserved
   * @throws IllegalStateException if the cache is closed
   */
  public <R extends @Nullable Object> CompletableFuture<R> updateAsync(
      Collection<? extends K> ids, Callable<? extends CompletionStage<? extends R>> databaseWrite) {
    requireNonNull(databaseWrite, "databaseWrite");
    List<String> keys = keysOf(ids);
    cache.requireUsable(keys);
    return cache.asyncUpdates().run(() -> begin(keys), databaseWrite);
  }

  private static void closeAfter(Throwable failure, CacheUpdate update) {
    try {
      update.close();
    } catch (CacheInvalidationException e) {
      failure.addSuppressed(requireNonNull(e.getCause()));
    }
  }

  /**
   * Begins an update that is ended elsewhere: for a transaction that commits after the method that
   * writes has returned, as with {@code @Transactional}. What {@link #update(Object, Callable)}
   * says of the hold goes for it. Call this before the transaction's first write, and end it after
   * the commit or the rollback: ended before the commit, a read in between caches the old state
   * again. One round trip.
   *
   * @param id the id
   * @return the update, to be ended
   * @throws NullPointerException if the id or its key is null
   * @throws IllegalStateException if the cache is closed
   * @throws JedisException if Redis fails
   */
  public CacheUpdate beginUpdate(K id) {
    return beginUpdate(List.of(requireNonNull(id, "id")));
  }

  /**
   * Begins an update of several ids.
   *
   * @param ids the ids; at least one, duplicates count once
   * @return the update, to be ended
   * @throws NullPointerException if {@code ids}, an id or the key of an id is null
   * @throws IllegalArgumentException if there is no id
   * @throws IllegalStateException if the cache is closed
   * @throws JedisException if Redis fails; nothing is held then
   * @see #beginUpdate(Object)
   */
  public CacheUpdate beginUpdate(Collection<? extends K> ids) {
    return begin(keysOf(ids));
  }

  private CacheUpdate begin(List<String> keys) {
    return new CacheUpdate(cache.hold(keys, ttl.toMillis()));
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

  private List<String> keysOf(Collection<? extends K> ids) {
    List<String> keys = requireNonNull(ids, "ids").stream().map(this::keyOf).distinct().toList();
    if (keys.isEmpty()) {
      throw new IllegalArgumentException("ids must not be empty");
    }
    return keys;
  }

  private String keyOf(@Nullable K id) {
    return requireNonNull(key.apply(requireNonNull(id, "id")), "key of the id");
  }
}
