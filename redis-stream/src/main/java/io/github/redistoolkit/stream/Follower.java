package io.github.redistoolkit.stream;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Daemons;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Ticker;
import io.github.redistoolkit.stream.Held.Place;
import io.github.redistoolkit.stream.StreamReplies.Entry;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.Protocol.Command;

/**
 * Reads a topic without a group, in a {@link ReadingLoop} on a thread and a connection of its own:
 * one message at a time, in order. The place in the topic is known here alone. Thread-safe.
 */
final class Follower<T> implements OwnSubscription, ReadingLoop.Reader {

  private static final ThreadFactory THREADS = Daemons.named("redis-stream-follower-");
  private static final long BLOCK_MILLIS = 2_000;
  private static final long REFUSED_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final String GENERATED = "last-generated-id";

  private final Settings<T> settings;
  private final DurableHandler<T> handler;
  private final DurableSubscription shownAs;
  private final Partitions partitions;
  private final int partition;
  private final ReentrantLock gate;
  private final Consumer<Follower<T>> onClosed;
  private final RedisAccess redis;
  private final OwnConnection connection;
  private final Ticker ticker = Ticker.system();
  private final Life life = new Life(ticker);
  private final ReadingLoop loop;

  // Guarded by the lock of its life.
  private @Nullable Thread handlingOn;
  private long handled;
  private long failed;

  // Used by the thread alone.
  /** After which id to read on. It may lie ahead of all that there is. */
  private String last;

  /** An id that the stream is known to have given. */
  private String given = StartingPoint.START.after();

  /**
   * Makes one that follows a partition, or a topic that has none.
   *
   * @param gate what lets one handler run at a time, of all that share it
   * @param shownAs which subscription the listener is told of; null for this
   */
  Follower(
      Settings<T> settings,
      Partitions partitions,
      int partition,
      String after,
      DurableHandler<T> handler,
      ReentrantLock gate,
      @Nullable DurableSubscription shownAs,
      Consumer<Follower<T>> onClosed) {
    this.settings = settings.at(partitions.parts().get(partition));
    this.partitions = partitions;
    this.partition = partition;
    this.gate = gate;
    this.shownAs = shownAs == null ? this : shownAs;
    this.last = after;
    this.handler = handler;
    this.onClosed = onClosed;
    this.redis = settings.redis();
    this.connection = new OwnConnection(redis, this.settings.keys().stream());
    this.loop =
        new ReadingLoop(
            this, connection, life::pause, ticker, settings.reports(), this.shownAs);
  }

  void start() {
    THREADS.newThread(loop).start();
  }

  @Override
  public String topic() {
    return settings.name();
  }

  @Override
  public Optional<String> group() {
    return Optional.empty();
  }

  @Override
  public boolean isActive() {
    return life.isOpen();
  }

  @Override
  public long handled() {
    return life.locked(() -> handled);
  }

  @Override
  public long failed() {
    return life.locked(() -> failed);
  }

  @Override
  public String toString() {
    return "follower of topic " + settings.name();
  }

  @Override
  public boolean goesOn() {
    return isActive();
  }

  @Override
  public void clientClosed() {
    beginClose();
    onClosed.accept(this);
  }

  @Override
  public void join() {
    // There is no group.
  }

  @Override
  public void recover() throws InterruptedException {
    read(1); // the first answer tells that Redis is back
  }

  @Override
  public void read() throws InterruptedException {
    read(BLOCK_MILLIS);
  }

  private void read(long blockMillis) throws InterruptedException {
    String key = redis.key(settings.keys().stream());
    CommandArguments command =
        new CommandArguments(Command.XREAD)
            .add("COUNT")
            .add(settings.batch())
            .add("BLOCK")
            .add(blockMillis)
            .add("STREAMS")
            .add(key)
            .add(last);
    List<?> streams = StreamReplies.list(connection.call(command, blockMillis));
    loop.succeeded(); // handlers may take long
    if (streams.isEmpty()) {
      lookForAnother(key);
      return;
    }
    List<Entry> entries = StreamReplies.entries(StreamReplies.list(streams.get(0)).get(1));
    for (Entry entry : entries) {
      if (!isActive()) {
        return;
      }
      handOver(entry);
      last = entry.id();
      given = last;
    }
  }

