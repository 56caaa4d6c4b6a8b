package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.Ticker;
import redis.clients.jedis.exceptions.JedisException;

/**
 * The loop of a thread that reads over a connection of its own. Nothing ends it but its reader:
 * whatever a step throws costs a rest, and is told.
 *
 * <p>What is to be done over a new connection is done until it has ended well, however often the
 * server refuses it. So is joining a group that may be another one by now.
 */
final class ReadingLoop implements Runnable {

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

  private volatile boolean rejoin;

  // Used by the reading thread alone.
  /** Whether there may be entries that a connection before has lost. */
  private boolean unrecovered;

  /** Whether it has gone on without a rest since it last succeeded. */
  private boolean hurried;

  /**
   * Makes one that does not run yet.
   *
   * @param subscription which one the listener is told of
   */
  ReadingLoop(
      Reader reader,
      Link link,
      Rest rest,
      Ticker ticker,
      Reports reports,
      DurableSubscription subscription) {
    this.reader = reader;
    this.link = link;
    this.rest = rest;
    this.reports = reports;
    this.subscription = subscription;
    this.backoff = new Backoff(ticker);
  }

  /** Has it join the group again before it reads on. Any thread may ask for that. */
  void rejoin() {
    rejoin = true;
  }

  /** Whether it is to join first. */
  boolean isToRejoin() {
    return rejoin;
  }

  @Override
  public void run() {
    try {
      while (reader.goesOn()) {
        try {
          turn();
        } catch (InterruptedException e) {
          // By someone who interrupts every thread there is.
          reports.log.debug(e, "A reading thread was interrupted");
        } catch (Throwable t) {
          failed(t);
        }
      }
    } finally {
      try {
        link.drop();
      } finally {
        reader.readingEnded();
      }
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

  private void failed(Throwable error) {
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
