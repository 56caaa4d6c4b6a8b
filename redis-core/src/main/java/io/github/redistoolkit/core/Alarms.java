package io.github.redistoolkit.core;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Runs short tasks when their time has come, all in one daemon thread.
 *
 * <p>A task must neither wait nor make I/O, since all others wait for it; what it throws is logged.
 * The thread is started by the first task and ends once there has been none for a second or two.
 * Thread-safe.
 */
public final class Alarms {

  private static final EventLog LOG = EventLog.shared(Alarms.class);

  private static final long IDLE_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static final Alarms SHARED =
      new Alarms(Ticker.system(), Daemons.named("redis-toolkit-timer-"));

  private final Ticker ticker;
  private final ThreadFactory threads;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  @GuardedBy("lock")
  private final TreeSet<Alarm> pending = new TreeSet<>();

  @GuardedBy("lock")
  private long made;

  @GuardedBy("lock")
  private boolean running;

  /** Alarms by another clock, whose due tasks a test runs itself if its threads do nothing. */
  Alarms(Ticker ticker, ThreadFactory threads) {
    this.ticker = ticker;
    this.threads = threads;
  }

  /**
   * Returns the alarms of this JVM, which all modules share.
   *
   * @return the alarms that run by {@link System#nanoTime}
   */
  public static Alarms shared() {
    return SHARED;
  }

  /**
   * Returns the clock by which the alarms go.
   *
   * @return the clock
   */
  public Ticker ticker() {
    return ticker;
  }

  /** A task whose time may still have to come. */
  public static final class Alarm implements Comparable<Alarm> {

    private final Alarms alarms;
    private final Runnable task;
    private final long at;
    private final long number;

    private Alarm(Alarms alarms, Runnable task, long at, long number) {
      this.alarms = alarms;
      this.task = task;
      this.at = at;
      this.number = number;
    }

    /** Forgets the task, unless it has begun. */
    public void cancel() {
      alarms.remove(this);
    }

    /** Orders by time, on a clock that may overflow. */
    @Override
    public int compareTo(Alarm other) {
      int byTime = Long.signum(at - other.at);
      return byTime != 0 ? byTime : Long.compare(number, other.number);
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return this == other;
    }

    @Override
    public int hashCode() {
      return Long.hashCode(number);
    }
  }

  /**
   * Runs a task later.
   *
   * @param at when, on the clock of {@link #ticker}; at once if that is past
   * @param task takes no time and makes no I/O
   * @return what may be cancelled
   * @throws OutOfMemoryError if the thread is not there and cannot be started
   */
  public Alarm at(long at, Runnable task) {
    lock.lock();
    try {
      Alarm alarm = new Alarm(this, task, at, ++made);
      pending.add(alarm);
      if (running) {
        if (pending.first().number == alarm.number) {
          changed.signal();
        }
      } else {
        start(alarm);
      }
      return alarm;
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private void start(Alarm first) {
    try {
      Thread thread = threads.newThread(this::run);
      if (thread != null) {
        thread.start();
        running = true;
      }
    } catch (Throwable e) {
      // Whoever is told so must not be called back all the same.
      pending.remove(first);
      throw e;
    }
  }

  private void remove(Alarm alarm) {
    lock.lock();
    try {
      pending.remove(alarm);
    } finally {
      lock.unlock();
    }
  }

  /** Runs all tasks whose time has come. */
  void runDue() {
    for (Alarm alarm : takeDue()) {
      try {
        alarm.task.run();
      } catch (Throwable e) {
        LOG.warn(e, "A task of the timer failed");
      }
    }
  }

  private List<Alarm> takeDue() {
    List<Alarm> due = new ArrayList<>();
    lock.lock();
    try {
      long now = ticker.nanoTime();
      while (!pending.isEmpty() && pending.first().at - now <= 0) {
        due.add(pending.pollFirst());
      }
    } finally {
      lock.unlock();
    }
    return due;
  }

  private void run() {
    while (awaitDue()) {
      runDue();
    }
  }

  /** Waits until a task is due; false if there has been none for so long that the thread ends. */
  private boolean awaitDue() {
    lock.lock();
    try {
      long idleSince = ticker.nanoTime();
      while (true) {
        long now = ticker.nanoTime();
        if (!pending.isEmpty()) {
          idleSince = now;
        }
        long wait = pending.isEmpty() ? idleSince + IDLE_NANOS - now : pending.first().at - now;
        if (wait <= 0) {
          running = !pending.isEmpty();
          return running;
        }
        // No longer, as what it waits for may be cancelled, of which it is not told.
        long unused = changed.awaitNanos(Math.min(wait, IDLE_NANOS));
      }
    } catch (InterruptedException e) {
      // By someone who interrupts every thread there is. Who needs the time starts another.
      LOG.debug(e, "The timer was interrupted");
      return true;
    } finally {
      lock.unlock();
    }
  }
}
