package io.github.redistoolkit.lock;

import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.Renewals;
import io.github.redistoolkit.core.Sends;
import io.github.redistoolkit.lock.LockCommands.Claim;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.exceptions.JedisRedirectionException;

/**
 * One caller's way to the lock, from its first request to its lease.
 *
 * <p>All requests of an acquisition carry the same owner id, so that a request whose reply was lost
 * may be sent again. Used by one thread.
 */
final class Acquisition {

  /** Redis looks for blocked clients whose time is over only about ten times a second. */
  private static final long BLOCK_OVERSHOOT_MILLIS = 120;

  /** A block of 500 ms, which Redis may end so late. */
  private static final long LONGEST_WAIT_MILLIS = 500 + BLOCK_OVERSHOOT_MILLIS;

  /** Shorter blocks are not worth their round trip. */
  private static final long SHORTEST_BLOCK_MILLIS = 20;

  /** For how long a release takes for granted that a waiter which says nothing is still there. */
  private static final long WAITER_MEMORY_MILLIS = 2_000;

  private static final long SHORTEST_PAUSE_MILLIS = 10;
  private static final long LONGEST_PAUSE_MILLIS = 100;
  private static final long LONGEST_BACKOFF_MILLIS = 500;
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final Base64.Encoder TEXT = Base64.getUrlEncoder().withoutPadding();

  private final LockCommands commands;
  private final long leaseMillis;
  private final LockSettings settings;
  private final WaitingConnections connections;
  private final long arrived;
  private final long start = System.nanoTime();
  private final long maxWaitNanos;

  private String owner = newOwner();
  private Sends sends = new Sends();
  private @Nullable String late;
  private String wake = LockCommands.NOT_WOKEN;
  private WaitingConnections.@Nullable Seat seat;

  /** Whether a request may have been executed whose answer did not come. */
  private boolean outcomeUnknown;

  /** Whether there was one, so that it may still be under way. */
  private boolean suspect;

  private boolean refused;

  /** Whether it may count among those that wait, whom others let go first. */
  private boolean counted;

  private int failures;

  Acquisition(
      LockCommands commands,
      long leaseMillis,
      LockSettings settings,
      WaitingConnections connections,
      long arrived,
      long maxWaitNanos) {
    this.commands = commands;
    this.leaseMillis = leaseMillis;
    this.settings = settings;
    this.connections = connections;
    this.arrived = arrived;
    this.maxWaitNanos = maxWaitNanos;
  }

  /** Asks once, also if the thread is interrupted. */
  Optional<Lease> once() {
    Optional<Lease> lease;
    try {
      lease = Interrupts.complete(() -> ask(0, LockCommands.PROMISED_OR_NOT)).lease();
    } catch (RuntimeException | Error e) {
      withdraw(e);
      throw e;
    }
    if (lease.isEmpty()) {
      giveUp();
    }
    return lease;
  }

  /** Asks until the lock is had or the time is over, at least once. */
  Optional<Lease> patiently() throws InterruptedException {
    Optional<Lease> lease;
    try {
      lease = askAndPause();
    } catch (RuntimeException | InterruptedException | Error e) {
      withdraw(e);
      throw e;
    } finally {
      if (seat != null) {
        seat.close();
      }
    }
    if (lease.isEmpty()) {
      giveUp();
    }
    return lease;
  }

  private Optional<Lease> askAndPause() throws InterruptedException {
    while (true) {
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
      try {
        Reply reply = askAsWaiter();
        if (reply.lease().isPresent() || millisLeft() <= 0) {
          return reply.lease();
        }
        failures = 0;
        if (seat == null) {
          seat = connections.tryTake();
        }
        pause(reply.heldMillis());
      } catch (JedisException e) {
        if (Interrupts.clear(e)) {
          throw interrupted(e);
        }
        if (!Failures.isPassing(e) || millisLeft() <= 0) {
          throw e;
        }
        backOff();
      }
    }
  }

  private Reply askAsWaiter() {
    // Also before it has a seat: it asks for one only if it is refused, and then mostly gets it.
    boolean favoured = seat == null && refused;
    long wait = Math.min(millisLeft(), WAITER_MEMORY_MILLIS);
    if (favoured) {
      // Nobody can wake it; but who lets it go first must know of it.
      return ask(commands.order() == Kind.Order.OPEN ? 0 : wait, LockCommands.PROMISED_OR_NOT);
    }
    return ask(wait, wake);
  }

  private Reply ask(long waitMillis, String wakeValue) {
    if (late != null) {
      commands.withdraw(late);
      late = null;
    }
    boolean unknownBefore = outcomeUnknown;
    outcomeUnknown = true;
    long asked = System.nanoTime();
    try {
      Reply reply = replyTo(waitMillis, wakeValue, asked);
      outcomeUnknown = false;
      return reply;
    } catch (JedisException e) {
      outcomeUnknown = unknownBefore || commands.mayHaveRun(e);
      suspect |= outcomeUnknown;
      throw e;
    } catch (LockStateException e) {
      outcomeUnknown = unknownBefore;
      counted = false;
      throw e;
    }
  }

