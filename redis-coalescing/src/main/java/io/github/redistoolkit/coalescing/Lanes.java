package io.github.redistoolkit.coalescing;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.Loan;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.NoSuchElementException;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.Connection;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.executors.CommandExecutor;

/**
 * A number of lanes, and a queue before them. Whoever finds a lane free takes it, borrows a
 * connection, runs its command and leaves. Whoever finds none queues. A lane that is left goes to
 * the first in the queue, who <em>leads</em>: borrows a connection, takes along those behind it,
 * writes all in one flush, reads the replies in order and leaves the lane to the next, before it
 * wakes those whose commands it carried.
 *
 * <p>A lane is free only while nobody queues. Nothing is taken out of the queue before there is a
 * connection, and nothing that was is ever put back or sent twice.
 *
 * <p>A virtual thread carries nobody else's command: an interrupt would close the socket under it.
 * A daemon thread does it in its place, which ends when it has had nothing to do for a while.
 *
 * <p>Thread-safe.
 */
final class Lanes implements CommandExecutor {

  /** The most commands in one flush: as many as a caller may have to wait for. */
  static final int MOST_COMMANDS = 64;

  /**
   * The most bytes of arguments in one flush beyond the first command. It has to fit into the
   * buffers on the way, or both sides may be stuck in writing.
   */
  static final int MOST_BYTES = 8 * 1024;

  /** Longer than anybody waits. */
  private static final Duration FOR_EVER = Duration.ofNanos(Long.MAX_VALUE);

  private static final EventLog LOG = EventLog.shared(Lanes.class);

  private final Connections connections;
  private final int lanes;
  private final Executor carriers;

  /** Made while there is room for it. */
  private final JedisException untold =
      new JedisConnectionException("The thread that read the reply failed, and cannot tell how");

  private final ReentrantLock lock = new ReentrantLock();
  private final Deque<Call> queue = new ArrayDeque<>();
  private int free;

  Lanes(Connections connections, int lanes, Executor carriers) {
    this.connections = connections;
    this.lanes = lanes;
    this.carriers = carriers;
    this.free = lanes;
  }

  @Override
  public <T> T executeCommand(CommandObject<T> command) {
    if (!Sharing.allows(command)) {
      return runAlone(command);
    }
    if (takeLane(null)) {
      return runInLane(command);
    }
    Call call = Call.of(command.getArguments());
    long longest = longestWaitNanos();
    if (takeLane(call)) {
      return runInLane(command);
    }
    return command.getBuilder().build(await(call, longest));
  }

  /** Closed by closing the pool, which is the caller's to do. */
  @Override
  public void close() {}

  int freeLanes() {
    lock.lock();
    try {
      return free;
    } finally {
      lock.unlock();
    }
  }

  /** How many callers wait for a lane. */
  int queued() {
    lock.lock();
    try {
      return queue.size();
    } finally {
      lock.unlock();
    }
  }

  /** Takes a free lane, else puts a call into the queue, if there is one. */
  private boolean takeLane(@Nullable Call orQueue) {
    lock.lock();
    try {
      if (free > 0) {
        free--;
        return true;
      }
      if (orQueue != null) {
        queue.add(orQueue);
      }
      return false;
    } finally {
      lock.unlock();
    }
  }

  private <T> T runInLane(CommandObject<T> command) {
    try {
      return runAlone(command);
    } finally {
      leave();
    }
  }

  /** As the pool does it: one connection, one command. */
  private <T> T runAlone(CommandObject<T> command) {
    Loan loan = connections.borrow();
    boolean aligned = false;
    try {
      T reply = loan.connection().executeCommand(command);
      aligned = true;
      return reply;
    } catch (JedisDataException e) {
      aligned = !isDemoted(e);
      throw e;
    } finally {
      end(loan, aligned);
    }
  }

  /** As long as for a connection of the pool. */
  private long longestWaitNanos() {
    Duration longest = connections.maxWait().orElse(FOR_EVER);
    return longest.compareTo(FOR_EVER) < 0 ? longest.toNanos() : Long.MAX_VALUE;
  }

