package io.github.redistoolkit.stream;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.Ticker;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.exceptions.JedisException;

/**
 * The loop of a thread that reads over a connection of its own. Nothing ends it but its reader:
 * whatever a step throws costs a rest, and is told.
 *
 * <p>The thread may do something else in between that may take long, such as to call handlers. If
 * it does, another thread reads on.
 *
 * <p>What is to be done over a new connection is done until it has ended well, however often the
 * server refuses it. So is joining a group that may be another one by now.
 */
final class ReadingLoop {

  /** After how long at something else a thread is no more the one that reads. */
  static final long PATIENCE_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

  /** What is read, by steps of which each may throw anything. */
  interface Reader {

    /** Whether there is still somebody to read for. */
    boolean goesOn();

    /** Finds out how the group is, or makes it. */
    void join();

    /** Reads what Redis takes for delivered, though it may never have come. */
    void recover() throws InterruptedException;

    /** Reads what is new, and does whatever else is due. */
    void read() throws InterruptedException;

    /** Does whatever else the thread may do, by {@link ReadingLoop#work}. */
    default void work() {}

    /** The pool or client is closed, so that nothing more will come. */
    void clientClosed();

    /** The loop has ended, and has no connection any more. */
    default void readingEnded() {}
  }

  /** The connection. */
  interface Link {

    /** Whether the pool or client is closed. */
    boolean isClosed();

    /** Sees to it that there is a connection; returns whether it is a new one. */
    boolean ready();

    /** Ends it. */
    void drop();
  }

  /** How to rest. It may be shorter, if there is no one to read for any more. */
  interface Rest {
    void pause(long nanos) throws InterruptedException;
  }

  private final Reader reader;
  private final Link link;
  private final Rest rest;
  private final Reports reports;
  private final DurableSubscription subscription;
  private final Backoff backoff;
  private final ThreadFactory threads;
  private final Alarms alarms = Alarms.shared();

  private volatile boolean rejoin;
  private volatile @Nullable Session current;

  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private boolean working;

  @GuardedBy("lock")
  private long workingSince;

  @GuardedBy("lock")
  private boolean watched;

  // Used by the thread alone that reads for the time being.
  /** Whether there may be entries that a connection before has lost. */
  private boolean unrecovered;

  /** Whether it has gone on without a rest since it last succeeded. */
  private boolean hurried;

  /**
   * Makes one that does not run yet.
   *
   * @param ticker what rests go by
   * @param threads makes those that read
   * @param subscription which one the listener is told of
   */
  ReadingLoop(
      Reader reader,
      Link link,
      Rest rest,
      Ticker ticker,
      ThreadFactory threads,
      Reports reports,
      DurableSubscription subscription) {
    this.reader = reader;
    this.link = link;
    this.rest = rest;
    this.reports = reports;
    this.subscription = subscription;
    this.threads = threads;
    this.backoff = new Backoff(ticker);
  }

  /**
   * Has a thread begin.
   *
   * @throws OutOfMemoryError if none can be had
   */
  void start() {
    Session before = current;
    Session next = new Session();
    Thread thread = threads.newThread(next);
    current = next; // first: the thread ends if it is not its own
    try {
      thread.start();
    } catch (Throwable t) {
      current = before;
      throw t;
    }
  }

  /** Has it join the group again before it reads on. Any thread may ask for that. */
  void rejoin() {
    rejoin = true;
  }

  /** Whether it is to join first. */
  boolean isToRejoin() {
    return rejoin;
  }

  /** Whether this is the thread that reads, maybe at something else. */
  boolean isOnItsThread() {
    Session now = current;
    return now != null && now.thread == Thread.currentThread();
  }

