package io.github.redistoolkit.lock;

import java.time.Duration;

/**
 * Told what becomes of locks of all kinds and of permits, for figures and logs. Override what is of
 * interest.
 *
 * <p>Of each attempt to acquire, once: that it was acquired, refused, or failed.
 *
 * <p>Called by the thread that acquires or releases, so it must not take long; a loss is told by
 * another thread. What it throws is logged and goes no further. Thread-safe if it is given to more
 * than one lock or used by more than one thread.
 */
public interface LockListener {

  /**
   * The lock was acquired.
   *
   * @param name what is locked
   * @param waited for how long the caller has waited
   */
  default void onAcquired(String name, Duration waited) {}

  /**
   * The lock was not free all the time that the caller waited.
   *
   * @param name what is locked
   * @param waited for how long the caller has waited
   */
  default void onRefused(String name, Duration waited) {}

  /**
   * The attempt failed: the caller is thrown {@code failure}, such as what Jedis throws if Redis
   * cannot be asked, or a {@link LockStateException}. Neither an argument that is refused nor an
   * interrupt is told. Of the locks of several names, only the one at which the attempt failed.
   *
   * @param name what was to be locked
   * @param waited for how long the caller has waited
   * @param failure what the caller is thrown
   */
  default void onFailed(String name, Duration waited, Throwable failure) {}

  /**
   * A lease was lost. Unless it is kept alive, that is noticed only when its holder looks.
   *
   * @param name what is locked
   * @param why in words, for a log
   */
  default void onLost(String name, String why) {}

  /**
   * A lease was released that was held until then.
   *
   * @param name what is locked
   * @param heldFor for how long it was held
   */
  default void onReleased(String name, Duration heldFor) {}
}
