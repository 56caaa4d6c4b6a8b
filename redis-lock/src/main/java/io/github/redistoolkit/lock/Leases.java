package io.github.redistoolkit.lock;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Arguments;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Leases on the locks of several names that were acquired together by {@link
 * RedisLocks#acquireAll}.
 *
 * <p>They are <em>held</em> as long as each of them is. Each is a {@link Lease} of its own with its
 * own token, and may be lost while the others are not. A method that concerns all of them goes
 * through them one after the other, not at one moment. Thread-safe.
 *
 * <p><b>Failure.</b>
 *
 * <table>
 *   <caption>What happens when something goes wrong</caption>
 *   <tr><th>situation</th><th>outcome</th></tr>
 *   <tr><td>one lease is lost</td><td>{@link #isHeld}, {@link #extend} and {@link #release} are
 *     false, {@link #close} throws, and the callback of {@link #keepAlive} runs once; the others
 *     stay held until they are released</td></tr>
 *   <tr><td>Redis cannot be reached when they are extended</td><td>what Jedis throws is thrown. The
 *     leases before are extended; the one that failed counts as ending at the earlier of its old and
 *     its new end</td></tr>
 *   <tr><td>Redis, or in a Cluster one of its nodes, cannot be reached when they are released</td>
 *     <td>each is tried. Then the first exception is thrown, with the others suppressed in it. The
 *     release may be tried again; what stays locked is free when its lease is over</td></tr>
 *   <tr><td>the holder dies</td><td>each lock is free when its lease is over</td></tr>
 * </table>
 */
public final class Leases implements AutoCloseable {

  private final Map<String, Lease> leases;

  Leases(Map<String, Lease> leases) {
    this.leases = Collections.unmodifiableMap(new LinkedHashMap<>(leases));
  }

  /**
   * Returns what is locked.
   *
   * @return the names, in the order in which they were acquired
   */
  public Set<String> names() {
    return leases.keySet();
  }

  /**
   * Returns the lease on one of the names, such as for its {@link Lease#token}.
   *
   * @param name one of {@link #names}
   * @return the lease
   * @throws NullPointerException if {@code name} is null
   * @throws IllegalArgumentException if it is not one of them
   */
  public Lease lease(String name) {
    Lease lease = leases.get(Objects.requireNonNull(name, "name"));
    if (lease == null) {
      throw new IllegalArgumentException(
          "name must be one of the " + leases.size() + " that are locked together");
    }
    return lease;
  }

  /**
   * Tells whether all are still held, as far as can be known here. Makes no I/O.
   *
   * @return false once one was released or lost
   */
  public boolean isHeld() {
    return leases.values().stream().allMatch(Lease::isHeld);
  }

  /**
   * Returns for how long all are certain to be held if nothing extends them. Makes no I/O.
   *
   * @return a lower bound; zero once one was released or lost
   */
  public Duration remaining() {
    return leases.values().stream()
        .map(Lease::remaining)
        .min(Duration::compareTo)
        .orElse(Duration.ZERO);
  }

  /**
   * Moves the end of all leases, as {@link Lease#extend} does. One round trip for each.
   *
   * @param leaseFromNow how long each lease shall last from now on, from 1 ms to 365 days
   * @return false if one was released or lost; those before it have been extended
   * @throws NullPointerException if {@code leaseFromNow} is null
   * @throws IllegalArgumentException if it is out of range
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked
   */
  public boolean extend(Duration leaseFromNow) {
    for (Lease lease : leases.values()) {
      if (!lease.extend(leaseFromNow)) {
        return false;
      }
    }
    return true;
  }

  /**
   * Renews all leases in the background until they are released or lost, as {@link Lease#keepAlive}
   * does, and has the holder told once if one of them is lost.
   *
   * @param maxHold for how long from now the leases are kept alive, from 1 ms to 365 days
   * @param onLost what to do when the first is lost, such as to stop the work that they protect
   * @return this
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code maxHold} is out of range
   * @throws IllegalStateException if one was released, or is kept alive already; none is kept alive
   *     by this then
   */
  @CanIgnoreReturnValue
  public Leases keepAlive(Duration maxHold, Runnable onLost) {
    Arguments.requireDuration(maxHold, "maxHold", Arguments.LONGEST_LEASE);
    Objects.requireNonNull(onLost, "onLost");
    // All before any, so that it is not done by halves.
    leases.values().forEach(Lease::requireNotKeptAlive);
    AtomicBoolean told = new AtomicBoolean();
    for (Lease lease : leases.values()) {
      lease.keepAlive(
          maxHold,
          () -> {
            if (told.compareAndSet(false, true)) {
              onLost.run();
            }
          });
    }
    return this;
  }

  /**
   * Gives all locks back, the last first, each as {@link Lease#release} does. One round trip for
   * each, even if the thread is interrupted.
   *
   * @return false if one had been lost, so that somebody else may have held that lock at the same
   *     time
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked; each has been
   *     tried then
   */
  public boolean release() {
    return JointAcquisition.releaseAll(leases);
  }

  /**
   * Releases all, if that has not been done, as {@link #release} does.
   *
   * @throws LockLostException if one had been lost before it was released
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked
   */
  @Override
  public void close() {
    if (!release()) {
      throw new LockLostException(
          "one of " + leases.size() + " leases was lost before they were released");
    }
  }

  /** Returns the leases, for logs. */
  @Override
  public String toString() {
    return leases.values().toString();
  }
}
