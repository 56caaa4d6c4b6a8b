package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.RedisAccess;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.Collection;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * Makes locks, semaphores and read-write locks for names that are known only when they are needed,
 * such as one per order.
 *
 * <p>Objects of the same name share one queue of waiting threads. So only the first of these
 * threads talks to Redis, however many objects there are. A name that is no longer in use leaves
 * nothing behind: only the locks and leases of that name hold what it needs.
 *
 * <pre>{@code
 * RedisLocks locks = RedisLocks.over(pool);
 * try (Lease lease = locks.lock("order:" + id, Duration.ofSeconds(5)).acquire(maxWait)) {
 *   ship(id);
 * }
 * }</pre>
 *
 * <p>The guarantees, limits and failures are those of {@link RedisLock}, {@link RedisSemaphore} and
 * {@link RedisReadWriteLock}. Thread-safe; keep one for each pool or client. It owns no thread and
 * needs no closing.
 */
public final class RedisLocks {

  static {
    ModuleVersion.check();
  }

  private static final int MOST_NAMES = 100;

  private final RedisAccess redis;
  private final String prefix;
  private final LockSettings settings;
  private final ConcurrentMap<String, Queue> queues = new ConcurrentHashMap<>();
  private final ReferenceQueue<Semaphore> unused = new ReferenceQueue<>();

  private RedisLocks(RedisAccess redis, String prefix, LockSettings settings) {
    this.redis = redis;
    this.prefix = prefix;
    this.settings = settings;
  }

  /** Where the threads wait that want one name; goes with the last lock of that name. */
  private static final class Queue extends WeakReference<Semaphore> {

    private final String name;

    private Queue(String name, Semaphore semaphore, ReferenceQueue<Semaphore> unused) {
      super(semaphore, unused);
      this.name = name;
    }
  }

  /**
   * Returns what makes locks over a pool.
   *
   * @param pool where connections come from; not closed here
   * @return locks without a prefix and without a listener
   * @throws NullPointerException if {@code pool} is null
   */
  public static RedisLocks over(Pool<Jedis> pool) {
    return builder(pool).build();
  }

  /**
   * Returns what makes locks over a client.
   *
   * @param client how to reach Redis; not closed here
   * @return locks without a prefix and without a listener
   * @throws NullPointerException if {@code client} is null
   */
  public static RedisLocks over(UnifiedJedis client) {
    return builder(client).build();
  }

  /**
   * Begins what makes locks over a pool, with options.
   *
   * @param pool where connections come from; not closed here
   * @return the builder
   * @throws NullPointerException if {@code pool} is null
   */
  public static Builder builder(Pool<Jedis> pool) {
    return new Builder(RedisAccess.of(pool, "redis-lock"));
  }

  /**
   * Begins what makes locks over a client, with options.
   *
   * @param client how to reach Redis; not closed here
   * @return the builder
   * @throws NullPointerException if {@code client} is null
   */
  public static Builder builder(UnifiedJedis client) {
    return new Builder(RedisAccess.of(client, "redis-lock"));
  }

  /** What may be chosen for all locks that are made. Not thread-safe. */
  public static final class Builder {

    private final RedisAccess redis;
    private String prefix = "";
    private LockSettings settings = LockSettings.NONE;

    private Builder(RedisAccess redis) {
      this.redis = redis;
    }

    /**
     * Puts all keys of the locks below a prefix, such as that of a tenant, or one that the user of
     * Redis is restricted to. Empty by default.
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
     * Has somebody told what becomes of the locks. Nobody by default.
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
     * Creates what makes locks. Makes no I/O.
     *
     * @return what makes locks
     */
    public RedisLocks build() {
      return new RedisLocks(redis, prefix, settings);
    }
  }

  /**
   * Returns the lock of a name. Makes no I/O.
   *
   * @param name what to lock; any text but the empty one
   * @param lease how long a lease lasts unless it is extended or kept alive, from 1 ms to 365 days,
   *     counted in whole milliseconds
   * @return the lock
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate, or
   *     {@code lease} is out of range
   */
  public RedisLock lock(String name, Duration lease) {
    Objects.requireNonNull(name, "name");
    forgetUnused();
    return new RedisLock(redis, prefix, name, lease, settings, queueOf("lock:" + name));
  }

  /**
   * Returns the semaphore of a name. Makes no I/O.
   *
   * @param name what there are permits for; any text but the empty one. A semaphore is not the lock
   *     of the same name.
   * @param permits how many may be held at a time, from 1 to 1,000
   * @param lease how long a lease lasts unless it is extended or kept alive, from 1 ms to 365 days,
   *     counted in whole milliseconds
   * @return the semaphore
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate, or
   *     {@code permits} or {@code lease} is out of range
   */
  public RedisSemaphore semaphore(String name, int permits, Duration lease) {
    Objects.requireNonNull(name, "name");
    forgetUnused();
    return new RedisSemaphore(
        redis, prefix, name, permits, lease, settings, queueOf("semaphore:" + name));
  }

  /**
   * Returns the read-write lock of a name. Makes no I/O.
   *
   * @param name what to lock; any text but the empty one. A read-write lock is not the lock of the
   *     same name.
   * @param lease how long a lease lasts unless it is extended or kept alive, from 1 ms to 365 days,
   *     counted in whole milliseconds
   * @return the read-write lock
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code name} is empty or has an unpaired surrogate, or
   *     {@code lease} is out of range
   */
  public RedisReadWriteLock readWriteLock(String name, Duration lease) {
    Objects.requireNonNull(name, "name");
    forgetUnused();
    return new RedisReadWriteLock(
        redis,
        prefix,
        name,
        lease,
        settings,
        queueOf("rwlock-read:" + name),
        queueOf("rwlock-write:" + name));
  }