  /**
   * Waits for the outcome, in the queue for a time at most. Nothing in here may fail while the call
   * is in the queue, whatever is left of heap and stack: the lane that it is given would be lost.
   */
  private @Nullable Object await(Call call, long longestNanos) {
    long start = System.nanoTime();
    boolean bounded = longestNanos < Long.MAX_VALUE;
    boolean interrupted = false;
    try {
      while (call.state() != Call.State.SETTLED) {
        if (call.state() == Call.State.LEADING) {
          if (interrupted) {
            Thread.currentThread().interrupt();
            interrupted = false;
          }
          lead(call, call.isVirtual());
        } else if (bounded) {
          long left = longestNanos - (System.nanoTime() - start);
          if (left > 0) {
            LockSupport.parkNanos(this, left);
          } else if (withdraw(call)) {
            throw waitedTooLong(longestNanos);
          } else {
            bounded = false;
          }
        } else {
          LockSupport.park(this);
        }
        // As a read from a socket does: the interrupt is kept for the caller, and nothing ends.
        interrupted |= Thread.interrupted();
      }
      return call.outcome();
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private boolean withdraw(Call call) {
    lockWhateverIsLeft();
    try {
      return queue.remove(call);
    } finally {
      lock.unlock();
    }
  }

  private JedisException waitedTooLong(long longestNanos) {
    return new JedisException(
        "Could not get a resource from the pool",
        new NoSuchElementException(
            "Nothing was sent: waited "
                + Duration.ofNanos(longestNanos)
                + ", the pool's longest wait, for one of "
                + lanes
                + " lanes"));
  }

  /** Leaves a lane to the first in the queue. */
  private void leave() {
    Call next = nextOrFree();
    if (next != null) {
      start(next);
    }
  }

  private @Nullable Call nextOrFree() {
    lockWhateverIsLeft();
    try {
      Call next = queue.poll();
      if (next == null) {
        free++;
      }
      return next;
    } finally {
      lock.unlock();
    }
  }

  /** Where the heap is full there may be no room for a place among those who wait for the lock. */
  private void lockWhateverIsLeft() {
    while (true) {
      try {
        lock.lock();
        return;
      } catch (OutOfMemoryError full) {
        LockSupport.parkNanos(100_000);
      }
    }
  }

  private void start(Call first) {
    if (!first.isVirtual() || queued() == 0) {
      first.lead();
      return;
    }
    try {
      carriers.execute(() -> carry(first));
    } catch (RuntimeException | Error e) {
      // Without a thread, everybody goes alone, as through the pool.
      first.lead();
      LOG.debug(e, "There is no thread to carry commands of virtual threads");
    }
  }

  /** Has a lane as long as there are virtual threads in the queue. */
  private void carry(Call first) {
    Call next = first;
    while (next != null) {
      Call carried = next;
      exchange(carried, /* alone= */ false);
      Call following = nextOrFree();
      wake(carried);
      if (following != null && !following.isVirtual()) {
        following.lead();
        following = null;
      }
      next = following;
    }
  }

  private void lead(Call leader, boolean alone) {
    exchange(leader, alone);
    try {
      leave();
    } finally {
      wake(leader);
    }
  }

  private static void wake(Call first) {
    for (Call call = first; call != null; call = call.next()) {
      call.wake();
    }
  }

  /** Settles the first call and those taken along, whatever happens, and throws nothing. */
  private void exchange(Call first, boolean alone) {
    try {
      Loan loan = borrow(first, alone);
      if (loan != null) {
        if (!alone) {
          takeAlong(first);
        }
        exchange(loan, first);
      }
    } catch (RuntimeException | Error e) {
      failWith(e, first);
    }
  }

  /** Borrows a connection, or settles those for whom there is none. */
  private @Nullable Loan borrow(Call first, boolean alone) {
    while (true) {
      try {
        return connections.borrow();
      } catch (JedisException e) {
        // A thread that carries others is interrupted by nobody but a pool that is being closed.
        boolean again =
            Failures.isInterrupt(e) && !first.isOfCurrentThread() && Thread.interrupted();
        if (!again) {
          first.fail(e);
          // Who waited in vain or was interrupted has failed alone. Else it would befall all.
          if (!alone && !Failures.isExhausted(e) && !Failures.isInterrupt(e)) {
            takeAlong(first);
            for (Call call = first; call != null; call = call.next()) {
              call.fail(e);
            }
          }
          return null;
        }
      }
    }
  }

  /** Takes from the queue what fits into one flush, and puts it behind the first. */
  private void takeAlong(Call first) {
    int bytes = 0;
    Call last = first;
    lock.lock();
    try {
      for (int commands = 1; commands < MOST_COMMANDS; commands++) {
        Call next = queue.peek();
        if (next == null || bytes + next.bytes() > MOST_BYTES) {
          return;
        }
        bytes += next.bytes();
        last.setNext(queue.remove());
        last = next;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Writes all, reads all. Where that ends early, the outcome of the others is unknown. */
  private void exchange(Loan loan, Call first) {
    // An interrupt of before would close the socket of a virtual thread.
    boolean interrupted = Thread.interrupted();
    boolean aligned = false;
    try {
      Connection connection = loan.connection();
      for (Call call = first; call != null; call = call.next()) {
        connection.sendCommand(call.arguments());
      }
      boolean flush = true;
      boolean demoted = false;
      for (Call call = first; call != null; call = call.next()) {
        Object reply = read(connection, flush);
        flush = false;
        demoted |= reply instanceof JedisDataException error && isDemoted(error);
        call.answer(reply);
      }
      aligned = !demoted;
    } catch (RuntimeException | Error e) {
      failWith(e, first);
    } finally {
      end(loan, aligned);
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Settles those that have no outcome yet: what a thread throws is its own caller's alone. */
  private void failWith(Throwable failure, Call first) {
    JedisException lost = unknown(failure);
    for (Call call = first; call != null; call = call.next()) {
      call.fail(call.isOfCurrentThread() ? failure : lost);
    }
  }

  /** Returns a reply, an error that the server answered included. */
  private static @Nullable Object read(Connection connection, boolean flush) {
    try {
      return flush ? connection.getOne() : connection.getUnflushedObject();
    } catch (JedisDataException e) {
      return e;
    }
  }

  /** From a primary that became a replica. The next connection may lead to the new one. */
  private static boolean isDemoted(JedisDataException error) {
    return Failures.code(error).equals("READONLY");
  }

  /**
   * What fails here takes no call's outcome: its reply has been read, or its own failure counts.
   */
  private static void end(Loan loan, boolean aligned) {
    if (aligned && !loan.connection().isBroken()) {
      try {
        loan.giveBack();
      } catch (JedisException e) {
        LOG.debug(e, "A connection could not be given back");
      }
    } else {
      loan.discard();
    }
  }

  /** What callers are told whose command was written, and whose reply will never be read. */
  private JedisException unknown(Throwable failure) {
    if (failure instanceof JedisConnectionException lost) {
      return lost;
    }
    try {
      return new JedisConnectionException(
          "The thread that read the reply failed: " + failure,
          // Not as the cause, where it could be taken for that of a pool that gave nothing.
          new JedisException(failure));
    } catch (RuntimeException | Error noRoom) {
      return untold;
    }
  }
}
