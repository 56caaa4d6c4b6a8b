package io.github.redistoolkit.pubsub;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.SerialTask;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The way of messages from a reader to one handler: a queue bounded in bytes, worked off on the
 * executor. Thread-safe; only readers call {@link #offer}.
 */
final class Delivery<T> implements Subscription, SerialTask.Work {

  /** How a message becomes what the handler is given. */
  @FunctionalInterface
  interface Decoder<T> {
    T decode(String channel, byte[] payload);
  }

  /** What a queued message takes beside its payload, so that empty ones are bounded too. */
  static final int BYTES_PER_MESSAGE = 64;

  private static final long REPORT_NANOS = TimeUnit.SECONDS.toNanos(1);

  /** Whose handler is running on this thread. */
  private static final ThreadLocal<@Nullable Delivery<?>> HANDLING = new ThreadLocal<>();

  /** A queued message. */
  private static final class Arrived {
    final String channel;
    final byte[] payload;

    Arrived(String channel, byte[] payload) {
      this.channel = channel;
      this.payload = payload;
    }

    long bytes() {
      return (long) payload.length + channel.length() + BYTES_PER_MESSAGE;
    }
  }

  /** How far a subscription is. Only ever goes on. */
  private enum Life {
    OPEN,
    /** Nothing is taken in any more; what is queued is worked off. */
    DRAINING,
    CLOSED
  }

  /** What became of a message that was taken from the queue. */
  private enum Outcome {
    HANDLED,
    FAILED,
    DROPPED
  }

  final Topic.Kind kind;

  /** What is subscribed to; several only for key events. */
  final List<String> names;

  private final Decoder<T> decoder;
  private final MessageHandler<? super T> handler;
  private final Settings settings;
  private final Reports reports;
  private final Consumer<Delivery<?>> onClosed;
  private final SerialTask task;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final Deque<Arrived> queue = new ArrayDeque<>();
  private long queuedBytes;
  private volatile Life life = Life.OPEN;
  private @Nullable Thread handlingOn;

  /** How many subscribe in this very handler, which the reader must not keep from going on. */
  private int subscribing;

  private long received;
  private long handled;
  private long failed;
  private long dropped;
  private long reconnects;

  private final AtomicLong undecodable = new AtomicLong();

  private long reportedDrops;
  private long reportedNanos;
  private final AtomicBoolean dropReportQueued = new AtomicBoolean();

  Delivery(
      Topic.Kind kind,
      List<String> names,
      Decoder<T> decoder,
      MessageHandler<? super T> handler,
      Settings settings,
      Reports reports,
      Consumer<Delivery<?>> onClosed) {
    this.kind = kind;
    this.names = names;
    this.decoder = decoder;
    this.handler = handler;
    this.settings = settings;
    this.reports = reports;
    this.onClosed = onClosed;
    this.task = new SerialTask(settings.executor(), this, reports.log, settings.ticker());
    this.reportedNanos = settings.ticker().nanoTime() - REPORT_NANOS;
  }

  /** The one whose handler is running on this thread, if any. */
  static @Nullable Delivery<?> current() {
    return HANDLING.get();
  }

  @Override
  public String topic() {
    return names.size() == 1 ? names.get(0) : String.join(",", names);
  }

  @Override
  public boolean isActive() {
    return life != Life.CLOSED;
  }

  @Override
  public PubSubStats stats() {
    lock.lock();
    try {
      long queued = (long) queue.size() + (handlingOn == null ? 0 : 1);
      return new PubSubStats(received, handled, failed, dropped, queued, reconnects);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public long undecodable() {
    return undecodable.get();
  }

  @Override
  public void close() {
    end();
    onClosed.accept(this);
  }

  @Override
  @CanIgnoreReturnValue
  public boolean close(Duration maxWait) {
    Arguments.requireDuration(maxWait, "maxWait", Arguments.LONGEST_WAIT);
    drain();
    boolean all = awaitIdle(maxWait.toNanos());
    close();
    return all;
  }

  /** Takes nothing in any more. */
  void drain() {
    advance(Life.DRAINING);
  }

  /** Starts no further invocation and lets go of whatever is queued and of a reader that waits. */
  void end() {
    advance(Life.CLOSED);
  }

  private void advance(Life to) {
    lock.lock();
    try {
      if (life.compareTo(to) < 0) {
        life = to;
      }
      if (life == Life.CLOSED) {
        dropped += queue.size();
        queue.clear();
        queuedBytes = 0;
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until nothing is queued or being handled, for so long at most.
   *
   * @return false if the time or an interrupt came first, or the handler itself is waiting here
   */
  boolean awaitIdle(long nanos) {
    long left = nanos;
    lock.lock();
    try {
      while (!queue.isEmpty() || handlingOn != null) {
        if (handlingOn == Thread.currentThread()) {
          return queue.isEmpty();
        }
        if (left <= 0) {
          return false;
        }
        left = changed.awaitNanos(left);
      }
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Queues a message, if need be by dropping one or waiting, as the settings say.
   *
   * @param mayWait whether waiting still has a sense, looked at again when {@link #wakeReader} says
   *     so
   */
  void offer(String channel, byte[] payload, BooleanSupplier mayWait) {
    Arrived arrived = new Arrived(channel, payload);
    lock.lock();
    try {
      if (life != Life.OPEN) {
        return;
      }
      boolean room = makeRoom(arrived.bytes(), mayWait);
      received++;
      if (!room) {
        dropped++;
        return;
      }
      queue.add(arrived);
      queuedBytes += arrived.bytes();
    } finally {
      lock.unlock();
    }
    task.wake();
  }

  /** A message larger than the whole queue is taken when it is alone. */
  private boolean makeRoom(long bytes, BooleanSupplier mayWait) {
    while (queuedBytes + bytes > settings.queueBytes() && !queue.isEmpty()) {
      switch (settings.overflow()) {
        case DROP_OLDEST -> {
          queuedBytes -= queue.remove().bytes();
          dropped++;
        }
        case DROP_NEWEST -> {
          return false;
        }
        case BLOCK -> {
          if (subscribing > 0 || !mayWait.getAsBoolean()) {
            return life != Life.CLOSED;
          }
          changed.awaitUninterruptibly();
        }
      }
    }
    return life != Life.CLOSED;
  }

  /** Has a reader that waits for room look again whether to wait. */
  void wakeReader() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** The handler begins or ends to wait for a confirmation, so for the reader. */
  void subscribingInside(int change) {
    lock.lock();
    try {
      subscribing += change;
      changed.signalAll();
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

  @Override
  public boolean doNext() {
    Arrived next = take();
    if (next == null) {
      return false;
    }
    Outcome outcome = Outcome.FAILED;
    try {
      outcome = handle(next);
    } finally {
      finish(outcome);
    }
    return true;
  }

  private @Nullable Arrived take() {
    lock.lock();
    try {
      Arrived next = queue.poll();
      if (next != null) {
        queuedBytes -= next.bytes();
        handlingOn = Thread.currentThread();
        if (settings.overflow() == Overflow.BLOCK) {
          changed.signalAll();
        }
      }
      return next;
    } finally {
      lock.unlock();
    }
  }

  private void finish(Outcome outcome) {
    lock.lock();
    try {
      handlingOn = null;
      switch (outcome) {
        case HANDLED -> handled++;
        case FAILED -> failed++;
        case DROPPED -> dropped++;
      }
      if (life != Life.OPEN) {
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  private Outcome handle(Arrived arrived) {
    T body;
    try {
      body = decoder.decode(arrived.channel, arrived.payload);
    } catch (Throwable t) {
      undecodable.incrementAndGet();
      reports.undecodable(this, arrived.channel, arrived.payload, t);
      return Outcome.FAILED;
    }
    if (life == Life.CLOSED) {
      return Outcome.DROPPED; // closed while it was decoded
    }
    Delivery<?> around = HANDLING.get();
    HANDLING.set(this);
    try {
      handler.onMessage(new Message<>(arrived.channel, body, this));
      return Outcome.HANDLED;
    } catch (Throwable t) {
      if (t instanceof InterruptedException) {
        // Whoever interrupted the thread of the executor is still to be heard there.
        Thread.currentThread().interrupt();
      }
      reports.failed(this, arrived.channel, arrived.payload, t);
      return Outcome.FAILED;
    } finally {
      if (around == null) {
        HANDLING.remove();
      } else {
        HANDLING.set(around);
      }
    }
  }

  /** Notes that messages may have been lost. */
  void countReconnect() {
    lock.lock();
    try {
      reconnects++;
    } finally {
      lock.unlock();
    }
  }

  /** Once a second: has drops reported, and goes on with what the executor refused or lost. */
  void tick() {
    if (unreportedDrops() && dropReportQueued.compareAndSet(false, true)) {
      reports.dropped(this);
    }
    task.revive();
  }

  private boolean unreportedDrops() {
    lock.lock();
    try {
      // What is discarded by closing is no news to whoever closes.
      return life == Life.OPEN
          && dropped > reportedDrops
          && settings.ticker().nanoTime() - reportedNanos >= REPORT_NANOS;
    } finally {
      lock.unlock();
    }
  }

  /** How many drops are to be reported now, which counts as done. */
  long takeDrops() {
    dropReportQueued.set(false);
    lock.lock();
    try {
      long count = dropped - reportedDrops;
      reportedDrops = dropped;
      reportedNanos = settings.ticker().nanoTime();
      return count;
    } finally {
      lock.unlock();
    }
  }
}
