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
 * A lock on a name that JVMs share through Redis. Any number of callers may hold it for reading at
 * a time, or one for writing, each for the time of a lease. Use it for what is read often and for
 * long, and changed now and then, such as an index on a shared disk.
 *
 * <p><b>Guarantee.</b> While a {@link Lease lease} for writing is held ({@link Lease#isHeld}), no
 * other lease of either kind is held on the same name, as long as Redis keeps its data. If a holder
 * dies, its part is over when its lease is. A lease is kept alive, extended, released and lost like
 * that of a {@link RedisLock}.
 *
 * <p><b>Fairness.</b> Readers and writers take turns, and neither starves. When a writer has
 * released, all readers that have waited until then are let in together, before the next writer.
 * While a writer waits, no other reader is granted a lease, not even by {@link
 * ReadLock#tryAcquire()}. When the last reader has released, a waiting writer is let in. Writers
 * among each other are served like those of a {@link RedisLock}. This is phase-fairness as
 * Brandenburg and Anderson define it ("Reader-Writer Synchronization for Shared-Memory
 * Multiprocessor Real-Time Systems", 2009), with these limits:
 *
 * <ul>
 *   <li>A reader that is woken keeps its turn for 100 ms, a writer for 20 ms. If readers that were
 *       woken do not come, the next writer may take 0.6 s to notice.
 *   <li>If several threads wait on one object for the same kind of lease, the first waits in Redis,
 *       and the others come after it.
 *   <li>At most 10,000 readers are let in at a time; more have to wait.
 *   <li>A caller that dies while it waits keeps others out for two seconds. Those that wait by then
 *       may take half a second more to notice.
 * </ul>
 *
 * <p><b>Tokens.</b> The {@link Lease#token} of a lease for writing is greater than those of all
 * leases before it, of both kinds. So a store is safe from writers that have lost the lock unawares
 * if it remembers the greatest token of a <em>writer</em>, and refuses writes with a lesser one.
 *
 * <p>The token of a lease for reading is greater than those of all writers before it, and less than
 * those of all writers after it. So the same store can refuse a reader that has lost the lock, or
 * what was derived from what it has read. It must not remember readers' tokens: their order among
 * readers means nothing.
 *
 * <p><b>Limits.</b> Those of {@link RedisLock}: a writer may overlap others after a failover of
 * Redis, while a holder is paused beyond its lease, or after the server's clock was set forward.
 *
 * <p><b>Not reentrant</b>, and a lease for reading cannot become one for writing. Release before
 * you acquire again:
 *
 * <table>
 *   <caption>What a thread gets that acquires again</caption>
 *   <tr><th>it holds a lease for</th><th>and acquires one for</th><th>it</th></tr>
 *   <tr><td>writing</td><td>either</td><td>waits for itself in vain</td></tr>
 *   <tr><td>reading</td><td>writing</td><td>waits for itself in vain</td></tr>
 *   <tr><td>reading</td><td>reading</td><td>gets a second lease; or, if a writer waits, waits for
 *     that writer, which waits for it</td></tr>
 * </table>
 *
 * <p>To go from writing to reading without others in between, go on with the lease for writing.
 *
 * <p><b>Waiting.</b> As for a {@link RedisLock}, keep one object per name, or take locks from
 * {@link RedisLocks}. If there are more waiters than connections for them, those that ask again
 * every 10 to 100 ms get their turn as well. A caller that stops waiting says so to Redis. That is
 * one more round trip, or two if others can be let in then.
 *
 * <p><b>Cost.</b> Acquiring a lock that is free, or that others read, and releasing it take one
 * round trip each. An acquisition from many waiters takes about four commands. A request costs
 * Redis some one and a half times what one of a {@link RedisLock} does, or two times beside a
 * hundred readers. So where work under the lock is short, that one is faster.
 *
 * <p><b>Keys.</b> The lock is one key, <code>rwlock:{name}</code>, below a prefix if there is one.
 * It is forgotten a minute after the time of the last lease, even if that was released early. Only
 * while somebody waits there are others, <code>rwlock:{name}:qr</code> and <code>rwlock:{name}:qw
 * </code>, for two seconds at most.
 *
 * <p><b>Late requests.</b> A request that the network delivers late, or a client sends again,
 * changes nothing that a later one has settled, for a minute. A lock that was given up is not
 * granted to whoever gave it up, and none is granted twice. An extension does not undo a later one.
 * A release that is sent again is told that it has succeeded.
 *
 * <p><b>Failure.</b>
 *
 * <table>
 *   <caption>What happens when something goes wrong</caption>
 *   <tr><th>situation</th><th>outcome</th></tr>
 *   <tr><td>others hold it, or it is the others' turn</td><td>empty, or {@link
 *     LockTimeoutException}</td></tr>
 *   <tr><td>Redis cannot be reached, changes its role, or moves the lock to another node</td>
 *     <td>a waiting form tries again until its time is over; the others throw what Jedis throws</td>
 *   </tr>
 *   <tr><td>it cannot be known whether a lease was granted</td><td>what may have been granted is
 *     released, and the failure thrown; should that release fail too, it is as if somebody held it
 *     until the lease is over</td></tr>
 *   <tr><td>the lease was lost</td><td>{@link Lease#isHeld}, {@link Lease#extend} and {@link
 *     Lease#release} are false, {@link Lease#close} throws, and the callback of {@link
 *     Lease#keepAlive} runs</td></tr>
 *   <tr><td>a reader or a writer dies</td><td>its part is over when its lease is</td></tr>
 *   <tr><td>a caller dies while it waits</td><td>others are kept out by it for two seconds, and
 *     those that wait by then for half a second more at most</td></tr>
 *   <tr><td>Redis loses its data</td><td>the lock is free; each holder hears of its loss at its next
 *     renewal or extension, and touches nothing of the new holders'</td></tr>
 *   <tr><td>the key holds another type</td><td>{@code JedisDataException}, and it is left
 *     untouched</td></tr>
 *   <tr><td>the key holds a text that is no state of a read-write lock</td><td>{@link
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
public final class RedisReadWriteLock {

  static {
    ModuleVersion.check();
  }

  private final ReadLock readLock;
  private final WriteLock writeLock;

  /**
   * Creates a read-write lock over a pool. Makes no I/O.
   *
   * @param pool where connections come from; not closed here
   * @param name what to lock; any text but the empty one. A read-write lock is not the lock of the
   *     same name.
   * @param lease how long a lease lasts unless it is extended or kept alive, from 1 ms to 365 days,
   *     counted in whole milliseconds
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate, or
   *     {@code lease} is out of range
   */
  public RedisReadWriteLock(Pool<Jedis> pool, String name, Duration lease) {
    this(
        RedisAccess.of(pool, "redis-lock"),
        "",
        name,
        lease,
        LockSettings.NONE,
        Entrance.newQueue(),
        Entrance.newQueue());
  }

  /**
   * Creates a read-write lock over a client. Makes no I/O.
   *
   * @param client how to reach Redis; not closed here
   * @param name what to lock; any text but the empty one. A read-write lock is not the lock of the
   *     same name.
   * @param lease how long a lease lasts unless it is extended or kept alive, from 1 ms to 365 days,
   *     counted in whole milliseconds
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate, or
   *     {@code lease} is out of range
   */
  public RedisReadWriteLock(UnifiedJedis client, String name, Duration lease) {
    this(
        RedisAccess.of(client, "redis-lock"),
        "",
        name,
        lease,
        LockSettings.NONE,
        Entrance.newQueue(),
        Entrance.newQueue());
  }

  RedisReadWriteLock(
      RedisAccess redis,
      String prefix,
      String name,
      Duration lease,
      LockSettings settings,
      Semaphore readers,
      Semaphore writers) {
    this.readLock =
        new ReadLock(
            new Entrance(
                redis, Kind.READ_LOCK, prefix, name, lease, settings.withoutMinimum(), readers));
    this.writeLock =
        new WriteLock(new Entrance(redis, Kind.WRITE_LOCK, prefix, name, lease, settings, writers));
  }

  /**
   * Begins a read-write lock over a pool with options.
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
   * Begins a read-write lock over a client with options.
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

  /** What may be chosen for a read-write lock. Not thread-safe. */
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
     * Keeps the lock for at least so long after each acquisition for writing: a release that comes
     * earlier ends the lease, and nobody can acquire the lock before that time is over. For a job
     * that several JVMs start at about the same time, so that one whose clock is late does not run
     * it again. Leases for reading have no such minimum. Not set by default.
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
     * Has somebody told what becomes of the lock, for reading and for writing. Nobody by default.
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
     * Creates the read-write lock. Makes no I/O.
     *
     * @return the read-write lock
     */
    public RedisReadWriteLock build() {
      return new RedisReadWriteLock(
          redis, prefix, name, lease, settings, Entrance.newQueue(), Entrance.newQueue());
    }
  }

  /**
   * Returns the lock for reading.
   *
   * @return the same one each time
   */
  public ReadLock readLock() {
    return readLock;
  }

  /**
   * Returns the lock for writing.
   *
   * @return the same one each time
   */
  public WriteLock writeLock() {
    return writeLock;
  }

  /** A read-write lock for those who read, beside each other. Thread-safe. */
  public static final class ReadLock {

    private final Entrance entrance;

    private ReadLock(Entrance entrance) {
      this.entrance = entrance;
    }

    /**
     * Acquires the lock for reading if nobody writes or waits to write. One round trip, even if the
     * thread is interrupted.
     *
     * <p>A grant that arrives only after the lease is over is given back and counts as none.
     *
     * @return the lease, or empty if somebody writes or waits to write, be it the same thread, if
     *     the time of {@link Builder#keepAtLeast} after a writer is not over, or if 10,000 others
     *     read
     * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked
     */
    public Optional<Lease> tryAcquire() {
      return entrance.tryAcquire();
    }

    /**
     * Acquires the lock for reading, waiting for it if need be.
     *
     * @param maxWait for how long to wait; if zero or negative, it is tried once; if longer than
     *     292 years, there is no end to it. A request on its way is not cut short, so a Redis that
     *     hangs may make it longer by the connection's timeouts.
     * @return the lease, or empty if it could not be had all that time
     * @throws NullPointerException if {@code maxWait} is null
     * @throws InterruptedException if the thread is interrupted before or while it waits; nothing
     *     is held then. A thread that is blocked in Redis notices within 0.6 s.
     * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked until the time
     *     is over, or refuses
     */
    public Optional<Lease> tryAcquire(Duration maxWait) throws InterruptedException {
      return entrance.tryAcquire(maxWait);
    }

    /**
     * Acquires the lock for reading, waiting for it if need be, or throws.
     *
     * @param maxWait for how long to wait, as for {@link #tryAcquire(Duration)}
     * @return the lease
     * @throws NullPointerException if {@code maxWait} is null
     * @throws LockTimeoutException if it could not be had all that time
     * @throws InterruptedException if the thread is interrupted before or while it waits; nothing
     *     is held then. A thread that is blocked in Redis notices within 0.6 s.
     * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked until the time
     *     is over, or refuses
     */
    public Lease acquire(Duration maxWait) throws InterruptedException {
      return entrance.acquire(maxWait);
    }

    /**
     * Tells whether anybody holds the lock for reading. By the time of the answer that may have
     * changed, so it is good for display only. One round trip.
     *
     * @return whether somebody reads
     * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked
     */
    public boolean isLocked() {
      return entrance.commands().isLocked();
    }
  }

  /** A read-write lock for those who write, each alone. Thread-safe. */
  public static final class WriteLock {

    private final Entrance entrance;

    private WriteLock(Entrance entrance) {
      this.entrance = entrance;
    }

    /**
     * Acquires the lock for writing if nobody holds it and no readers were woken who are still to
     * come. One round trip, even if the thread is interrupted.
     *
     * <p>It takes a free lock also while other writers wait for it. A grant that arrives only after
     * the lease is over is given back and counts as none.
     *
     * @return the lease, or empty if somebody reads or writes, be it the same thread, or it is the
     *     readers' turn
     * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked
     */
    public Optional<Lease> tryAcquire() {
      return entrance.tryAcquire();
    }

    /**
     * Acquires the lock for writing, waiting for it if need be. From its first request on no
     * further readers come, until it has had its turn or stops waiting, but for those that have
     * waited for a writer before it.
     *
     * @param maxWait for how long to wait; if zero or negative, it is tried once; if longer than
     *     292 years, there is no end to it. A request on its way is not cut short, so a Redis that
     *     hangs may make it longer by the connection's timeouts.
     * @return the lease, or empty if it could not be had all that time
     * @throws NullPointerException if {@code maxWait} is null
     * @throws InterruptedException if the thread is interrupted before or while it waits; nothing
     *     is held then. A thread that is blocked in Redis notices within 0.6 s.
     * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked until the time
     *     is over, or refuses
     */
    public Optional<Lease> tryAcquire(Duration maxWait) throws InterruptedException {
      return entrance.tryAcquire(maxWait);
    }

    /**
     * Acquires the lock for writing, waiting for it if need be, or throws. From its first request
     * on no further readers come, until it has had its turn or stops waiting, but for those that
     * have waited for a writer before it.
     *
     * @param maxWait for how long to wait, as for {@link #tryAcquire(Duration)}
     * @return the lease
     * @throws NullPointerException if {@code maxWait} is null
     * @throws LockTimeoutException if it could not be had all that time
     * @throws InterruptedException if the thread is interrupted before or while it waits; nothing
     *     is held then. A thread that is blocked in Redis notices within 0.6 s.
     * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked until the time
     *     is over, or refuses
     */
    public Lease acquire(Duration maxWait) throws InterruptedException {
      return entrance.acquire(maxWait);
    }

    /**
     * Tells whether anybody holds the lock for writing. By the time of the answer that may have
     * changed, so it is good for display only. One round trip.
     *
     * @return whether somebody writes
     * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked
     */
    public boolean isLocked() {
      return entrance.commands().isLocked();
    }
  }
}
