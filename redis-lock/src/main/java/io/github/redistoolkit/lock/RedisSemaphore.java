package io.github.redistoolkit.lock;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
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
 * A number of permits on a name that JVMs share through Redis. At most that many callers hold one
 * at a time, each for the time of a lease. Use it for what can bear only so many users at once,
 * such as a partner's API.
 *
 * <p><b>Guarantee.</b> While as many {@link Lease leases} are held ({@link Lease#isHeld}) as there
 * are permits, no further one is granted, as long as Redis keeps its data. If a holder dies, its
 * permit is free when its lease is over. A lease is one permit. It is kept alive, extended,
 * released and lost like that of a {@link RedisLock}.
 *
 * <p><b>Limits.</b> Those of {@link RedisLock}: there may be more holders after a failover of
 * Redis, while one is paused beyond its lease, or after the server's clock was set forward. Not
 * reentrant: each acquisition takes a permit, even in a thread that already holds one.
 *
 * <p>Each lease has a greater {@link Lease#token} than those that were granted before it. But since
 * there are several holders, a store must not refuse a token because it has seen a greater one.
 *
 * <p>The caller says how many permits there are. If callers differ, each is granted a permit as
 * long as fewer than its own number are held.
 *
 * <p><b>Waiting.</b> As for a {@link RedisLock}, threads that wait on the same object are served in
 * their order. So keep one object per name, or take semaphores from {@link RedisLocks}. A release
 * wakes one waiter. Waiters of several objects and JVMs are woken in about the order in which they
 * came. The permit is kept for the woken waiter for some 20 ms; only {@link #tryAcquire()} can take
 * it before. If a holder died, its permit goes to whoever asks first once the lease is over.
 *
 * <p><b>Cost.</b> Acquiring a free permit and releasing it take one round trip each. An acquisition
 * from many waiters takes about four commands. What a request costs Redis hardly depends on the
 * number of permits: about twice what one of a lock does.
 *
 * <p><b>Keys.</b> The semaphore is one key, <code>semaphore:{name}</code>, below a prefix if there
 * is one. It is forgotten a minute after the time of the last lease, even if that was released
 * early. Only while somebody waits there is another one, <code>semaphore:{name}:q</code>, for two
 * seconds at most.
 *
 * <p><b>Late requests.</b> A request that the network delivers late, or a client sends again,
 * changes nothing that a later one has settled, for a minute. A permit that was given up is not
 * granted to whoever gave it up, and none is granted twice. An extension does not undo a later one.
 * A release that is sent again is told that it has succeeded.
 *
 * <p><b>Failure.</b>
 *
 * <table>
 *   <caption>What happens when something goes wrong</caption>
 *   <tr><th>situation</th><th>outcome</th></tr>
 *   <tr><td>all permits are held by others</td><td>empty, or {@link LockTimeoutException}</td></tr>
 *   <tr><td>Redis cannot be reached, changes its role, or moves the semaphore to another node</td>
 *     <td>a waiting form tries again until its time is over; the others throw what Jedis throws</td>
 *   </tr>
 *   <tr><td>it cannot be known whether a permit was granted</td><td>what may have been granted is
 *     released, and the failure thrown; should that release fail too, nobody has that permit until
 *     its lease is over</td></tr>
 *   <tr><td>the lease was lost</td><td>{@link Lease#isHeld}, {@link Lease#extend} and {@link
 *     Lease#release} are false, {@link Lease#close} throws, and the callback of {@link
 *     Lease#keepAlive} runs</td></tr>
 *   <tr><td>a holder dies</td><td>its permit is free when its lease is over</td></tr>
 *   <tr><td>Redis loses its data</td><td>all permits are free; each holder hears of its loss at its
 *     next renewal or extension, and touches nothing of the new holders'</td></tr>
 *   <tr><td>the key holds another type</td><td>{@code JedisDataException}, and it is left
 *     untouched</td></tr>
 *   <tr><td>the key holds a text that is no state of a semaphore</td><td>{@link
 *     LockStateException} at once, and it is left untouched</td></tr>
 *   <tr><td>Redis is out of memory</td><td>nothing is granted; what is held is renewed, extended and
 *     released</td></tr>
 *   <tr><td>a thread is interrupted</td><td>a waiting form throws {@link InterruptedException} and
 *     holds nothing; every other call is completed, and the flag kept</td></tr>
 * </table>
 *
 * <p>Thread-safe. It has no state except its waiting threads. It owns no thread and needs no
 * closing.
 */
public final class RedisSemaphore {

  static {
    ModuleVersion.check();
  }

  private final Entrance entrance;
  private final int permits;

  /**
   * Creates a semaphore over a pool. Makes no I/O.
   *
   * @param pool where connections come from; not closed here
   * @param name what there are permits for; any text but the empty one. A semaphore is not the lock
   *     of the same name.
   * @param permits how many may be held at a time, from 1 to 1,000
   * @param lease how long a lease lasts unless it is extended or kept alive, from 1 ms to 365 days,
   *     counted in whole milliseconds
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate, or
   *     {@code permits} or {@code lease} is out of range
   */
  public RedisSemaphore(Pool<Jedis> pool, String name, int permits, Duration lease) {
    this(
        RedisAccess.of(pool, "redis-lock"),
        "",
        name,
        permits,
        lease,
        LockSettings.NONE,
        Entrance.newQueue());
  }

  /**
   * Creates a semaphore over a client. Makes no I/O.
   *
   * @param client how to reach Redis; not closed here
   * @param name what there are permits for; any text but the empty one. A semaphore is not the lock
   *     of the same name.
   * @param permits how many may be held at a time, from 1 to 1,000
   * @param lease how long a lease lasts unless it is extended or kept alive, from 1 ms to 365 days,
   *     counted in whole milliseconds
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate, or
   *     {@code permits} or {@code lease} is out of range
   */
  public RedisSemaphore(UnifiedJedis client, String name, int permits, Duration lease) {
    this(
        RedisAccess.of(client, "redis-lock"),
        "",
        name,
        permits,
        lease,
        LockSettings.NONE,
        Entrance.newQueue());
  }

  RedisSemaphore(
      RedisAccess redis,
      String prefix,
      String name,
      int permits,
      Duration lease,
      LockSettings settings,
      Semaphore queue) {
    this.permits = requirePermits(permits);
    this.entrance =
        new Entrance(redis, Kind.semaphore(permits), prefix, name, lease, settings, queue);
  }

  @CanIgnoreReturnValue
  private static int requirePermits(int permits) {
    Arguments.requireRange(permits, "permits", 1, SemaphoreScripts.MOST_PERMITS);
    return permits;
  }

  /**
   * Begins a semaphore over a pool with options.
   *
   * @param pool where connections come from; not closed here
   * @param name what there are permits for; any text but the empty one
   * @param permits how many may be held at a time, from 1 to 1,000
   * @param lease how long a lease lasts unless it is extended or kept alive, from 1 ms to 365 days,
   *     counted in whole milliseconds
   * @return the builder
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate, or
   *     {@code permits} or {@code lease} is out of range
   */
  public static Builder builder(Pool<Jedis> pool, String name, int permits, Duration lease) {
    return new Builder(RedisAccess.of(pool, "redis-lock"), name, permits, lease);
  }

  /**
   * Begins a semaphore over a client with options.
   *
   * @param client how to reach Redis; not closed here
   * @param name what there are permits for; any text but the empty one
   * @param permits how many may be held at a time, from 1 to 1,000
   * @param lease how long a lease lasts unless it is extended or kept alive, from 1 ms to 365 days,
   *     counted in whole milliseconds
   * @return the builder
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate, or
   *     {@code permits} or {@code lease} is out of range
   */
  public static Builder builder(UnifiedJedis client, String name, int permits, Duration lease) {
    return new Builder(RedisAccess.of(client, "redis-lock"), name, permits, lease);
  }

  /** What may be chosen for a semaphore. Not thread-safe. */
  public static final class Builder {

    private final RedisAccess redis;
    private final String name;
    private final int permits;
    private final Duration lease;
    private String prefix = "";
    private LockSettings settings = LockSettings.NONE;

    private Builder(RedisAccess redis, String name, int permits, Duration lease) {
      this.redis = redis;
      this.name = Arguments.requireText(name, "name");
      this.permits = requirePermits(permits);
      this.lease = Entrance.requireLease(lease);
    }

    /**
     * Puts all keys of the semaphore below a prefix, such as that of a tenant, or one that the user
     * of Redis is restricted to. Semaphores with different prefixes are different ones. Empty by
     * default.
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
     * Has somebody told what becomes of the permits. Nobody by default.
     *
     * @param listener who is told
     * @return this builder
     * @throws NullPointerException if {@code listener} is null
     */
    public Builder listener(LockListener listener) {
      this.settings = new LockSettings(0, Objects.requireNonNull(listener, "listener"));
      return this;
    }

    /**
     * Creates the semaphore. Makes no I/O.
     *
     * @return the semaphore
     */
    public RedisSemaphore build() {
      return new RedisSemaphore(redis, prefix, name, permits, lease, settings, Entrance.newQueue());
    }
  }

  /**
   * Acquires a permit if one is free now. One round trip, even if the thread is interrupted.
   *
   * <p>It takes a free permit also while others wait for it. A grant that arrives only after the
   * lease is over is given back and counts as none.
   *
   * @return the lease, or empty if all permits are held
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked
   */
  public Optional<Lease> tryAcquire() {
    return entrance.tryAcquire();
  }

  /**
   * Acquires a permit, waiting for one if need be.
   *
   * @param maxWait for how long to wait; if zero or negative, it is tried once; if longer than 292
   *     years, there is no end to it. A request on its way is not cut short, so a Redis that hangs
   *     may make it longer by the connection's timeouts.
   * @return the lease, or empty if others held all permits all that time
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
   * Acquires a permit, waiting for one if need be, or throws.
   *
   * @param maxWait for how long to wait, as for {@link #tryAcquire(Duration)}
   * @return the lease
   * @throws NullPointerException if {@code maxWait} is null
   * @throws LockTimeoutException if others held all permits all that time
   * @throws InterruptedException if the thread is interrupted before or while it waits; nothing is
   *     held then. A thread that is blocked in Redis notices within 0.6 s.
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked until the time
   *     is over, or refuses
   */
  public Lease acquire(Duration maxWait) throws InterruptedException {
    return entrance.acquire(maxWait);
  }

  /**
   * Returns how many permits are free. By the time of the answer that may have changed, so it is
   * good for display only. One round trip.
   *
   * @return the number of permits less those that are held; zero if others have more permits and
   *     hold them
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked
   */
  public int availablePermits() {
    return Math.toIntExact(Math.max(0, permits - entrance.commands().leases()));
  }
}