  private Reply replyTo(long waitMillis, String wakeValue, long asked) {
    long waited = TimeUnit.NANOSECONDS.toMillis(asked - arrived);
    long reply = commands.acquire(owner, leaseMillis, waitMillis, waited, wakeValue, sends);
    if (reply < 0) {
      refused = true;
      counted |= waitMillis > 0 && commands.order() != Kind.Order.OPEN;
      return new Reply(Optional.empty(), -1 - reply);
    }
    counted = false;
    Claim claim = new Claim(owner, reply, refused, suspect || sends.anyUnanswered());
    if (System.nanoTime() - asked < Renewals.certainNanos(leaseMillis)) {
      Hold hold = Hold.of(commands, claim, leaseMillis, asked, settings);
      return new Reply(Optional.of(new Lease(hold)), 0);
    }
    // The reply took longer than the lease lasts. Who asks next is another owner, whom a release
    // of this one cannot harm that arrives late itself.
    late = owner;
    owner = newOwner();
    sends = new Sends();
    suspect = false;
    commands.withdraw(late);
    late = null;
    return new Reply(Optional.empty(), SHORTEST_PAUSE_MILLIS);
  }

  /** Waits until it is worth asking again. */
  private void pause(long heldMillis) throws InterruptedException {
    long most = Math.min(heldMillis + 1, millisLeft());
    if (seat != null) {
      long block = Math.min(most, LONGEST_WAIT_MILLIS) - BLOCK_OVERSHOOT_MILLIS;
      if (block >= SHORTEST_BLOCK_MILLIS) {
        block(seat, block);
        return;
      }
    }
    // Nothing else would ever favour one that cannot block.
    wake = LockCommands.PROMISED_OR_NOT;
    boolean soonOver = seat != null && most <= BLOCK_OVERSHOOT_MILLIS + SHORTEST_BLOCK_MILLIS;
    long pause = between(SHORTEST_PAUSE_MILLIS, soonOver ? 20 : LONGEST_PAUSE_MILLIS);
    TimeUnit.MILLISECONDS.sleep(Math.min(pause, most));
  }

  private void block(WaitingConnections.Seat taken, long millis) throws InterruptedException {
    wake = LockCommands.NOT_WOKEN;
    try {
      @Nullable String value = taken.await(commands.wakeKey(), millis);
      wake = value != null ? value : LockCommands.NOT_WOKEN;
    } catch (JedisException e) {
      if (Interrupts.clear(e)) {
        throw interrupted(e);
      }
      if (!Failures.isPassing(e) && !(e instanceof JedisRedirectionException)) {
        throw e;
      }
      backOff();
    }
  }

  private void backOff() throws InterruptedException {
    failures = Math.min(failures + 1, 10);
    wake = LockCommands.NOT_WOKEN;
    long most = Math.min(LONGEST_BACKOFF_MILLIS, SHORTEST_PAUSE_MILLIS << failures);
    TimeUnit.MILLISECONDS.sleep(Math.max(0, Math.min(between(most / 2, most), millisLeft())));
  }

  /** Gives up after a failure. */
  private void withdraw(Throwable failure) {
    try {
      if (late != null) {
        giveBack(late);
      }
    } catch (RuntimeException e) {
      failure.addSuppressed(e);
    }
    try {
      if (mayBeUnderWay()) {
        giveBack(owner);
      } else if (counted) {
        leave();
      }
    } catch (RuntimeException e) {
      failure.addSuppressed(e);
    }
  }

  /**
   * Gives up after a refusal. It throws if a request may be under way that it could not have
   * refused, since that one may be granted yet.
   */
  private void giveUp() {
    if (mayBeUnderWay()) {
      giveBack(owner);
    } else if (counted) {
      try {
        leave();
      } catch (JedisException e) {
        // It keeps others out no longer than for a moment.
        if (!Failures.isPassing(e)) {
          throw e;
        }
      }
    }
  }

  /** Whether a request may be granted, or has been, without our knowledge. */
  private boolean mayBeUnderWay() {
    return outcomeUnknown || suspect || sends.anyUnanswered();
  }

  /** Ends what may have been granted, and has refused what may still be under way. */
  private void giveBack(String grantee) {
    boolean unused = Interrupts.complete(() -> commands.withdraw(grantee));
  }

  /** Keeps nobody out any more. */
  private void leave() {
    boolean unused = Interrupts.complete(() -> commands.leave(owner));
  }

  /** Returns the time left, rounded up: a wait does not end early. */
  private long millisLeft() {
    long left = maxWaitNanos - (System.nanoTime() - start);
    return left <= 0 ? 0 : TimeUnit.NANOSECONDS.toMillis(left) + 1;
  }

  private static long between(long least, long most) {
    return ThreadLocalRandom.current().nextLong(least, most + 1);
  }

  private static InterruptedException interrupted(JedisException cause) {
    InterruptedException interrupted = new InterruptedException();
    interrupted.initCause(cause);
    return interrupted;
  }

  private static String newOwner() {
    byte[] id = new byte[12];
    RANDOM.nextBytes(id);
    return TEXT.encodeToString(id);
  }

  /** The answer to one request; how long the lock is held at most matters if there is no lease. */
  private record Reply(Optional<Lease> lease, long heldMillis) {}
}
