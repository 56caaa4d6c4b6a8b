package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * A lock on a name that JVMs share through Redis. At most one caller holds it at a time, for the
 * time of a lease.
 *
 * <p><b>Guarantee.</b> While a {@link Lease} is held ({@link Lease#isHeld}), no other lease on the
 * same name is held, as long as Redis keeps its data. If a holder dies, its lock is free when its
 * lease is over. Each lease has a greater {@link Lease#token} than the ones before it.
 *
 * <p><b>Limits.</b> Two holders may overlap in these cases. Where that would do harm, guard writes
 * with the token:
 *
 * <ul>
 *   <li>after a failover, since Redis replicates asynchronously;
 *   <li>if a holder is paused beyond its lease; {@link System#nanoTime} may stand still while a
 *       machine is suspended;
 *   <li>if the server's clock is set forward while the lock is held, for as long as that.
 * </ul>
 *
 * <p>If the clock is set back, a lock that nobody releases is kept longer by as much. A lease of
 * less than about 10 ms is mostly over before its holder hears of it. Not reentrant: a thread that
 * holds the lock is refused like anyone else, and would wait for itself in vain.
 *
 * <p><b>Waiting.</b> Threads that wait on the same object are served in their order. Only the first
 * of them talks to Redis; each of the others does so once, when its time is over. So keep one
 * object per name, or take locks from {@link RedisLocks}, which does that. The first thread blocks
 * in Redis until a release wakes it. Waiters of several objects and JVMs are woken in about the
 * order in which they came.
 *
 * <p>Waiters block on connections of their own, up to 16 for each pool or client. These are kept
 * for some seconds for the next waiter. Waiters beyond them ask again every 10 to 100 ms. Requests
 * to acquire and to release take a connection of the pool for a moment, and wait for one as long as
 * the pool lets them. So while the pool is exhausted, a wait may last longer than {@code maxWait}.
 *
 * <p><b>Cost.</b> Acquiring a free lock and releasing it take one round trip each. An acquisition
 * from many waiters takes about four commands. A waiter that blocks sends about four a second while
 * it waits.
 *
 * <p><b>Keys.</b> The lock is one key, <code>lock:{name}</code>, below a prefix if there is one. It
 * is forgotten a minute after the last lease. Only while somebody waits there is another one,
 * <code>
 * lock:{name}:q</code>, for two seconds at most.
 *
 * <p><b>Late requests.</b> A request that the network delivers late, or a client sends again,
 * changes nothing that a later one has settled, for a minute. A lock that was given up is not
 * granted to whoever gave it up. An extension does not undo a later one. A release that is sent
 * again is told that it has succeeded, whoever has held the lock since.
 *
 * <p><b>Failure.</b>
 *
 * <table>
 *   <caption>What happens when something goes wrong</caption>
 *   <tr><th>situation</th><th>outcome</th></tr>
 *   <tr><td>held by another</td><td>empty, or {@link LockTimeoutException}</td></tr>
 *   <tr><td>Redis cannot be reached, changes its role, or moves the lock to another node</td>
 *     <td>a waiting form tries again until its time is over; the others throw what Jedis throws</td>
 *   </tr>
 *   <tr><td>it cannot be known whether a lock was granted</td><td>what may have been granted is
 *     released, and the failure thrown; should that release fail too, nobody holds the lock until
 *     its lease is over</td></tr>
 *   <tr><td>the lease was lost</td><td>{@link Lease#isHeld}, {@link Lease#extend} and {@link
 *     Lease#release} are false, {@link Lease#close} throws, and the callback of {@link
 *     Lease#keepAlive} runs</td></tr>
 *   <tr><td>the key holds another type</td><td>{@code JedisDataException}, and it is left
 *     untouched</td></tr>
 *   <tr><td>the key holds a text that is no state of a lock, or numbers that no lock has</td>
 *     <td>{@link LockStateException} at once, and it is left untouched</td></tr>
 *   <tr><td>Redis is out of memory</td><td>nothing is granted; what is held is renewed, extended and
 *     released</td></tr>
 *   <tr><td>a thread is interrupted</td><td>a waiting form throws {@link InterruptedException} and
 *     holds nothing; every other call is completed, and the flag kept</td></tr>
 * </table>
 *
 * <p>Thread-safe. It has no state except its waiting threads. It owns no thread and needs no
 * closing.
 */
public final class RedisLock {

  static {
    ModuleVersion.check();
  }

  private final Entrance entrance;

  /**
   * Creates a lock over a pool. Makes no I/O.
   *
   * @param pool where connections come from; not closed here
   * @param name what to lock; any text but the empty one
   * @param lease how long a lease lasts unless it is extended or kept alive, from 1 ms to 365 days,
   *     counted in whole milliseconds
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate, or
   *     {@code lease} is out of range
   */
  public RedisLock(Pool<Jedis> pool, String name, Duration lease) {
    this(
        RedisAccess.of(pool, "redis-lock"),
        "",
        name,
        lease,
        LockSettings.NONE,
        Entrance.newQueue());
  }

  /**
   * Creates a lock over a client. Makes no I/O.
   *
   * @param client how to reach Redis; not closed here
   * @param name what to lock; any text but the empty one
   * @param lease how long a lease lasts unless it is extended or kept alive, from 1 ms to 365 days,
   *     counted in whole milliseconds
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate, or
   *     {@code lease} is out of range
   */
  public RedisLock(UnifiedJedis client, String name, Duration lease) {
    this(
        RedisAccess.of(client, "redis-lock"),
        "",
        name,
        lease,
        LockSettings.NONE,
        Entrance.newQueue());
  }

  RedisLock(
      RedisAccess redis,
      String prefix,
      String name,
      Duration lease,
      LockSettings settings,
      Semaphore queue) {
    this.entrance = new Entrance(redis, Kind.LOCK, prefix, name, lease, settings, queue);
  }

  /**
   * Begins a lock over a pool with options.
   *
   * @param pool where connections come from; not closed here
   * @param name what to lock; any text but the empty one
   * @param lease how long a lease lasts unless it is extended or kept alive, from 1 ms to 365 days,
   *     counted in whole milliseconds
   * @return the builder
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate, or
   *     {@code lease} is out of range
   */
  public static Builder builder(Pool<Jedis> pool, String name, Duration lease) {
    return new Builder(RedisAccess.of(pool, "redis-lock"), name, lease);
  }

  /**
   * Begins a lock over a client with options.
   *
   * @param client how to reach Redis; not closed here
   * @param name what to lock; any text but the empty one
   * @param lease how long a lease lasts unless it is extended or kept alive, from 1 ms to 365 days,
   *     counted in whole milliseconds
   * @return the builder
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate, or
   *     {@code lease} is out of range
   */
  public static Builder builder(UnifiedJedis client, String name, Duration lease) {
    return new Builder(RedisAccess.of(client, "redis-lock"), name, lease);
  }

  /** What may be chosen for a lock. Not thread-safe. */
  public static final class Builder {

    private final RedisAccess redis;
    private final String name;
    private final Duration lease;
    private String prefix = "";
    private LockSettings settings = LockSettings.NONE;

    private Builder(RedisAccess redis, String name, Duration lease) {
      this.redis = redis;
      this.name = Arguments.requireText(name, "name");
      this.lease = Entrance.requireLease(lease);
    }

    /**
     * Puts all keys of the lock below a prefix, such as that of a tenant, or one that the user of
     * Redis is restricted to. Locks with different prefixes are different locks. Empty by default.
     *
     * @param prefix what the keys begin with, colon included, as in {@code "orders:"}; empty for
     *     none
     * @return this builder
     * @throws NullPointerException if {@code prefix} is null
     * @throws IllegalArgumentException if it has a brace, by which a Cluster would choose the slot,
     *     or an unpaired surrogate, or does not end with a colon
     */
    public Builder prefix(String prefix) {
      this.prefix = LockSettings.requirePrefix(prefix);
      return this;
    }

    /**
     * Keeps the lock for at least so long after each acquisition: a release that comes earlier ends
     * the lease, and nobody can acquire the lock before that time is over. For a job that several
     * JVMs start at about the same time, so that one whose clock is late does not run it again. Not
     * set by default.
     *
     * <p>Counted from when the caller hears of the grant. The holder's crash does not cut it short,
     * as long as the lease has not been.
     *
     * @param minimum the time, from 1 ms to the lease
     * @return this builder
     * @throws NullPointerException if {@code minimum} is null
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder keepAtLeast(Duration minimum) {
      Arguments.requireDuration(minimum, "keepAtLeast", lease);
      settings = new LockSettings(minimum.toNanos(), settings.listener());
      return this;
    }

    /**
     * Has somebody told what becomes of the lock. Nobody by default.
     *
     * @param listener who is told
     * @return this builder
     * @throws NullPointerException if {@code listener} is null
     */
    public Builder listener(LockListener listener) {
      Objects.requireNonNull(listener, "listener");
      settings = new LockSettings(settings.keepAtLeastNanos(), listener);
      return this;
    }

    /**
     * Creates the lock. Makes no I/O.
     *
     * @return the lock
     */
    public RedisLock build() {
      return new RedisLock(redis, prefix, name, lease, settings, Entrance.newQueue());
    }
  }

  /**
   * Acquires the lock if it is free now. One round trip, even if the thread is interrupted.
   *
   * <p>It takes a free lock also while others wait for it. A grant that arrives only after the
   * lease is over is given back and counts as none.
   *
   * @return the lease, or empty if the lock is held, be it by the same thread
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked
   */
  public Optional<Lease> tryAcquire() {
    return entrance.tryAcquire();
  }

  /**
   * Acquires the lock, waiting for it if need be.
   *
   * <p>A wait for a lock may have no end, unlike all other waits of the toolkit: it keeps nothing
   * that others need, and an interrupt ends it.
   *
   * @param maxWait for how long to wait; if zero or negative, it is tried once; if longer than 292
   *     years, there is no end to it. A request on its way is not cut short, so a Redis that hangs
   *     may make it longer by the connection's timeouts.
   * @return the lease, or empty if others held the lock all that time
   * @throws NullPointerException if {@code maxWait} is null
   * @throws InterruptedException if the thread is interrupted before or while it waits; nothing is
   *     held then. A thread that is blocked in Redis notices within 0.6 s.
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked until the time
   *     is over, or refuses
   */
  public Optional<Lease> tryAcquire(Duration maxWait) throws InterruptedException {
    return entrance.tryAcquire(maxWait);
  }

  /**
   * Acquires the lock, waiting for it if need be, or throws.
   *
   * @param maxWait for how long to wait, as for {@link #tryAcquire(Duration)}
   * @return the lease
   * @throws NullPointerException if {@code maxWait} is null
   * @throws LockTimeoutException if others held the lock all that time
   * @throws InterruptedException if the thread is interrupted before or while it waits; nothing is
   *     held then. A thread that is blocked in Redis notices within 0.6 s.
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked until the time
   *     is over, or refuses
   */
  public Lease acquire(Duration maxWait) throws InterruptedException {
    return entrance.acquire(maxWait);
  }

  /**
   * Tells whether anybody holds the lock. By the time of the answer that may have changed, so it is
   * good for display only. One round trip.
   *
   * @return whether it is held
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked
   */
  public boolean isLocked() {
    return entrance.commands().isLocked();
  }

  Entrance entrance() {
    return entrance;
  }
}