  /** Whether the thread that reads is at something else. */
  boolean isAtWork() {
    lock.lock();
    try {
      return working;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Does something on the thread that reads, of which another takes over the reading if that takes
   * long. For {@link Reader#work} alone.
   *
   * @return whether it was done; false if there is nobody who could see that it takes long
   */
  boolean work(Runnable what) {
    if (!begin()) {
      return false;
    }
    try {
      what.run();
    } finally {
      end();
    }
    return true;
  }

  private boolean begin() {
    Throwable failure;
    lock.lock();
    try {
      workingSince = alarms.ticker().nanoTime();
      if (!watched) {
        watchUntil(workingSince + PATIENCE_NANOS);
      }
      working = true;
      return true;
    } catch (Throwable t) { // an Error where no thread can be had
      failure = t;
    } finally {
      lock.unlock();
    }
    reports.log.warn(failure, "A thread that reads cannot do anything else, as there is no timer");
    return false;
  }

  private void end() {
    lock.lock();
    try {
      // Whoever was replaced leaves it to that thread.
      working &= !isOnItsThread();
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private void watchUntil(long due) {
    var unused = alarms.at(due, this::look);
    watched = true;
  }

  /** Replaces a thread that has been at something else for too long. */
  private void look() {
    Throwable failure;
    lock.lock();
    try {
      watched = false;
      if (!working) {
        return;
      }
      long now = alarms.ticker().nanoTime();
      if (now - workingSince < PATIENCE_NANOS) {
        watchUntil(workingSince + PATIENCE_NANOS); // it has been back in between
        return;
      }
      failure = replace();
      if (failure == null) {
        return;
      }
      watchUntil(now + PATIENCE_NANOS);
    } finally {
      lock.unlock();
    }
    reports.log.warn(failure, "No thread that could read while a handler runs; trying again");
  }

  /** Has another thread read on; returns why not, if none can be had. */
  @GuardedBy("lock")
  private @Nullable Throwable replace() {
    try {
      start();
      working = false;
      return null;
    } catch (Throwable t) { // an Error where no thread can be had
      return t;
    }
  }

  /** What one thread does of it. */
  private final class Session implements Runnable {

    private volatile @Nullable Thread thread;

    @Override
    public void run() {
      thread = Thread.currentThread();
      try {
        while (current == this && reader.goesOn()) {
          try {
            turn();
          } catch (InterruptedException e) {
            // By someone who interrupts every thread there is.
            reports.log.debug(e, "A reading thread was interrupted");
          } catch (Throwable t) {
            failed(t, this);
          }
        }
      } finally {
        if (current == this) {
          over();
        }
      }
    }
  }

  private void over() {
    try {
      link.drop();
    } finally {
      reader.readingEnded();
    }
  }

  private void turn() throws InterruptedException {
    if (link.isClosed()) {
      reader.clientClosed();
      return;
    }
    if (link.ready()) {
      rejoin = true;
      unrecovered = true;
    }
    if (rejoin) {
      join();
    }
    if (unrecovered) {
      reader.recover();
      unrecovered = false;
    }
    reader.read();
    succeeded();
    reader.work();
  }

  private void join() {
    rejoin = false; // first: who asks for it meanwhile means another time
    try {
      reader.join();
    } catch (Throwable t) {
      rejoin = true;
      throw t;
    }
  }

  /** Redis has answered. For a reader whose steps take long: it tells as soon as it knows. */
  void succeeded() {
    hurried = false;
    backoff.succeeded(away -> reports.tell(listener -> listener.onReconnected(subscription, away)));
  }

  private void failed(Throwable error, Session session) {
    if (current != session) {
      reports.log.warn(error, "A thread that read has failed at something else");
      return;
    }
    if (!reader.goesOn()) {
      return;
    }
    if (isOfTheGroup(error)) {
      rejoin = true;
      if (!hurried) {
        hurried = true; // at once, but not again and again
        return;
      }
    }
    attempt(
        () -> {
          if (!(error instanceof JedisException)) {
            link.drop(); // where in an answer it broke off, nobody knows
          }
        });
    attempt(
        () ->
            backoff.failed(
                () -> reports.tell(listener -> listener.onDisconnected(subscription, error))));
    attempt(() -> rest.pause(backoff.pauseNanos()));
  }

  private static boolean isOfTheGroup(Throwable error) {
    if (!(error instanceof JedisException e)) {
      return false;
    }
    String code = Failures.code(e);
    return code.equals("NOGROUP") || code.equals("UNBLOCKED");
  }

  private interface Attempt {
    void run() throws InterruptedException;
  }

  /** Does what comes after a failure, whose own failure must not keep the rest from it. */
  private void attempt(Attempt attempt) {
    try {
      attempt.run();
    } catch (InterruptedException e) {
      reports.log.debug(e, "A reading thread was interrupted");
    } catch (Throwable t) {
      reports.log.warn(t, "A reading thread could not recover from a failure");
    }
  }
}
