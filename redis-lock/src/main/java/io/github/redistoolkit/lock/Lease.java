package io.github.redistoolkit.lock;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Arguments;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A lease on a lock, or on one permit of a semaphore, until it is released or its time passes.
 *
 * <p>A lock has at most one lease at a time, and a semaphore as many as it has permits. A
 * read-write lock has one for writing or any number for reading. Below, "the lock" means each of
 * these.
 *
 * <p>A lease is <em>held</em> until it is released, its time passes, Redis says that it is somebody
 * else's, or {@code maxHold} of {@link #keepAlive} has passed. If it was not released, it is
 * <em>lost</em> then. Nothing makes a lost lease held again.
 *
 * <p>Its time passes here a little before it passes in Redis: by 1 % and 2 ms, or by 1 % and a
 * quarter for a lease below 8 ms. So whoever looks at {@link #isHeld} knows of the end before
 * anyone else can acquire the lock.
 *
 * <p><b>Limits.</b> A holder may be paused beyond its lease, by the garbage collector or a stopped
 * machine. Then it overlaps the next one until it looks at {@link #isHeld}. The holders before and
 * after a failover of Redis may overlap too, since replication is asynchronous. Where even that
 * must do no harm, guard writes with {@link #token}.
 *
 * <p>Thread-safe; may be released by another thread than the one that acquired it. {@link #extend}
 * and {@link #release} are one round trip each, {@link #close} is a release, and the rest makes no
 * I/O in the calling thread. An extension waits for one that is under way, and for a renewal.
 *
 * <pre>{@code
 * try (Lease lease = lock.acquire(Duration.ofSeconds(10))) {
 *   accounts.debit(account, amount, lease.token());
 * }
 * }</pre>
 */
public final class Lease implements AutoCloseable {

  private final Hold hold;

  Lease(Hold hold) {
    this.hold = hold;
  }

  /**
   * Returns what is locked.
   *
   * @return the name given to the {@link RedisLock}, {@link RedisSemaphore} or {@link
   *     RedisReadWriteLock}
   */
  public String name() {
    return hold.name();
  }

  /**
   * Returns the fencing token: a later lease on the same name has a greater one.
   *
   * <p>A store that remembers the greatest token it has seen, and refuses writes with a lesser one,
   * is safe from holders that do not know yet that they have lost the lock.
   *
   * <p>The holders of a semaphore each have a token of their own. It tells their leases apart, and
   * is no reason to refuse a lesser one.
   *
   * <p>Of a read-write lock, the first sentence is true of the leases for writing. The token of a
   * lease for reading is greater than those of all writers before it, and less than those of all
   * writers after it.
   *
   * <p>The token is the greater of the previous one plus 1 and the Redis server's clock in
   * microseconds. So it also rises when Redis has lost its data or failed over to a replica that
   * was behind, unless the new server's clock is behind by more than the time since the last
   * acquisition.
   *
   * @return the token, positive
   */
  public long token() {
    return hold.token();
  }

  /**
   * Tells whether this lease is still held, as far as can be known here. Makes no I/O, so it does
   * not notice that the key was deleted from Redis until the lease is renewed or extended.
   *
   * @return false once it was released or lost
   */
  public boolean isHeld() {
    return hold.isHeld();
  }

  /**
   * Returns for how long this lease is certain to be held if nothing extends it, and at most for
   * what is left of {@code maxHold}. Makes no I/O.
   *
   * @return a lower bound; zero once it was released or lost
   */
  public Duration remaining() {
    return Duration.ofNanos(hold.nanosLeft());
  }

  /**
   * Moves the end of this lease, to a later or an earlier time than before. One round trip, even if
   * the thread is interrupted.
   *
   * <p>If it throws, it is not known whether the end was moved; {@link #remaining} takes the
   * earlier of the two.
   *
   * @param leaseFromNow how long the lease shall last from now on, from 1 ms to 365 days
   * @return false if this lease was released or lost, which nothing undoes
   * @throws NullPointerException if {@code leaseFromNow} is null
   * @throws IllegalArgumentException if it is out of range
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked
   */
  public boolean extend(Duration leaseFromNow) {
    Arguments.requireDuration(leaseFromNow, "leaseFromNow", Arguments.LONGEST_LEASE);
    return hold.extend(leaseFromNow.toMillis());
  }

  /**
   * Renews this lease in the background until it is released or lost, and has the holder told if it
   * is lost.
   *
   * <p><b>Renewing.</b> Renews every third of the lease, each time to a whole lease from then. If
   * Redis does not answer, it tries again after every tenth of the lease, until the lease is over.
   * Both come sooner if less of the lease is left. A renewal never brings back a lock that is gone
   * from Redis. None takes a connection of the pool.
   *
   * <p><b>The end.</b> Renewing ends when {@code maxHold} is over, so that a holder that hangs
   * cannot keep the lock for ever. It also ends when this object becomes unreachable, so {@code
   * onLost} should not refer to it. The lock then expires by itself.
   *
   * <p><b>A loss.</b> {@code onLost} runs exactly once if the lease is lost: when a renewal or an
   * extension finds it gone, when its time passes, or when {@code maxHold} is over, whichever comes
   * first. In the latter two cases that is before anybody else can acquire the lock, unless this
   * JVM is paused just then. It does not run once {@link #release} has returned true. The loss is
   * logged with its cause, and so is what {@code onLost} throws, be it an {@link Error}.
   *
   * <p><b>Threads.</b> {@code onLost} runs on a daemon thread that does nothing else meanwhile. All
   * leases of this JVM share at most 32 of these, and one that keeps the time. A callback that
   * hangs keeps its thread; if none can be started, that is tried again. Renewals have up to two
   * threads and connections for each node of a pool or client. All end when there is nothing to do.
   *
   * @param maxHold for how long from now the lease is kept alive, from 1 ms to 365 days
   * @param onLost what to do when the lease is lost, such as to stop the work it protects
   * @return this lease
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code maxHold} is out of range
   * @throws IllegalStateException if the lease was released, or is kept alive already
   */
  @CanIgnoreReturnValue
  public Lease keepAlive(Duration maxHold, Runnable onLost) {
    Arguments.requireDuration(maxHold, "maxHold", Arguments.LONGEST_LEASE);
    Objects.requireNonNull(onLost, "onLost");
    hold.keepAlive(this, maxHold.toNanos(), onLost);
    return this;
  }

  /** Throws what {@link #keepAlive} would throw now because of what was done before. */
  void requireNotKeptAlive() {
    hold.requireNotKeptAlive();
  }

  /**
   * Keeps this lease alive while some work runs in the calling thread, and interrupts that thread
   * if the lease is lost meanwhile.
   *
   * <p>It never interrupts the thread after the work has ended, and what it has set of the
   * interrupt flag it clears. The lease is not released here. Work that does not react to
   * interrupts should look at {@link #isHeld}.
   *
   * @param maxHold for how long from now the lease is kept alive, from 1 ms to 365 days
   * @param work what to do while the lease is held
   * @param <T> what the work returns
   * @return what the work returned
   * @throws NullPointerException if an argument is null
   * @throws IllegalArgumentException if {@code maxHold} is out of range
   * @throws IllegalStateException if the lease was released, or is kept alive already
   * @throws LockLostException if the lease was lost before the work ended, whatever that returned;
   *     what it threw is suppressed in it
   * @throws Exception what the work threw, if the lease was not lost
   */
  public <T extends @Nullable Object> T runWhileHeld(Duration maxHold, Callable<T> work)
      throws Exception {
    Objects.requireNonNull(work, "work");
    Interrupter interrupter = new Interrupter(Thread.currentThread());
    keepAlive(maxHold, interrupter);
    T result;
    try {
      result = work.call();
    } catch (Throwable e) {
      if (interrupter.end() || !isHeldOrReleased()) {
        LockLostException lost = lostWhileItRan();
        lost.addSuppressed(e);
        throw lost;
      }
      throw e;
    }
    if (interrupter.end() || !isHeldOrReleased()) {
      throw lostWhileItRan();
    }
    return result;
  }

  /** Whether it was not lost: the work itself may have released it. */
  private boolean isHeldOrReleased() {
    return hold.isHeld() || hold.isReleased();
  }

  private LockLostException lostWhileItRan() {
    return new LockLostException("the lease on " + hold.shown() + " was lost while the work ran");
  }

  /** Interrupts a thread, unless that has ended what it was to be interrupted in. */
  private static final class Interrupter implements Runnable {

    private final Thread thread;
    private boolean ended;
    private boolean interrupted;

    private Interrupter(Thread thread) {
      this.thread = thread;
    }

    @Override
    public synchronized void run() {
      if (!ended) {
        interrupted = true;
        thread.interrupt();
      }
    }

    /** Interrupts no more; returns whether it has, and clears the flag then. */
    private synchronized boolean end() {
      ended = true;
      if (interrupted) {
        boolean unused = Thread.interrupted();
      }
      return interrupted;
    }
  }

  /**
   * Gives the lock back, if it is still ours, and wakes one waiter, or as a writer of a {@link
   * RedisReadWriteLock} all readers that wait. One round trip, even if the thread is interrupted.
   *
   * <p>Once it has returned, further calls return the same without a round trip.
   *
   * <p>If it throws, renewing has ended, {@link #isHeld} is false, and the lock is free when the
   * lease is over at the latest. It may be called again. That returns true even if the lease has
   * passed meanwhile, since it was held when the release was first tried.
   *
   * <p>The client of a Cluster sends again by itself what is not answered. If Redis does not have
   * the lease any more after such a repetition, or after a redirection, this also returns true: the
   * first try may have been what released it.
   *
   * <p>If the lease is known to be lost, it returns at once, and what is left of it in Redis is
   * cleared away in the background. If somebody has begun to wait since it was acquired, it takes
   * two round trips. With {@code keepAtLeast} the lease ends, but nobody can acquire the lock
   * before its time.
   *
   * @return false if the lease had been lost, so that somebody else may have held the lock at the
   *     same time
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked
   */
  public boolean release() {
    return hold.release();
  }

  /**
   * Releases this lease, if that has not been done, as {@link #release} does.
   *
   * @throws LockLostException if the lease had been lost before it was released
   * @throws redis.clients.jedis.exceptions.JedisException if Redis cannot be asked
   */
  @Override
  public void close() {
    if (!release()) {
      throw new LockLostException("the lease on " + hold.shown() + " was lost before its release");
    }
  }

  /** Returns the name, the token and the state, for logs. */
  @Override
  public String toString() {
    long millis = TimeUnit.NANOSECONDS.toMillis(hold.nanosLeft());
    return "Lease[" + hold.shownName() + ", token " + token() + ", " + millis + " ms left]";
  }
}
