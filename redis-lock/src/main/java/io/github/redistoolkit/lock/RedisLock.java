package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * A lock on a name that JVMs share through Redis: at most one of them holds it at a time, for the
 * time of a lease.
 *
 * <p><b>Guarantee.</b> While a {@link Lease} is held ({@link Lease#isHeld}), no other one on the
 * same name is, as long as Redis keeps its data. The lock of a holder that dies is free when its
 * lease is over. Each lease has a greater {@link Lease#token} than the ones before.
 *
 * <p><b>Limits.</b> Redis replicates asynchronously, so a failover can grant a lock twice; a holder
 * that is paused beyond its lease overlaps the next one; {@link System#nanoTime} may stand still
 * while a machine is suspended. Where that would do harm, guard writes with the token. A lease of
 * less than about 10 ms is mostly over before its holder hears of it. Not reentrant: a thread that
 * holds the lock is refused like anyone else, and waits for itself in vain.
 *
 * <p><b>Waiting.</b> Threads that wait on the same object are served in their order, and only the
 * first of them talks to Redis, each other one once when its time is over; so keep one object per
 * name, not one per use. That one blocks in Redis until a release wakes it; waiters of several
 * objects and JVMs are woken in about the order in which they came. They hold no more than a
 * quarter of the connections of their pool: further waiters, and all waiters over a pool of fewer
 * than four connections or over a client that does not show its pool, ask again every 10 to 100 ms
 * instead.
 *
 * <p><b>Cost.</b> Acquiring a free lock and releasing it take one round trip each; an acquisition
 * from many waiters takes about four commands, and a waiter that blocks sends about four a second
 * while it waits on; one that asks again every 10 to 100 ms sends as many as that makes. The lock
 * is the key <code>lock:{name}</code>; with it, in the same Cluster slot, go a hash for the last
 * token, which is forgotten after about 24 hours or twice the lease without use, and a list of 2
 * seconds' life for waking.
 *
 * <p><b>Failure.</b> What Jedis throws passes through. A waiting form tries again until its time is
 * over if Redis cannot be reached, is changing its role or is moving the lock to another node;
 * other errors it throws at once. When it cannot be known whether a lock was granted, what may have
 * been granted is released, and the failure thrown; should that release fail too, nobody holds the
 * lock until its lease is over. While a Cluster moves the lock's slot, the forms that do not wait,
 * and a release, may throw {@code TRYAGAIN}: nothing was done, and it may be tried again.
 *
 * <p>Stateless but for the waiting threads, and thread-safe. It owns no thread and needs no
 * closing.
 */
public final class RedisLock {

  static {
    ModuleVersion.check();
  }

  static final Duration LONGEST_LEASE = Duration.ofDays(365);

  private static final Duration LONGEST_WAIT = Duration.ofNanos(Long.MAX_VALUE);

  private final LockCommands commands;
  private final long leaseMillis;
  private final Seats seats;
  private final Semaphore queue = new Semaphore(1, /* fair= */ true);

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
    this(RedisAccess.of(pool), name, lease);
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
    this(RedisAccess.of(client), name, lease);
  }

  private RedisLock(RedisAccess redis, String name, Duration lease) {
    this.commands = new LockCommands(redis, name);
    this.leaseMillis = Arguments.requireDuration(lease, "lease", LONGEST_LEASE).toMillis();
    this.seats = Seats.of(redis);
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
    return acquisition(0).once();
  }

  /**
   * Acquires the lock, waiting for it if need be.
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
    long maxWaitNanos = nanos(maxWait);
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    if (maxWaitNanos <= 0) {
      return tryAcquire();
    }
    long start = System.nanoTime();
    if (!queue.tryAcquire(maxWaitNanos, TimeUnit.NANOSECONDS)) {
      // Whether the lock was held or Redis not there, nobody but Redis can say.
      return acquisition(0).patiently();
    }
    try {
      return acquisition(maxWaitNanos - (System.nanoTime() - start)).patiently();
    } finally {
      queue.release();
    }
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
    return tryAcquire(maxWait)
        .orElseThrow(
            () ->
                new LockTimeoutException(
                    "lock " + commands.name() + " was not free within " + maxWait));
  }

  /**
   * Tells whether anybody holds the lock. By the time of the answer that may have changed, so it is
   * good for display only. One round trip.
   *
   * @return whether it is held
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked
   */
  public boolean isLocked() {
    return commands.isLocked();
  }

  private Acquisition acquisition(long maxWaitNanos) {
    return new Acquisition(commands, leaseMillis, seats, maxWaitNanos);
  }

  private static long nanos(Duration maxWait) {
    Objects.requireNonNull(maxWait, "maxWait");
    if (maxWait.isNegative()) {
      return 0;
    }
    return maxWait.compareTo(LONGEST_WAIT) < 0 ? maxWait.toNanos() : Long.MAX_VALUE;
  }
}
