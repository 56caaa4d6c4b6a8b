package io.github.redistoolkit.cache;

import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * An update of the database that is under way. Until it ends, its keys are not cached. Made by
 * {@link CacheAside#beginUpdate}, for transactions that end elsewhere, such as in an {@code
 * afterCommit}.
 *
 * <pre>{@code
 * CacheUpdate update = users.beginUpdate(id);
 * try {
 *   transaction.execute(...);
 *   update.commit();
 * } finally {
 *   update.close();
 * }
 * }</pre>
 *
 * <p>Its holds are renewed until it ends or this JVM does. Thread-safe; any thread may end it.
 */
public final class CacheUpdate implements AutoCloseable {

  private final Hold hold;

  CacheUpdate(Hold hold) {
    this.hold = hold;
  }

  /**
   * Ends the update after the database was written and committed: the keys may be cached again.
   * Does nothing if it has ended. One round trip.
   *
   * @throws CacheInvalidationException if Redis fails; the keys stay uncached until the holds end
   */
  public void commit() {
    end(null);
  }

  /**
   * Ends the update if it has not, whatever became of the database. One round trip then.
   *
   * @throws CacheInvalidationException if Redis fails; the keys stay uncached until the holds end
   */
  @Override
  public void close() {
    end(null);
  }

  /** The same, with what the database write returned. */
  void end(@Nullable Object result) {
    try {
      hold.end();
    } catch (JedisException e) {
      throw new CacheInvalidationException(hold.keys(), result, e);
    }
  }

  /**
   * Ends the update where there is to be no I/O: the holds are removed in the background.
   *
   * @throws CacheInvalidationException unless it had ended, as it is not known when they are
   */
  void endLater(@Nullable Object result, Throwable why) {
    if (hold.endLater()) {
      throw new CacheInvalidationException(
          hold.keys(), result, new JedisException("The holds are removed in the background", why));
    }
  }
}
