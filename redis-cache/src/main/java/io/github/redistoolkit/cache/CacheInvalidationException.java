package io.github.redistoolkit.cache;

import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * {@link CacheAside#update} wrote to the database, but Redis failed when the key was to be released
 * for caching again.
 *
 * <p>No stale entry is left: the hold that the update placed has removed the old one, and keeps the
 * key uncached until it expires, after 30 seconds at the latest. Unless Redis had failed for so
 * long while the database was written that the hold expired before: then what was read and cached
 * meanwhile may be stale, until its time to live is over or {@link CacheAside#invalidate} succeeds.
 * {@link #result} has what the database write returned, so do not repeat the write.
 */
public final class CacheInvalidationException extends JedisException {

  private static final long serialVersionUID = 1L;

  private final transient @Nullable Object result;

  CacheInvalidationException(String key, @Nullable Object result, JedisException cause) {
    super("The database was written, but key " + key + " could not be released in Redis", cause);
    this.result = result;
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
