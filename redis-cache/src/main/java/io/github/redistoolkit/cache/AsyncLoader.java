package io.github.redistoolkit.cache;

import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * Makes the value of a key that the cache does not have, without a waiting thread, for instance
 * with a reactive driver or an HTTP client.
 *
 * @param <V> the type of the value
 * @see CacheService#getOrLoadAsync
 */
@FunctionalInterface
public interface AsyncLoader<V> {

  /**
   * Begins to load the value; must not wait for it.
   *
   * @return what ends with the value, with null if there is none, or with why it cannot be loaded,
   *     which every caller that waits gets. Should the load take too long, the cache cancels it
   * @throws Exception if it cannot be begun; as if what is returned had ended so
   */
  CompletionStage<? extends @Nullable V> load() throws Exception;
}
