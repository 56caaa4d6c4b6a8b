package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Ticker;
import java.util.ArrayList;
import java.util.List;
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
  private final List<Waiter> waiters = new ArrayList<>();
  private Stage stage = Stage.OPEN;

  Life(Ticker ticker) {
    this.ticker = ticker;
  }

  /**
   * Somebody who waits. Whoever changes something looks whether it is what is waited for, which
   * costs far less than to wake all threads that wait, each to look for itself.
   */
  private record Waiter(Supplier<Boolean> condition, Condition wake) {}

  /** Reads or changes what the lock guards, such that nobody who waits need be woken. */
  <R> R locked(Supplier<R> what) {
    lock.lock();
    try {
      return what.get();
    } finally {
      lock.unlock();
    }
  }

  /** Changes what the lock guards, and wakes those who have waited for that. */
  void change(Runnable what) {
    lock.lock();
    try {
      what.run();
      wake();
    } finally {
      lock.unlock();
    }
  }

  private void wake() {
    for (Waiter each : waiters) {
      if (each.condition.get()) {
        each.wake.signal();
      }
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
      wake();
      return first;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until something is so that the lock guards; false if it is not by then.
   *
   * @param condition asked by other threads too, under the lock, so that it must not depend on who
   *     asks
   */
  boolean await(long deadlineNanos, Supplier<Boolean> condition) throws InterruptedException {
    lock.lock();
    try {
      if (condition.get()) {
        return true;
      }
      Waiter waiter = new Waiter(condition, lock.newCondition());
      waiters.add(waiter);
      try {
        return await(deadlineNanos, waiter);
      } finally {
        waiters.remove(waiter);
      }
    } finally {
      lock.unlock();
    }
  }

  private boolean await(long deadlineNanos, Waiter waiter) throws InterruptedException {
    while (!waiter.condition.get()) {
      long left = deadlineNanos - ticker.nanoTime();
      if (left <= 0) {
        return false;
      }
      long unused = waiter.wake.awaitNanos(left);
    }
    return true;
  }

  /** Rests, unless the end begins meanwhile. */
  void pause(long nanos) throws InterruptedException {
    boolean unused = await(ticker.nanoTime() + nanos, () -> stage != Stage.OPEN);
  }
}
