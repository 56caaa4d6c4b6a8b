package io.github.redistoolkit.pubsub;

import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Works off a queue on an executor, one entry at a time, in at most one task at any moment.
 *
 * <p>The task ends when the queue is empty and gives way to others after {@value #YIELD_AFTER}
 * entries. What one entry does happens-before the next, whatever threads run them.
 */
final class SerialTask implements Runnable {

  /** A queue, safe for the threads that fill it and the one that works it off. */
  interface Work {
    /** Takes and does the next piece; false if there is none. Must not throw. */
    boolean doNext();

    boolean isEmpty();
  }

  static final int YIELD_AFTER = 256;

  private static final Logger LOG = LoggerFactory.getLogger(SerialTask.class);

  private final Executor executor;
  private final Work work;
  private final AtomicBoolean scheduled = new AtomicBoolean();
  private volatile boolean rejected;

  SerialTask(Executor executor, Work work) {
    this.executor = executor;
    this.work = work;
  }

  /**
   * Makes sure that the work goes on. To be called after each entry put into the queue, and once in
   * a while, since an executor that refused may take the task later.
   */
  void wake() {
    // A task that is scheduled looks at the queue once more after it says that it is not.
    if (!scheduled.get() && !work.isEmpty() && scheduled.compareAndSet(false, true)) {
      submit();
    }
  }

  @Override
  public void run() {
    for (int done = 0; done < YIELD_AFTER; done++) {
      if (!work.doNext()) {
        scheduled.set(false);
        // An entry may have come after the queue was found empty and before the line above.
        wake();
        return;
      }
    }
    submit();
  }

  private void submit() {
    try {
      executor.execute(this);
      rejected = false;
    } catch (RuntimeException | Error e) { // an Error where no thread can be had
      scheduled.set(false);
      // An empty queue: closed meanwhile, together with the executor.
      if (!rejected && !work.isEmpty()) {
        LOG.warn("The executor refuses to run handlers; trying again every second", e);
        rejected = true;
      }
    }
  }
}