  /**
   * Acquires the locks of several names if all of them are free now: all, or none.
   *
   * <p>Asks for each once, also if the thread is interrupted, whose flag stays set.
   *
   * @param names what to lock, from 1 to 100 texts; one that comes twice counts once
   * @param lease how long each lease lasts unless it is extended or kept alive, from 1 ms to 365
   *     days, counted in whole milliseconds; longer than some round trips for each name
   * @return the leases, or empty if one of the locks is held, or one that was had was lost before
   *     all were
   * @throws NullPointerException if an argument or a name is null
   * @throws IllegalArgumentException if there are no names or too many, a name is empty or has an
   *     unpaired surrogate, or {@code lease} is out of range
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked; what was had is
   *     released, or, should that fail too, free when its lease is over
   * @see #tryAcquireAll(Collection, Duration, Duration) what this promises
   */
  public Optional<Leases> tryAcquireAll(Collection<String> names, Duration lease) {
    return together(names, lease, Duration.ZERO).once();
  }

  /**
   * Acquires the locks of several names, waiting for them if need be: all, or none.
   *
   * <p>They are acquired one after the other, in the order of their names, which is the same for
   * all callers. So no callers wait for each other in a ring, whatever names they give in whatever
   * order. Callers that acquire further locks while they hold some may. In a Cluster the locks may
   * be on different nodes. Each lock that is had already is kept while the next one is waited for,
   * and each lasts for two thirds of its lease at least when all are had. If one cannot be had, or
   * something fails, those that are had are released before this returns. If one is lost meanwhile,
   * all are released and it begins again 10 to 100 ms later, as long as there is time.
   *
   * <p>Limits: a lease must be longer than some round trips for each name, or those that are had
   * first are lost before the last is, each time until {@code maxWait} is over. Others see some of
   * the names locked before all are, and perhaps never all. A caller that dies half-way keeps what
   * it has for one lease. Each lease is one of a {@link RedisLock}, with the same guarantee and
   * limits, and may be lost while the others are not.
   *
   * <p>One round trip for each name if all are free, and one for each release. Who waits for others
   * asks as for a single lock, and extends what it has every third of a lease.
   *
   * @param names what to lock, from 1 to 100 texts; one that comes twice counts once
   * @param lease how long each lease lasts unless it is extended or kept alive, from 1 ms to 365
   *     days, counted in whole milliseconds; longer than some round trips for each name
   * @param maxWait for how long to wait for all together; if zero or negative, each is tried once;
   *     if longer than 292 years, there is no end to it
   * @return the leases, or empty if not all could be had in that time, be it that one was held or
   *     that one was lost before all were had
   * @throws NullPointerException if an argument or a name is null
   * @throws IllegalArgumentException if there are no names or too many, a name is empty or has an
   *     unpaired surrogate, or {@code lease} is out of range
   * @throws InterruptedException if the thread is interrupted before all are had; nothing is held
   *     then
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked until the time
   *     is over, or refuses; what was had is released, or, should that fail too, free when its
   *     lease is over
   */
  public Optional<Leases> tryAcquireAll(Collection<String> names, Duration lease, Duration maxWait)
      throws InterruptedException {
    return together(names, lease, maxWait).patiently();
  }

  /**
   * Acquires the locks of several names, waiting for them if need be, or throws.
   *
   * @param names what to lock, from 1 to 100 texts; one that comes twice counts once
   * @param lease how long each lease lasts unless it is extended or kept alive, from 1 ms to 365
   *     days, counted in whole milliseconds; longer than some round trips for each name
   * @param maxWait for how long to wait for all together, as for {@link #tryAcquireAll(Collection,
   *     Duration, Duration)}
   * @return the leases
   * @throws NullPointerException if an argument or a name is null
   * @throws IllegalArgumentException if there are no names or too many, a name is empty or has an
   *     unpaired surrogate, or {@code lease} is out of range
   * @throws LockTimeoutException if not all could be had in that time
   * @throws InterruptedException if the thread is interrupted before all are had; nothing is held
   *     then
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked until the time
   *     is over, or refuses
   * @see #tryAcquireAll(Collection, Duration, Duration) what this promises
   */
  public Leases acquireAll(Collection<String> names, Duration lease, Duration maxWait)
      throws InterruptedException {
    return tryAcquireAll(names, lease, maxWait)
        .orElseThrow(
            () ->
                new LockTimeoutException(
                    names.size() + " locks were not free together within " + maxWait));
  }

  private JointAcquisition together(Collection<String> names, Duration lease, Duration maxWait) {
    SortedMap<String, Entrance> entrances = new TreeMap<>();
    for (String name : Objects.requireNonNull(names, "names")) {
      entrances.computeIfAbsent(
          Objects.requireNonNull(name, "name"), one -> lock(one, lease).entrance());
    }
    Arguments.requireRange(entrances.size(), "the number of names", 1, MOST_NAMES);
    return new JointAcquisition(entrances, lease, Entrance.nanos(maxWait));
  }

  /** How many names are remembered. */
  int names() {
    forgetUnused();
    return queues.size();
  }

  private Semaphore queueOf(String name) {
    while (true) {
      Queue known = queues.get(name);
      Semaphore queue = known == null ? null : known.get();
      if (queue != null) {
        return queue;
      }
      Semaphore fresh = Entrance.newQueue();
      Queue mine = new Queue(name, fresh, unused);
      boolean entered =
          known == null
              ? queues.putIfAbsent(name, mine) == null
              : queues.replace(name, known, mine);
      if (entered) {
        return fresh;
      }
    }
  }

  private void forgetUnused() {
    for (@Nullable Object gone = unused.poll(); gone != null; gone = unused.poll()) {
      Queue queue = (Queue) gone;
      queues.remove(queue.name, queue);
    }
  }
}
