package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Daemons;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.stream.Held.Place;
import io.github.redistoolkit.stream.StreamReplies.Entry;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.Protocol.Command;

/**
 * Reads a partition that is followed, or a topic that has none, in a {@link ReadingLoop} on a
 * thread and a connection of its own: one message after the other, in order. The place is known
 * here alone.
 */
final class FollowedPartition<T> implements ReadingLoop.Reader {

  private static final ThreadFactory THREADS = Daemons.named("redis-stream-follower-");
  private static final long BLOCK_MILLIS = 2_000;
  private static final long REFUSED_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final String GENERATED = "last-generated-id";

  private final Settings<T> settings;
  private final Follower<T> follower;
  private final int partition;
  private final RedisAccess redis;
  private final OwnConnection connection;
  private final Life life;
  private final ReadingLoop loop;

  // Used by the thread alone.
  /** After which id to read on. It may lie ahead of all that there is. */
  private String last;

  /** An id that the stream is known to have given. */
  private String given = StartingPoint.START.after();

  FollowedPartition(Follower<T> follower, Settings<T> settings, int partition, String after) {
    this.follower = follower;
    this.settings = settings;
    this.partition = partition;
    this.last = after;
    this.life = follower.life;
    this.redis = settings.redis();
    this.connection = new OwnConnection(redis, settings.keys().stream());
    this.loop =
        new ReadingLoop(
            this, connection, life::pause, follower.ticker, THREADS, settings.reports(), follower);
  }

  void start() {
    loop.start();
  }

  /** Ends a read that blocks. */
  void cut() {
    connection.cut();
  }

  @Override
  public boolean goesOn() {
    return life.isOpen();
  }

  @Override
  public void clientClosed() {
    follower.abandon();
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
      if (!life.isOpen()) {
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
          settings.reports().tell(listener -> listener.onGroupLost(follower));
        }
        given = now;
      }
    }
  }

  private String idOf(Held entry) {
    return follower.partitions.id(partition, entry.messageId);
  }

  /** Has a message handled, again if need be, and waits for that. */
  private void handOver(Entry entry) throws InterruptedException {
    Held each = new Held(new Place(false, entry.id()), entry.fields(), 1, "", 0);
    int attempt = 1;
    while (life.isOpen()) {
      Attempt next = new Attempt(each, attempt == settings.maxDeliveries());
      try {
        begin(next);
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

  /** It is waited for anyway, so that no other thread need be woken. */
  private void begin(Attempt next) {
    if (!settings.executorIsOwn()) {
      settings.executor().execute(next);
      return;
    }
    try {
      next.run();
    } finally {
      // What somebody else would have seen, who would have had the thread next.
      boolean unused = Thread.interrupted();
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
      try {
        follower.handle(() -> done = handle());
      } finally {
        ended.countDown();
      }
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
        follower.handler.onMessage(message);
      } catch (Throwable t) {
        if (t instanceof InterruptedException) {
          Thread.currentThread().interrupt();
        }
        settings.reports().tellNow(listener -> listener.onError(follower, message, t));
        if (isLast) {
          giveUp(t);
        } else {
          follower.countFailed();
        }
        return false;
      }
      settings.reports().tellNow(listener -> listener.onHandled(follower, message));
      follower.countHandled();
      return true;
    }

    private void giveUp(Throwable error) {
      follower.countFailed();
      settings.reports().tell(listener -> listener.onSkipped(follower, idOf(entry), error));
    }
  }
}