  /** A stream whose ids are lower is not the one that was read before: all of it is new. */
  private void lookForAnother(String key) {
    CommandArguments exists = new CommandArguments(Command.EXISTS).add(key);
    if (StreamReplies.number(connection.call(exists, 0)) == 0) {
      return;
    }
    CommandArguments info = new CommandArguments(Command.XINFO).add("STREAM").add(key);
    List<?> fields = StreamReplies.list(connection.call(info, 0));
    for (int i = 0; i + 1 < fields.size(); i += 2) {
      if (StreamReplies.text(fields.get(i)).equals(GENERATED)) {
        String now = StreamReplies.text(fields.get(i + 1));
        if (StreamIds.compare(now, given) < 0) {
          last = StartingPoint.START.after();
          settings.reports().tell(listener -> listener.onGroupLost(shownAs));
        }
        given = now;
      }
    }
  }

  private String idOf(Held entry) {
    return partitions.id(partition, entry.messageId);
  }

  /** Has a message handled, again if need be, and waits for that. */
  private void handOver(Entry entry) throws InterruptedException {
    Held each = new Held(new Place(false, entry.id()), entry.fields(), 1, "", 0);
    int attempt = 1;
    while (isActive()) {
      Attempt next = new Attempt(each, attempt == settings.maxDeliveries());
      try {
        settings.executor().execute(next);
      } catch (Throwable t) { // an Error where no thread can be had
        settings
            .reports()
            .log
            .warn(t, "The executor refuses a task; it is tried again in a second");
        life.pause(REFUSED_NANOS);
        continue;
      }
      if (next.isDone() || attempt == settings.maxDeliveries()) {
        return;
      }
      life.pause(settings.delayAfter(attempt).toNanos());
      attempt++;
    }
  }

  private final class Attempt implements Runnable {

    private final Held entry;
    private final boolean isLast;
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean done;

    Attempt(Held entry, boolean isLast) {
      this.entry = entry;
      this.isLast = isLast;
    }

    boolean isDone() throws InterruptedException {
      ended.await();
      return done;
    }

    @Override
    public void run() {
      gate.lock();
      try {
        if (begin()) {
          done = handle();
        }
      } finally {
        end();
        gate.unlock();
        ended.countDown();
      }
    }

    private boolean begin() {
      return life.locked(
          () -> {
            handlingOn = life.isOpen() ? Thread.currentThread() : handlingOn;
            return life.isOpen();
          });
    }

    private void end() {
      life.change(() -> handlingOn = null);
    }

    /** Returns whether it need not be tried again. */
    private boolean handle() {
      T body;
      try {
        byte[] payload = entry.payload;
        if (payload == null) {
          throw new DeliveryEndedException("the entry has no field d");
        }
        body = settings.bodies().decode(payload);
      } catch (Throwable t) {
        giveUp(t);
        return true;
      }
      DurableMessage<T> message =
          new DurableMessage<>(idOf(entry), body, StreamIds.time(entry.messageId), 1);
      try {
        handler.onMessage(message);
      } catch (Throwable t) {
        if (t instanceof InterruptedException) {
          Thread.currentThread().interrupt();
        }
        settings.reports().tellNow(listener -> listener.onError(shownAs, message, t));
        if (isLast) {
          giveUp(t);
        } else {
          countFailed();
        }
        return false;
      }
      settings.reports().tellNow(listener -> listener.onHandled(Follower.this, message));
      life.change(() -> handled++);
      return true;
    }

    private void giveUp(Throwable error) {
      countFailed();
      settings.reports().tell(listener -> listener.onSkipped(shownAs, idOf(entry), error));
    }

    private void countFailed() {
      life.change(() -> failed++);
    }
  }

  @Override
  public void close() {
    close(settings.closeTimeout());
  }

  @Override
  @CanIgnoreReturnValue
  public boolean close(Duration maxWait) {
    Arguments.requireDuration(maxWait, "maxWait", GroupConsumer.LONGEST_CLOSE);
    beginClose();
    return finishClose(deadlineAfter(maxWait));
  }

  long deadlineAfter(Duration maxWait) {
    return ticker.nanoTime() + maxWait.toNanos();
  }

  @Override
  public void beginClose() {
    life.beginClose();
    connection.cut();
  }

  @Override
  public boolean finishClose(long deadlineNanos) {
    boolean ended = false;
    try {
      ended =
          life.await(
              deadlineNanos, () -> handlingOn == null || handlingOn == Thread.currentThread());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    onClosed.accept(this);
    return ended;
  }
}
