package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Ticker;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * How far a subscription is, and the lock under which that changes, with all that the subscription
 * keeps under it. Waits go by a ticker. Thread-safe.
 */
final class Life {

  /** Only ever goes on. */
  private enum Stage {
    OPEN,
    CLOSING,
    CLOSED
  }

  private final Ticker ticker;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private Stage stage = Stage.OPEN;

  Life(Ticker ticker) {
    this.ticker = ticker;
  }

  /** Reads or changes what the lock guards, such that nobody who waits has to look again. */
  <R> R locked(Supplier<R> what) {
    lock.lock();
    try {
      return what.get();
    } finally {
      lock.unlock();
    }
  }

  /** Changes what the lock guards, and has those look again who wait for something of it. */
  void change(Runnable what) {
    lock.lock();
    try {
      what.run();
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  boolean isOpen() {
    return locked(() -> stage == Stage.OPEN);
  }

  boolean isClosed() {
    return locked(() -> stage == Stage.CLOSED);
  }

  /** Lets nothing more begin. */
  void beginClose() {
    change(() -> stage = stage == Stage.OPEN ? Stage.CLOSING : stage);
  }

  /** Comes to the end; false if it had come there before. */
  boolean close() {
    lock.lock();
    try {
      boolean first = stage != Stage.CLOSED;
      stage = Stage.CLOSED;
      changed.signalAll();
      return first;
    } finally {
      lock.unlock();
    }
  }

  /** Waits until something is so that the lock guards; false if it is not by then. */
  boolean await(long deadlineNanos, Supplier<Boolean> condition) throws InterruptedException {
    lock.lock();
    try {
      while (!condition.get()) {
        long left = deadlineNanos - ticker.nanoTime();
        if (left <= 0) {
          return false;
        }
        long unused = changed.awaitNanos(left);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  /** Rests, unless the end begins meanwhile. */
  void pause(long nanos) throws InterruptedException {
    boolean unused = await(ticker.nanoTime() + nanos, () -> stage != Stage.OPEN);
  }
}
