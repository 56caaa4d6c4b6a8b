package io.github.redistoolkit.cache;

import org.jspecify.annotations.Nullable;

/**
 * Makes the value of a key that the cache does not have, for instance by a query.
 *
 * <p>The cache holds no connection while a loader runs. A loader must end by itself, so give what
 * it calls a timeout: all callers of that key, in all JVMs, wait for it as long as {@link
 * CacheService.Builder#maxWait} lets them.
 *
 * @param <V> the type of the value
 */
@FunctionalInterface
public interface Loader<V> {

  /**
   * Loads the value.
   *
   * @return the value, or null if there is none
   * @throws Exception if it cannot be loaded; every caller that waits gets it, a checked one as the
   *     cause of a {@link java.util.concurrent.CompletionException}
   */
  @Nullable V load() throws Exception;
}
