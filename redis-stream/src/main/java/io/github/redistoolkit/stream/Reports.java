package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Callbacks;
import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.SerialTask;
import io.github.redistoolkit.core.Ticker;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Tells the listener, never on a thread that reads or renews, and in order. Bounded, should the
 * listener hang. Thread-safe.
 */
final class Reports implements SerialTask.Work {

  private static final int MOST_QUEUED = 10_000;

  /** Where is said what no listener is to be told. */
  final EventLog log = EventLog.of(DurableTopic.class);

  private final DurableListener listener;
  private final SerialTask task;
  private final ReentrantLock lock = new ReentrantLock();
  private final Deque<Consumer<DurableListener>> queue = new ArrayDeque<>();

  Reports(DurableListener listener) {
    this.listener = listener;
    this.task = new SerialTask(Callbacks.shared()::run, this, log, Ticker.system());
  }

  /** Has the listener told soon. */
  void tell(Consumer<DurableListener> event) {
    boolean room;
    lock.lock();
    try {
      room = queue.size() < MOST_QUEUED;
      if (room) {
        queue.add(event);
      }
    } finally {
      lock.unlock();
    }
    if (!room) {
      log.warn("The listener is too slow: one event is not told");
    }
    task.wake();
  }

  /** Tells the listener on this thread. */
  void tellNow(Consumer<DurableListener> event) {
    try {
      event.accept(listener);
    } catch (Throwable t) {
      log.warn(t, "The listener threw");
    }
  }

  @Override
  public boolean doNext() {
    Consumer<DurableListener> next = poll();
    if (next == null) {
      return false;
    }
    tellNow(next);
    return true;
  }

  private @Nullable Consumer<DurableListener> poll() {
    lock.lock();
    try {
      return queue.poll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public boolean isEmpty() {
    lock.lock();
    try {
      return queue.isEmpty();
    } finally {
      lock.unlock();
    }
  }
}
