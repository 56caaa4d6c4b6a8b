package io.github.redistoolkit.coalescing;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.Loan;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
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

  /** How long to wait before a look at the clock, so that no bound is too long to be counted. */
  private static final Duration LOOK = Duration.ofHours(1);

  private static final EventLog LOG = EventLog.shared(Lanes.class);

  private final Connections connections;
  private final int lanes;
  private final Executor carriers;

  /** Made while there is room for it. */
  private final JedisException heapFull =
      new JedisConnectionException("The thread that read the reply failed, with a full heap");

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
    if (takeLane(call)) {
      return runInLane(command);
    }
    return command.getBuilder().build(await(call));
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

  /** Waits for the outcome, in the queue no longer than for a connection of the pool. */
  private @Nullable Object await(Call call) {
    Optional<Duration> maxWait = connections.maxWait();
    long start = System.nanoTime();
    boolean bounded = maxWait.isPresent();
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
          Duration left = maxWait.get().minusNanos(System.nanoTime() - start);
          if (!left.isNegative() && !left.isZero()) {
            LockSupport.parkNanos(this, left.compareTo(LOOK) > 0 ? LOOK.toNanos() : left.toNanos());
          } else if (withdraw(call)) {
            throw waitedTooLong(maxWait.get());
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
    lock.lock();
    try {
      return queue.remove(call);
    } finally {
      lock.unlock();
    }
  }

  private JedisException waitedTooLong(Duration maxWait) {
    return new JedisException(
        "Could not get a resource from the pool",
        new NoSuchElementException(
            "Nothing was sent: waited "
                + maxWait
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
    lock.lock();
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
      List<Call> batch = exchange(next, /* alone= */ false);
      Call following = nextOrFree();
      wake(batch);
      if (following != null && !following.isVirtual()) {
        following.lead();
        following = null;
      }
      next = following;
    }
  }

  private void lead(Call leader, boolean alone) {
    List<Call> batch = List.of(leader);
    try {
      batch = exchange(leader, alone);
    } finally {
      leave();
      wake(batch);
    }
  }

  private static void wake(List<Call> batch) {
    for (int i = 0; i < batch.size(); i++) { // no iterator: the heap may be full
      batch.get(i).wake();
    }
  }

  /**
   * Settles the first call and those taken along.
   *
   * @return all that are settled
   */
  private List<Call> exchange(Call first, boolean alone) {
    List<Call> batch = List.of(first);
    try {
      batch = new ArrayList<>(MOST_COMMANDS);
      batch.add(first);
      Loan loan = borrow(batch, alone);
      if (loan != null) {
        if (!alone) {
          takeAlong(batch);
        }
        exchange(loan, batch);
      }
    } catch (RuntimeException | Error e) {
      failWith(e, batch);
    }
    return batch;
  }

  /** Borrows a connection, or settles those for whom there is none. */
  private @Nullable Loan borrow(List<Call> batch, boolean alone) {
    Call first = batch.get(0);
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
            takeAlong(batch);
            batch.forEach(call -> call.fail(e));
          }
          return null;
        }
      }
    }
  }

  /** Takes from the queue what fits into one flush. */
  private void takeAlong(List<Call> batch) {
    int bytes = 0;
    lock.lock();
    try {
      while (batch.size() < MOST_COMMANDS) {
        Call next = queue.peek();
        if (next == null || bytes + next.bytes() > MOST_BYTES) {
          return;
        }
        bytes += next.bytes();
        batch.add(queue.remove());
      }
    } finally {
      lock.unlock();
    }
  }

  /** Writes all, reads all. Where that ends early, the outcome of the others is unknown. */
  private void exchange(Loan loan, List<Call> batch) {
    // An interrupt of before would close the socket of a virtual thread.
    boolean interrupted = Thread.interrupted();
    boolean aligned = false;
    try {
      Connection connection = loan.connection();
      for (Call call : batch) {
        connection.sendCommand(call.arguments());
      }
      boolean flush = true;
      boolean demoted = false;
      for (Call call : batch) {
        Object reply = read(connection, flush);
        flush = false;
        demoted |= reply instanceof JedisDataException error && isDemoted(error);
        call.answer(reply);
      }
      aligned = !demoted;
    } catch (RuntimeException | Error e) {
      failWith(e, batch);
    } finally {
      end(loan, aligned);
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Settles those that have no outcome yet: what a thread throws is its own caller's alone. */
  private void failWith(Throwable failure, List<Call> batch) {
    JedisException lost = unknown(failure);
    for (int i = 0; i < batch.size(); i++) {
      Call call = batch.get(i);
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
    } catch (OutOfMemoryError full) {
      return heapFull;
    }
  }
}
