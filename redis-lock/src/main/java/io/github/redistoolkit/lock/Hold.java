package io.github.redistoolkit.lock;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import redis.clients.jedis.exceptions.JedisException;

/**
 * What is behind a {@link Lease}: until when it is certain, and how it ended.
 *
 * <p>It is certain until its lease, counted from before the request was sent, less what two clocks
 * may differ in that time. Once that is over it is lost for good, whatever Redis would still say,
 * so that nobody who was told of the loss finds the lock held again.
 */
final class Hold {

  private static final Logger LOG = LoggerFactory.getLogger(RedisLock.class);

  private enum Phase {
    HELD,
    LOST,
    RELEASED
  }

  private final LockCommands commands;
  private final String owner;
  private final long token;
  private final long leaseMillis;

  /** Held while the server is asked to move the end, so that the last answer is the last word. */
  private final ReentrantLock moving = new ReentrantLock();

  /** How often the end was moved; guarded by {@link #moving}. */
  private long moves;

  private final AtomicReference<Phase> phase = new AtomicReference<>(Phase.HELD);
  private final AtomicReference<@Nullable Boolean> released = new AtomicReference<>();
  private final AtomicReference<@Nullable KeepAlive> keepAlive = new AtomicReference<>();

  /** On the clock of {@link System#nanoTime}; written under this object's monitor. */
  private volatile long deadline;

  /** Whether a release was tried and failed. */
  private volatile boolean triedBefore;

  /** Whether one of these may have been executed nevertheless. */
  private volatile boolean mayBeReleased;

  /** Whether the server has said that the lock is not ours any more. */
  private volatile boolean gone;

  Hold(LockCommands commands, String owner, long token, long leaseMillis, long asked) {
    this.commands = commands;
    this.owner = owner;
    this.token = token;
    this.leaseMillis = leaseMillis;
    this.deadline = asked + certainNanos(leaseMillis);
  }

  /** Returns how long a lease is certain: less by 1 % and 2 ms, since clocks run and tick apart. */
  static long certainNanos(long leaseMillis) {
    long nanos = TimeUnit.MILLISECONDS.toNanos(leaseMillis);
    return nanos - nanos / 100 - TimeUnit.MILLISECONDS.toNanos(2);
  }

  String name() {
    return commands.name();
  }

  long token() {
    return token;
  }

  long leaseMillis() {
    return leaseMillis;
  }

  boolean isHeld() {
    return nanosLeft() > 0;
  }

  /** Returns for how long it is certain to be held: 0 once it is not. */
  long nanosLeft() {
    if (phase.get() != Phase.HELD) {
      return 0;
    }
    long left = deadline - System.nanoTime();
    if (left > 0) {
      return left;
    }
    return loseIfOver() ? 0 : Math.max(0, deadline - System.nanoTime());
  }

  /** Sets the end of the lease; false if it is not ours any more. */
  boolean extend(long millis) {
    return move(millis, move -> commands.extend(owner, millis, move), Shortening.ALLOWED);
  }

  /** Puts off the end of the lease to a whole lease from now; false if it is not ours any more. */
  boolean renew() {
    return move(leaseMillis, move -> commands.renew(owner, leaseMillis, move), Shortening.NEVER);
  }

  /**
   * Gives the lock back; false if it had been lost before. A release that failed may be tried
   * again.
   */
  boolean release() {
    loseIfOver();
    phase.compareAndSet(Phase.HELD, Phase.RELEASED);
    KeepAlive renewal = keepAlive.get();
    if (renewal != null) {
      renewal.stop();
    }
    Boolean answer = released.get();
    if (answer != null) {
      return answer;
    }
    released.compareAndSet(null, phase.get() == Phase.LOST ? clearAway() : giveBack());
    return Boolean.TRUE.equals(released.get());
  }

  /** Starts the renewal, unless there is one already or nothing is left to be renewed. */
  void keepAlive(KeepAlive renewal) {
    if (phase.get() == Phase.RELEASED) {
      throw new IllegalStateException("the lease on " + name() + " has been released");
    }
    if (!keepAlive.compareAndSet(null, renewal)) {
      throw new IllegalStateException("the lease on " + name() + " is kept alive already");
    }
    renewal.schedule();
    // It may have ended before there was anyone to be told.
    if (phase.get() == Phase.LOST) {
      renewal.lost("its time had passed before it was kept alive");
    } else if (phase.get() == Phase.RELEASED) {
      renewal.stop();
    }
  }

  /** Ends the hold, unless it has ended; the reason is for the log. */
  void lose(String why) {
    if (phase.compareAndSet(Phase.HELD, Phase.LOST)) {
      KeepAlive renewal = keepAlive.get();
      if (renewal != null) {
        renewal.lost(why);
      }
    }
  }

  private boolean move(long millis, LongPredicate request, Shortening shortening) {
    moving.lock();
    try {
      if (!isHeld()) {
        return false;
      }
      long end = System.nanoTime() + certainNanos(millis);
      if (shortening == Shortening.ALLOWED) {
        bringForward(end);
      }
      long move = ++moves;
      if (!Interrupts.complete(() -> request.test(move))) {
        gone = true;
        lose("Redis has it no more");
        return false;
      }
      boolean held = putOff(end);
      if (shortening == Shortening.ALLOWED) {
        tellOfMove();
      }
      return held;
    } finally {
      moving.unlock();
    }
  }

  /** Moves the deadline before the request, whose effect may come without a reply. */
  private void bringForward(long end) {
    synchronized (this) {
      if (end - deadline < 0) {
        deadline = end;
      }
    }
    tellOfMove();
  }

  /** Moves the deadline after the reply, if that came before the deadline. */
  private boolean putOff(long end) {
    synchronized (this) {
      if (deadline - System.nanoTime() > 0 && end - deadline > 0) {
        deadline = end;
      }
    }
    return isHeld();
  }

  private void tellOfMove() {
    KeepAlive renewal = keepAlive.get();
    if (renewal != null) {
      renewal.endMoved();
    }
  }

  @CanIgnoreReturnValue
  private boolean loseIfOver() {
    synchronized (this) {
      if (deadline - System.nanoTime() > 0) {
        return false;
      }
    }
    lose("its time passed");
    return true;
  }

  private boolean giveBack() {
    try {
      boolean ours = Interrupts.complete(() -> commands.release(owner, leaseMillis));
      return ours || isGoneThroughUs();
    } catch (JedisException e) {
      triedBefore = true;
      mayBeReleased = mayBeReleased || commands.mayHaveRun(e);
      throw e;
    }
  }

  /**
   * Tells whether a lock that Redis says is not ours need not have been lost: it was held when its
   * release was first tried, and has since been released by that, or its time has passed. What is
   * gone before its time was lost.
   */
  private boolean isGoneThroughUs() {
    return mayBeReleased || (triedBefore && deadline - System.nanoTime() <= 0);
  }

  /** Spares the next holder the wait for a key that is ours, though we may not rely on it. */
  private boolean clearAway() {
    if (!gone) {
      try {
        boolean cleared = giveBack();
        LOG.debug("Lock {} was lost before its release; key deleted: {}", name(), cleared);
      } catch (JedisException e) {
        LOG.warn("Lock {} was lost and could not be released; it expires by itself", name(), e);
      }
    }
    return false;
  }

  private enum Shortening {
    ALLOWED,
    NEVER
  }
}
