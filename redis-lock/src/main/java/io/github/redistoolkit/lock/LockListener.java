package io.github.redistoolkit.lock;

import java.time.Duration;

/**
 * Told what becomes of locks of all kinds and of permits, for figures and logs. Override what is of
 * interest.
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
  default void acquired(String name, Duration waited) {}

  /**
   * The lock was not free all the time that the caller waited.
   *
   * @param name what is locked
   * @param waited for how long the caller has waited
   */
  default void refused(String name, Duration waited) {}

  /**
   * A lease was lost. Unless it is kept alive, that is noticed only when its holder looks.
   *
   * @param name what is locked
   * @param why in words, for a log
   */
  default void lost(String name, String why) {}

  /**
   * A lease was released that was held until then.
   *
   * @param name what is locked
   * @param heldFor for how long it was held
   */
  default void released(String name, Duration heldFor) {}
}
