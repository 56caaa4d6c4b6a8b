package io.github.redistoolkit.cache;

import java.time.Duration;

/**
 * Is told what a cache does, as for metrics and traces. Each method does nothing unless overridden.
 *
 * <p>Called on the thread that does it, while callers wait, so it must take no time. What it throws
 * is logged, and changes nothing else. Must be thread-safe.
 */
public interface CacheListener {

  /**
   * A loader has ended normally.
   *
   * @param key the key
   * @param took how long it ran
   */
  default void onLoad(String key, Duration took) {}

  /**
   * A loader has ended with an exception, or with a value that cannot be stored.
   *
   * @param key the key
   * @param failure the exception
   */
  default void onLoadFailure(String key, Throwable failure) {}

  /**
   * An entry past its time to live is returned, because the loader failed, just now or a moment ago
   * and maybe in another JVM.
   *
   * @param key the key
   * @see CacheService.Builder#staleIfError
   */
  default void onStale(String key) {}

  /**
   * Redis failed where the caller was not told: around a load.
   *
   * @param key the key
   * @param failure what it failed with
   */
  default void onRedisFailure(String key, Exception failure) {}

  /**
   * Loads go without Redis for a while, since it has not answered.
   *
   * @param pause for how long
   */
  default void onCoolDown(Duration pause) {}

  /**
   * The hold of an update was lost while the database is written. What is cached meanwhile is
   * removed when the update ends.
   *
   * @param key the key; the name of the group if that is updated
   */
  default void onHoldLost(String key) {}
}
