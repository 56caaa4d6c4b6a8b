package io.github.redistoolkit.pubsub;

import com.google.gson.reflect.TypeToken;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The way of messages from the reader to one handler: a queue bounded in bytes, worked off on the
 * executor. Thread-safe; only the reader calls {@link #offer}.
 */
final class Delivery<T> implements Subscription, SerialTask.Work {

  /** What a queued message takes beside its payload, so that empty ones are bounded too. */
  static final int BYTES_PER_MESSAGE = 64;

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

  final Topic.Kind kind;

  /** Completed when Redis has confirmed; failed when this ends before. */
  final CompletableFuture<Void> confirmation = new CompletableFuture<>();

  private final String topic;
  private final TypeToken<T> type;
  private final MessageHandler<? super T> handler;
  private final Subscriber subscriber;
  private final Settings settings;
  private final Reports reports;
  private final SerialTask task;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition room = lock.newCondition();
  private final Deque<Arrived> queue = new ArrayDeque<>();
  private long queuedBytes;
  private volatile boolean active = true;
  private final AtomicLong received = new AtomicLong();
  private final AtomicLong dropped = new AtomicLong();
  private final AtomicLong undecodable = new AtomicLong();
  private long reportedDrops;

  Delivery(
      Subscriber subscriber,
      Topic.Kind kind,
      String topic,
      TypeToken<T> type,
      MessageHandler<? super T> handler,
      Settings settings) {
    this.subscriber = subscriber;
    this.kind = kind;
    this.topic = topic;
    this.type = type;
    this.handler = handler;
    this.settings = settings;
    this.reports = subscriber.reports();
    this.task = new SerialTask(settings.executor(), this);
  }

  @Override
  public String topic() {
    return topic;
  }

  @Override
  public boolean isActive() {
    return active;
  }

  @Override
  public long received() {
    return received.get();
  }

  @Override
  public long dropped() {
    return dropped.get();
  }

  @Override
  public long undecodable() {
    return undecodable.get();
  }

  @Override
  public void close() {
    end();
    subscriber.remove(this);
  }

  /** Starts no further invocation and lets go of whatever is queued and of a reader that waits. */
  void end() {
    active = false;
    lock.lock();
    try {
      queue.clear();
      queuedBytes = 0;
      room.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Queues a message, if need be by dropping one or waiting, as the settings say. */
  void offer(String channel, byte[] payload) {
    Arrived arrived = new Arrived(channel, payload);
    lock.lock();
    try {
      if (!active) {
        return;
      }
      received.incrementAndGet();
      if (!makeRoom(arrived.bytes())) {
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
  private boolean makeRoom(long bytes) {
    while (queuedBytes + bytes > settings.queueBytes() && !queue.isEmpty()) {
      switch (settings.overflow()) {
        case DROP_OLDEST -> {
          queuedBytes -= queue.remove().bytes();
          dropped.incrementAndGet();
        }
        case DROP_NEWEST -> {
          dropped.incrementAndGet();
          return false;
        }
        case BLOCK -> room.awaitUninterruptibly();
      }
    }
    return active;
  }

  private @Nullable Arrived poll() {
    lock.lock();
    try {
      Arrived next = queue.poll();
      if (next != null) {
        queuedBytes -= next.bytes();
        room.signal();
      }
      return next;
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
    Arrived next = poll();
    if (next == null) {
      return false;
    }
    try {
      handle(next);
    } catch (Throwable t) {
      if (t instanceof InterruptedException) {
        // Whoever interrupted the thread of the executor is still to be heard there.
        Thread.currentThread().interrupt();
      }
      reports.failed(this, next.channel, next.payload, t);
    }
    return true;
  }

  private void handle(Arrived arrived) throws Exception {
    T body = decode(arrived.payload);
    if (active) {
      handler.onMessage(new Message<>(arrived.channel, body));
    }
  }

  private T decode(byte[] payload) {
    try {
      return settings.payloads().decode(payload, type);
    } catch (Payloads.UndecodableException e) {
      undecodable.incrementAndGet();
      throw e;
    }
  }

  /**
   * Once a second: reports drops and goes on with what the executor refused before. Only for one
   * thread.
   */
  void tick() {
    long drops = dropped.get();
    if (drops > reportedDrops) {
      reports.dropped(this, drops - reportedDrops);
      reportedDrops = drops;
    }
    task.wake();
  }
}
