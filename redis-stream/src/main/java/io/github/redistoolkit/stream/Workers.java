package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Callbacks;
import java.util.concurrent.TimeUnit;

/**
 * Has an executor call the handlers of a subscription, on no more threads at a time than there is
 * work for. Thread-safe.
 */
final class Workers {

  /** So that others have their turn on the executor. */
  private static final int YIELD_AFTER = 256;

  private static final long REFUSED_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** What is to be done. */
  interface Work {

    /** Whether another thread may go to work beside so many; asked under the lock. */
    boolean isForOneMore(int workers);

    /** Calls the handler for what is next; false if there is nothing. */
    boolean handleNext();
  }

  private final OwnSubscription subscription;
  private final Settings<?> settings;
  private final Work work;
  private final Life life;

  // Guarded by the lock of that life.
  private int count;

  Workers(OwnSubscription subscription, Settings<?> settings, Work work) {
    this.subscription = subscription;
    this.settings = settings;
    this.work = work;
    this.life = subscription.life;
  }

  /** How many are at work. Asked under the lock. */
  int count() {
    return count;
  }

  /** Whether none is at work, but for one whose handler asks. Asked under the lock. */
  boolean isIdle() {
    return count <= (Handling.isBy(subscription) ? 1 : 0);
  }

  /** Has as many threads at work as may be. */
  void pump() {
    while (life.locked(this::reserve)) {
      try {
        settings.executor().execute(this::run);
      } catch (Throwable t) { // an Error where no thread can be had
        life.change(() -> count--);
        settings
            .reports()
            .log
            .warn(t, "The executor refuses a task; it is tried again in a second");
        var unused =
            subscription.alarms.at(subscription.ticker.nanoTime() + REFUSED_NANOS, this::pumpSoon);
        return;
      }
    }
  }

  /** On a thread that may run handlers, should the executor do so. */
  void pumpSoon() {
    Callbacks.shared().run(this::pump);
  }

  private boolean reserve() {
    boolean one = life.isOpen() && work.isForOneMore(count);
    count += one ? 1 : 0;
    return one;
  }

  private void run() {
    try {
      Handling.by(subscription, this::handleSome);
    } finally {
      life.change(() -> count--);
    }
    pump();
  }

  private void handleSome() {
    boolean goesOn = true;
    for (int i = 0; i < YIELD_AFTER && goesOn; i++) {
      // An interrupt is for the executor to clear.
      goesOn = work.handleNext() && !Thread.currentThread().isInterrupted();
    }
  }
}
