package io.github.redistoolkit.core;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Runs what users want to be told, in threads that do nothing else: at most 32 daemons for all
 * modules together, which end once they have had nothing to do for a second. One that hangs keeps
 * its thread; further ones wait for a thread if 32 hang. Thread-safe.
 */
public final class Callbacks {

  private static final EventLog LOG = EventLog.shared(Callbacks.class);

  private static final int MOST_THREADS = 32;

  /** After how long it is tried again if there was no thread to be had. */
  private static final long NEXT_TRY_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  private static final Callbacks SHARED =
      new Callbacks(
          Alarms.shared(), Ticker.system(), Daemons.named("redis-toolkit-callback-"), MOST_THREADS);

  private final Alarms alarms;
  private final Ticker ticker;
  private final ThreadPoolExecutor threads;

  Callbacks(Alarms alarms, Ticker ticker, ThreadFactory threads, int most) {
    this.alarms = alarms;
    this.ticker = ticker;
    this.threads =
        new ThreadPoolExecutor(
            most, most, 1, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), threads);
    this.threads.allowCoreThreadTimeOut(true);
  }

  /**
   * Returns the threads of this JVM, which all modules share.
   *
   * @return the one instance
   */
  public static Callbacks shared() {
    return SHARED;
  }

  /**
   * Has a callback run soon by another thread. If none can be started, that is tried again until
   * one can.
   *
   * @param callback what to run; what it throws is for its own part to handle
   */
  public void run(Runnable callback) {
    try {
      threads.execute(callback);
    } catch (Throwable e) {
      runLater(callback);
      LOG.warn(e, "No thread for a callback; trying again");
    }
  }

  private void runLater(Runnable callback) {
    try {
      var unused = alarms.at(ticker.nanoTime() + NEXT_TRY_NANOS, () -> run(callback));
    } catch (Throwable e) {
      LOG.warn(e, "Nor one for the time; the callback runs in the wrong one");
      callback.run();
    }
  }
}
