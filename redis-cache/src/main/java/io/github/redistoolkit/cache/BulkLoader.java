package io.github.redistoolkit.cache;

import java.util.Map;
import java.util.Set;

/**
 * Makes the values of many keys that the cache does not have, for instance by one query.
 *
 * <p>What holds for a {@link Loader} holds here.
 *
 * @param <V> the type of the values
 */
@FunctionalInterface
public interface BulkLoader<V> {

  /**
   * Loads values.
   *
   * @param keys the keys, at least one; in the order in which they were asked for
   * @return the values that there are, by key; what was not asked for is ignored
   * @throws Exception if they cannot be loaded; every caller that waits for one of them gets it, a
   *     checked one as the cause of a {@link java.util.concurrent.CompletionException}
   */
  Map<String, ? extends V> load(Set<String> keys) throws Exception;
}
