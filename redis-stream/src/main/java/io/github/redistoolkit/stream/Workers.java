package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Callbacks;
import io.github.redistoolkit.core.Ticker;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Has an executor call the handlers of a subscription, on no more threads at a time than there is
 * work for. Where the executor is the topic's own, the thread that reads calls them too, as long as
 * they are quick: then no other need be woken. Thread-safe.
 */
final class Workers {

  /** So that others have their turn on the executor. */
  private static final int YIELD_AFTER = 256;

  /**
   * How long a handler may take to be called by the thread that reads. To wake another thread takes
   * about as long, and what a handler takes is what messages behind it are read later.
   */
  private static final long QUICK_NANOS = TimeUnit.MICROSECONDS.toNanos(100);

  /** After how long the thread that reads leaves the rest to others. */
  private static final long LONGEST_STAY_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

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
  private final Ticker ticker;

  /** Whether the handler that was called last was. */
  private volatile boolean quick = true;

  // Guarded by the lock of that life.
  private int count;

  Workers(OwnSubscription subscription, Settings<?> settings, Work work) {
    this(subscription, settings, work, subscription.ticker);
  }

  /** Workers whose time is measured by a clock of a test. */
  Workers(OwnSubscription subscription, Settings<?> settings, Work work, Ticker ticker) {
    this.subscription = subscription;
    this.settings = settings;
    this.work = work;
    this.life = subscription.life;
    this.ticker = ticker;
  }

  /** How many are at work. Asked under the lock. */
  int count() {
    return count;
  }

  /** Waits until none is at work, but for one whose handler asks; false if some are by then. */
  boolean awaitIdle(long deadlineNanos) throws InterruptedException {
    int own = Handling.isBy(subscription) ? 1 : 0;
    return life.await(deadlineNanos, () -> count <= own);
  }

  /** Has as many threads at work as may be. */
  void pump() {
    while (reserve()) {
      if (!execute()) {
        return;
      }
    }
  }

  /**
   * The same, for a thread that reads: it is one of them, if handlers are quick.
   *
   * @param handleNext what it is to handle, as {@link Work#handleNext}
   */
  void pump(ReadingLoop loop, Supplier<Boolean> handleNext) {
    if (!quick || !settings.executorIsOwn() || !reserve()) {
      pump();
      return;
    }
    pump(); // the others, since this one may stay for a while
    if (!loop.work(() -> runHere(handleNext))) {
      boolean unused = execute();
    }
  }

  private boolean reserve() {
    return life.locked(
        () -> {
          boolean one = life.isOpen() && work.isForOneMore(count);
          count += one ? 1 : 0;
          return one;
        });
  }

  /** Has the executor do what was reserved; false if it refuses. */
  private boolean execute() {
    try {
      settings.executor().execute(this::run);
      return true;
    } catch (Throwable t) { // an Error where no thread can be had
      life.change(() -> count--);
      settings.reports().log.warn(t, "The executor refuses a task; it is tried again in a second");
      var unused =
          subscription.alarms.at(subscription.ticker.nanoTime() + REFUSED_NANOS, this::pumpSoon);
      return false;
    }
  }

  /** On a thread that may run handlers, should the executor do so. */
  void pumpSoon() {
    Callbacks.shared().run(this::pump);
  }

  private void run() {
    // An interrupt is for the executor to clear.
    run(work::handleNext, () -> !Thread.currentThread().isInterrupted());
  }

  private void runHere(Supplier<Boolean> handleNext) {
    long end = ticker.nanoTime() + LONGEST_STAY_NANOS;
    run(handleNext, () -> !Thread.interrupted() && quick && end - ticker.nanoTime() > 0);
  }

  private void run(Supplier<Boolean> handleNext, Supplier<Boolean> goesOn) {
    try {
      Handling.by(subscription, () -> handleSome(handleNext, goesOn));
    } finally {
      life.change(() -> count--);
    }
    pump();
  }

  private void handleSome(Supplier<Boolean> handleNext, Supplier<Boolean> goesOn) {
    long begun = ticker.nanoTime();
    for (int i = 0; i < YIELD_AFTER && handleNext.get(); i++) {
      long ended = ticker.nanoTime();
      quick = ended - begun < QUICK_NANOS;
      begun = ended;
      if (!goesOn.get()) {
        return;
      }
    }
  }
}
