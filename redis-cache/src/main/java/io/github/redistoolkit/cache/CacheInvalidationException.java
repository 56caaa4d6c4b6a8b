package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.EventLog;
import java.util.List;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * {@link CacheAside#update} wrote to the database, but Redis failed when the key was to be released
 * for caching again. The cause is what Redis failed with.
 *
 * <p>{@link #result} has what the database write returned, so do not repeat the write.
 *
 * <p>No stale entry is left: the hold that the update placed has removed the old one. It keeps the
 * key uncached until it expires, after the {@linkplain CacheService.Builder#hold time of a hold} at
 * the latest.
 *
 * <p>There is one exception. If Redis failed for long while the database was written, the hold may
 * have expired before. Then what was read and cached meanwhile may be stale, until its time to live
 * is over or {@link CacheAside#invalidate} succeeds.
 *
 * <p>This is not a {@link JedisException}: whoever catches that to try again would write twice.
 */
public final class CacheInvalidationException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final transient @Nullable Object result;

  CacheInvalidationException(List<String> keys, @Nullable Object result, JedisException cause) {
    super(
        "The database was written, but " + named(keys) + " could not be released in Redis", cause);
    this.result = result;
  }

  private static String named(List<String> keys) {
    return keys.size() == 1
        ? "key " + EventLog.escape(keys.get(0))
        : keys.size() + " keys from " + EventLog.escape(keys.get(0)) + " on";
  }

  /**
   * Returns what the database write returned.
   *
   * @return the result, which may be null; null also after this exception was serialized
   */
  public @Nullable Object result() {
    return result;
  }
}
