package io.github.redistoolkit.core;

import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Works off a queue on an executor, one entry at a time, in at most one task at any moment.
 *
 * <p>The task ends when the queue is empty. It gives way to others after {@value #YIELD_AFTER}
 * entries, and after any during which its thread was interrupted, so that an interrupt is felt by
 * one entry alone. What one entry does happens-before the next, whatever threads run them.
 *
 * <p>Any executor will do. Each submission is a token that counts once: whether the executor throws
 * before or after it took the task, drops it, keeps it for later, or runs it at once on the thread
 * that hands it over, no entry is done twice, out of order, or never, as long as {@link #revive} is
 * called once in a while. Nothing that an entry throws ends this. Thread-safe.
 */
public final class SerialTask {

  /** A queue, safe for the threads that fill it and the one that works it off. */
  public interface Work {

    /**
     * Takes and does the next entry.
     *
     * @return false if there is none
     */
    boolean doNext();

    /**
     * Tells whether there is an entry.
     *
     * @return false if there is one
     */
    boolean isEmpty();
  }

  static final int YIELD_AFTER = 256;

  /** How long an executor may keep a task before it is given another. Doubles each time. */
  static final long FIRST_PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(30);

  private static final int MOST_DOUBLINGS = 6;

  private final Executor executor;
  private final Work work;
  private final EventLog log;
  private final Ticker ticker;

  /** What was submitted last and has not come to its end; null if nothing is to be done. */
  private final AtomicReference<@Nullable Submission> current = new AtomicReference<>();

  private final AtomicInteger lost = new AtomicInteger();

  /**
   * Makes one. Nothing is submitted.
   *
   * @param executor what runs the work
   * @param work the queue
   * @param log where it is said that the executor refuses
   * @param ticker what time is measured with
   */
  public SerialTask(Executor executor, Work work, EventLog log, Ticker ticker) {
    this.executor = executor;
    this.work = work;
    this.log = log;
    this.ticker = ticker;
  }

  /** Whose a submission is. */
  private enum State {
    /** The executor's, which may run it. */
    WAITING,
    /** The thread's that works it off. */
    TAKEN,
    /** That of the thread which is handing it over, in a task that it thought was at its end. */
    NESTED,
    /** Nobody's: if the executor runs it after all, nothing happens. */
    REVOKED
  }

  private final class Submission implements Runnable {
    final long sinceNanos = ticker.nanoTime();

    /** The thread that submits it at the end of the one before; null if it is none of ours. */
    private final @Nullable Thread submitter;

    /** Means something to the submitter alone. */
    private boolean beingSubmitted;

    private final AtomicReference<State> state = new AtomicReference<>(State.WAITING);

    Submission(@Nullable Thread submitter) {
      this.submitter = submitter;
    }

    @Override
    public void run() {
      if (submitter == Thread.currentThread() && beingSubmitted) {
        boolean unused = leaveWaiting(State.NESTED);
      } else if (leaveWaiting(State.TAKEN)) {
        workOff(this);
      }
    }

    boolean leaveWaiting(State to) {
      return state.compareAndSet(State.WAITING, to);
    }

    boolean isNested() {
      return state.get() == State.NESTED;
    }
  }

  /** Makes sure that the work goes on. To be called after each entry put into the queue. */
  public void wake() {
    // A task that runs looks at the queue once more after it is no longer current.
    if (current.get() == null && !work.isEmpty()) {
      Submission submission = new Submission(null);
      if (current.compareAndSet(null, submission)) {
        submit(submission);
      }
    }
  }

  /**
   * Makes sure that the work goes on after the executor refused or lost a task. To be called once
   * in a while.
   */
  public void revive() {
    Submission waiting = current.get();
    if (waiting != null) {
      long patience = FIRST_PATIENCE_NANOS << Math.min(lost.get(), MOST_DOUBLINGS);
      if (ticker.nanoTime() - waiting.sinceNanos < patience || !revoke(waiting)) {
        return;
      }
      lost.incrementAndGet();
      log.warn(
          "The executor has not run a task for {} s; it is given another",
          TimeUnit.NANOSECONDS.toSeconds(patience));
    }
    wake();
  }

  private boolean revoke(Submission submission) {
    return submission.leaveWaiting(State.REVOKED) && current.compareAndSet(submission, null);
  }

  private void submit(Submission submission) {
    submission.beingSubmitted = true;
    try {
      executor.execute(submission);
    } catch (Throwable t) { // an Error where no thread can be had
      // If it was taken all the same, it is being done.
      if (revoke(submission) && !work.isEmpty()) {
        log.warn(t, "The executor refuses a task; it is tried again in a moment");
      }
    } finally {
      submission.beingSubmitted = false;
    }
  }

  private void workOff(Submission taken) {
    Submission mine = taken;
    lost.set(0);
    int left = YIELD_AFTER;
    boolean endedWell = false;
    try {
      while (true) {
        boolean interrupted = false;
        boolean empty = false;
        while (left > 0 && !interrupted && !empty) {
          empty = !doNext();
          interrupted = Thread.currentThread().isInterrupted();
          left--;
        }
        if (empty) {
          current.set(null);
          // An entry may have come after the queue was found empty and before the line above.
          if (work.isEmpty() || !current.compareAndSet(null, mine)) {
            endedWell = true;
            return;
          }
          left = Math.max(left, 1);
        } else {
          Submission next = new Submission(Thread.currentThread());
          current.set(next);
          mine = next;
          submit(next);
          if (!next.isNested()) {
            endedWell = true;
            return;
          }
          // The executor had this thread run it. No other will clear the interrupt.
          boolean unused = Thread.interrupted();
          left = YIELD_AFTER;
        }
      }
    } finally {
      if (!endedWell) {
        current.compareAndSet(mine, null);
      }
    }
  }

  private boolean doNext() {
    try {
      return work.doNext();
    } catch (Throwable t) {
      log.warn(t, "An entry failed; going on with the next");
      return true;
    }
  }
}
