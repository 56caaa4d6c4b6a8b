package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Daemons;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Renewable;
import io.github.redistoolkit.core.Renewal;
import io.github.redistoolkit.core.Renewals;
import io.github.redistoolkit.core.Ticker;
import io.github.redistoolkit.stream.GroupConsumer.Joined;
import io.github.redistoolkit.stream.Held.Place;
import io.github.redistoolkit.stream.Held.State;
import io.github.redistoolkit.stream.StreamReplies.Entry;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.exceptions.JedisException;

/**
 * A partition that a consumer has, from when it got its lease until it is handed over or lost:
 * reads it in a {@link ReadingLoop} on a thread and a connection of its own, and has one message at
 * a time handled, in order. A message that waits for a retry holds back all behind it.
 *
 * <p>Nothing is given out by Redis but to who has the lease, by its fencing number. So whoever
 * stood still and has lost it gets nothing more, and begins nothing of what it has got.
 * Thread-safe.
 */
final class OwnedPartition<T> implements ReadingLoop.Reader, Renewable {

  private static final ThreadFactory THREADS = Daemons.named("redis-stream-partition-");
  private static final long BLOCK_MILLIS = 2_000;
  private static final long LONGEST_SEND_MILLIS = 10_000;

  final int number;

  private final PartitionedConsumer<T> consumer;
  private final Settings<T> settings;
  private final String group;
  private final String mainKey;
  private final String againKey;
  private final long fence;

  /** What Redis knows its reader as: so each owner's deliveries are told from those before. */
  private final String reader;

  private final RedisAccess redis;
  private final OwnConnection connection;
  private final Ticker ticker;
  private final ReadingLoop loop;
  private final Renewals renewals;
  private final Life life;
  private final Upkeep upkeep;

  // Guarded by the lock of the consumer's life.
  private final Deque<Held> queue = new ArrayDeque<>();
  private final List<Held> done = new ArrayList<>();
  private @Nullable Held running;
  private long certainUntil;
  private long retryAt;
  private boolean ending;
  private boolean lost;
  private boolean readingEnded;
  private boolean finished;
  private Joined joined;
  private @Nullable Renewal renewal;

  // Used by the reading thread alone.
  private final String[] taken = {"-", "-"};
  private final String[] seen = {"0-0", "0-0"};
  private boolean recovering;
  private boolean more;

  OwnedPartition(
      PartitionedConsumer<T> consumer, int number, long fence, long askedNanos, Joined joined) {
    this.consumer = consumer;
    this.number = number;
    this.fence = fence;
    this.settings = consumer.settings.at(consumer.partitions.parts().get(number));
    this.group = consumer.group;
    this.reader = consumer.name + ":" + fence;
    this.mainKey = settings.keys().stream();
    this.againKey = settings.keys().again(group);
    this.redis = settings.redis();
    this.connection = new OwnConnection(redis, mainKey);
    this.ticker = consumer.ticker;
    this.renewals = Renewals.of(redis);
    this.life = consumer.life;
    this.loop =
        new ReadingLoop(
            this, connection, this::pause, ticker, THREADS, settings.reports(), consumer);
    this.joined = joined;
    this.certainUntil = askedNanos + Renewals.certainNanos(settings.lease().toMillis());
    this.upkeep = new Upkeep(settings, group, reader, consumer, ticker);
  }

  void start() {
    try {
      Renewal kept =
          renewals.keep(settings.keys().groups(), settings.lease().toMillis(), certainUntil, this);
      life.change(() -> renewal = kept);
      loop.start();
    } catch (Throwable t) { // an Error where no thread can be had
      settings.reports().log.warn(t, "A partition cannot be read; it is left to others");
      stop();
      life.change(() -> readingEnded = true);
      finishIfDone();
    }
  }

  // The lease.

  @Override
  public @Nullable Request request() {
    Held overdue = life.locked(this::overdue);
    if (overdue != null) {
      tellOfRunning(overdue, (listener, message) -> listener.onHandlerTimeout(consumer, message));
      lost();
      return null;
    }
    if (life.locked(() -> finished)) {
      return null;
    }
    return new Request(
        StreamScripts.HOLD,
        List.of(settings.keys().groups()),
        List.of(
            group,
            consumer.name,
            String.valueOf(settings.lease().toMillis()),
            String.valueOf(fence)));
  }

  private @Nullable Held overdue() {
    Duration most = settings.handlerTimeout();
    Held now = running;
    if (most == null || now == null || now.overdue) {
      return null;
    }
    now.overdue = ticker.nanoTime() - now.begunNanos >= most.toNanos();
    return now.overdue ? now : null;
  }

  @Override
  public Answer answered(@Nullable Object reply, long asked) {
    if (StreamReplies.number(reply) == 0) {
      lost();
      return Answer.GONE;
    }
    long until = asked + Renewals.certainNanos(settings.lease().toMillis());
    life.change(() -> certainUntil = until - certainUntil > 0 ? until : certainUntil);
    if (life.locked(() -> !queue.isEmpty() && running == null)) {
      consumer.offerSoon(this);
    }
    return Answer.RENEWED;
  }

  @Override
  public void failed(RuntimeException why) {
    // Sent again as long as there is time.
    if (!(why instanceof JedisException e && Failures.isPassing(e))) {
      settings.reports().log.warn(why, "Redis refuses to renew the lease of a partition");
    }
  }

  @Override
  public void over() {
    lost();
  }

  /** The partition may be another's: nothing more is begun. */
  private void lost() {
    Held now =
        life.locked(
            () -> {
              lost = true;
              Held told = running != null && !running.lost && !finished ? running : null;
              if (told != null) {
                told.lost = true;
              }
              return told;
            });
    if (now != null && !now.overdue) {
      tellOfRunning(now, (listener, message) -> listener.onLeaseLost(consumer, message));
    }
    stop();
  }

  private interface OfMessage {
    void tell(DurableListener listener, DurableMessage<?> message);
  }

  private void tellOfRunning(Held each, OfMessage event) {
    DurableMessage<?> message = each.message;
    if (message != null) {
      settings.reports().tell(listener -> event.tell(listener, message));
    }
  }

  // What handlers do. The first three are called under the lock.

  /** Whether it is to be given up. */
  boolean isEnding() {
    return ending;
  }

  boolean isIdle() {
    return running == null && queue.isEmpty();
  }

  boolean mayBegin(long now) {
    Held first = queue.peekFirst();
    return !ending
        && running == null
        && first != null
        && first.state == State.READY
        && certainUntil - now > 0;
  }

  private @Nullable Held begin() {
    long now = ticker.nanoTime();
    if (!life.isOpen() || !mayBegin(now)) {
      return null;
    }
    Held first = queue.getFirst();
    first.state = State.RUNNING;
    first.begunNanos = now;
    running = first;
    return first;
  }

  /** Runs the handler for the next message; false if none may begin. */
  boolean handleNext() {
    Held next = life.locked(this::begin);
    if (next == null) {
      return false;
    }
    try {
      handle(next);
    } finally {
      life.change(() -> running = null);
      finishIfDone();
    }
    return true;
  }

  private void handle(Held each) {
    T body;
    try {
      byte[] payload = each.payload;
      if (payload == null) {
        throw new DeliveryEndedException("the entry has no field d");
      }
      body = settings.bodies().decode(payload);
    } catch (Throwable t) {
      consumer.countFailed();
      giveUp(each, t);
      return;
    }
    DurableMessage<T> message =
        new DurableMessage<>(
            consumer.partitions.id(number, each.messageId),
            body,
            StreamIds.time(each.messageId),
            each.delivery,
            OptionalLong.of(fence));
    life.change(() -> each.message = message);
    try {
      consumer.handler.onMessage(message);
    } catch (Throwable t) {
      if (t instanceof InterruptedException) {
        // Whoever interrupted the thread of the executor is still to be heard there.
        Thread.currentThread().interrupt();
      }
      settings.reports().tellNow(listener -> listener.onError(consumer, message, t));
      consumer.countFailed();
      failed(each, t);
      return;
    }
    settings.reports().tellNow(listener -> listener.onHandled(consumer, message));
    life.change(
        () -> {
          consumer.countHandled();
          boolean unused = queue.remove(each);
          each.state = State.SETTLING;
          done.add(each);
        });
  }

  private void failed(Held each, Throwable error) {
    if (each.delivery >= settings.maxDeliveries()) {
      giveUp(each, error);
      return;
    }
    life.change(
        () -> {
          each.state = State.WAITING;
          retryAt = ticker.nanoTime() + settings.delayAfter(each.delivery).toNanos();
        });
  }

  private void giveUp(Held each, Throwable error) {
    life.change(
        () -> {
          each.state = State.SETTLING;
          each.error = error;
        });
  }

  // What the thread does.

  @Override
  public boolean goesOn() {
    return !life.locked(() -> ending);
  }

  private void pause(long nanos) throws InterruptedException {
    boolean unused = life.await(ticker.nanoTime() + nanos, () -> ending);
  }

  @Override
  public void clientClosed() {
    consumer.abandon();
  }

  @Override
  public void readingEnded() {
    life.change(() -> readingEnded = true);
    finishIfDone();
  }

  /**
   * Has what is pending read from its beginning, until Redis says that there is no more: after a
   * failover it may be what was acknowledged at the primary before.
   */
  @Override
  public void recover() {
    recovering = true;
    Arrays.fill(taken, "-");
  }

  @Override
  public void read() throws InterruptedException {
    if (upkeep.isDue()) {
      keep();
    }
    Held first = life.locked(queue::peekFirst);
    if (first != null && first.error != null) {
      settle(first, first.error);
    } else if (first != null && life.locked(() -> isDue(first))) {
      redeliver(first);
    } else if (life.locked(() -> !done.isEmpty() || (more && room() > 0))) {
      advance();
    } else if (life.locked(() -> queue.isEmpty() && running == null)) {
      awaitEntry();
    } else {
      long next = nextWork();
      // A handler that fails meanwhile is to be called again before that.
      boolean unused = life.await(next, () -> hasWork() || nextWork() - next < 0);
    }
  }

  @Override
  public void work() {
    consumer.work(this, loop);
  }

  private boolean isDue(Held first) {
    return first.state == State.WAITING && ticker.nanoTime() - retryAt >= 0;
  }

  private long nextWork() {
    return life.locked(
        () -> {
          Held first = queue.peekFirst();
          boolean waits = first != null && first.state == State.WAITING;
          return waits && retryAt - upkeep.due() < 0 ? retryAt : upkeep.due();
        });
  }

  private boolean hasWork() {
    Held first = queue.peekFirst();
    return ending
        || !done.isEmpty()
        || first == null
        || first.error != null
        || isDue(first)
        || (more && room() > 0);
  }

  /** How many more to read. */
  private int room() {
    // Where the first delivery is the last, what dies unbegun in a queue would have had none.
    int most = settings.maxDeliveries() == 1 ? 1 : settings.batch();
    int room = most - queue.size();
    boolean worthwhile =
        recovering ? queue.isEmpty() : room >= Math.max(1, most / 2) || queue.isEmpty();
    return worthwhile ? room : 0;
  }

  private String key(boolean again) {
    return again ? againKey : mainKey;
  }

  @Override
  public void join() {
    Joined now =
        Joined.of(
            connection.run(
                StreamScripts.JOIN,
                List.of(mainKey, againKey, settings.keys().groups()),
                List.of(group, rejoinAfter(), rejoinAfter())));
    boolean anew = life.locked(() -> !now.generation().equals(joined.generation()));
    life.change(() -> joined = anew ? now : latest(now));
    seen[0] = now.last();
    more = true;
    if (anew) {
      seen[1] = "0-0"; // it may be another stream
      Arrays.fill(taken, "-");
      settings.reports().tell(listener -> listener.onGroupLost(consumer));
    }
  }

  private Joined latest(Joined now) {
    return new Joined(now.generation(), StreamIds.later(joined.last(), now.last()));
  }

  /** The id that the group is to be made again after, should it be gone. */
  private String rejoinAfter() {
    return life.locked(
        () -> {
          for (Held each : queue) {
            if (!each.place.again()) {
              String before = StreamIds.before(each.place.entry());
              return StreamIds.compare(before, joined.last()) < 0 ? before : joined.last();
            }
          }
          return joined.last();
        });
  }

  /** Both as of one moment, or what is done in between would be taken for pending. */
  private record Next(List<Held> acks, int room) {}

  /** Acknowledges what is done, and takes what comes next. */
  private void advance() {
    Next next = life.locked(() -> new Next(List.copyOf(done), room()));
    List<Held> acks = next.acks();
    int room = next.room();
    List<String> main = idsOf(acks, false);
    List<String> args = new ArrayList<>(List.of(group, consumer.name, String.valueOf(fence)));
    args.add(String.valueOf(room));
    args.add(recovering ? "1" : "0");
    args.add(taken[0]);
    args.add(taken[1]);
    args.add(String.valueOf(main.size()));
    args.addAll(main);
    args.addAll(idsOf(acks, true));
    List<?> reply =
        StreamReplies.list(
            connection.run(
                StreamScripts.ADVANCE, List.of(mainKey, againKey, settings.keys().groups()), args));
    life.change(() -> done.removeAll(acks));
    long status = StreamReplies.number(reply.get(0));
    if (status == 0) {
      lost();
      return;
    }
    if (status < 0) {
      loop.rejoin();
      return;
    }
    if (room > 0) {
      recovering = StreamReplies.number(reply.get(1)) == 1;
      List<?> entries = StreamReplies.list(reply.get(2));
      more = recovering || !entries.isEmpty();
      take(entries);
    }
  }

  private void take(List<?> entries) {
    List<Held> fresh = new ArrayList<>();
    for (Object each : entries) {
      List<?> parts = StreamReplies.list(each);
      boolean again = StreamReplies.number(parts.get(0)) == 1;
      Entry entry = StreamReplies.entry(parts.subList(1, parts.size()));
      int at = again ? 1 : 0;
      taken[at] = "(" + entry.id();
      seen[at] = StreamIds.later(seen[at], entry.id());
      Held held =
          new Held(
              new Place(again, entry.id()), entry.fields(), Math.max(1, entry.delivery()), "", 0);
      if (held.delivery > settings.maxDeliveries()) {
        held.delivery--;
        held.state = State.SETTLING;
        held.error =
            new DeliveryEndedException(
                "its consumer has died, or stood still, in each of its deliveries");
      }
      fresh.add(held);
    }
    life.change(
        () -> {
          for (Held each : fresh) {
            // A group that was made again delivers anew what is here already.
            if (queue.stream().noneMatch(known -> known.place.equals(each.place))) {
              queue.add(each);
            }
            if (!each.place.again()) {
              joined =
                  new Joined(
                      joined.generation(), StreamIds.later(joined.last(), each.place.entry()));
            }
          }
        });
  }

  private static List<String> idsOf(Iterable<Held> entries, boolean again) {
    List<String> ids = new ArrayList<>();
    for (Held each : entries) {
      if (each.place.again() == again) {
        ids.add(each.place.entry());
      }
    }
    return ids;
  }

  /** Begins another delivery of what has failed. */
  private void redeliver(Held each) {
    int next = each.delivery + 1;
    long answer =
        StreamReplies.number(
            connection.run(
                StreamScripts.REDELIVER,
                List.of(key(each.place.again())),
                List.of(group, reader, each.place.entry(), String.valueOf(next))));
    if (answer != 1 && answer != -2) {
      readAnew();
      return;
    }
    life.change(
        () -> {
          each.trimmed |= answer == -2;
          each.delivery = next;
          each.state = State.READY;
        });
  }

  /**
   * Redis does not have it that this consumer is at the first one: it was done with elsewhere, or
   * the group is gone, or a failover has lost that it was read. So nothing behind it may begin
   * before Redis has said what comes first.
   */
  private void readAnew() {
    join(); // before the queue is empty: it says what the group is to begin with
    life.change(queue::clear);
    recover();
  }

  /** Moves what has failed for the last time to the dead letters. */
  private void settle(Held each, Throwable error) {
    Request bury = bury(each, error);
    Object reply = connection.run(bury.script(), bury.keys(), bury.args());
    long answer = StreamReplies.number(reply);
    if (answer == StreamScripts.NO_GROUP || (answer == 0 && !each.trimmed)) {
      readAnew();
      return;
    }
    buried(each, error, reply);
  }

  private Request bury(Held each, Throwable error) {
    return new Request(
        StreamScripts.BURY,
        List.of(key(each.place.again()), settings.keys().dead(group), settings.keys().groups()),
        List.of(
            group,
            each.place.entry(),
            each.messageId,
            String.valueOf(each.delivery),
            ErrorText.of(error),
            each.place.again() ? "1" : "0"));
  }

  private void buried(Held each, Throwable error, @Nullable Object reply) {
    life.change(
        () -> {
          boolean unused = queue.remove(each);
        });
    if (StreamReplies.number(reply) == 1) {
      String id = consumer.partitions.id(number, each.messageId);
      settings
          .reports()
          .tell(listener -> listener.onDeadLetter(consumer, id, each.delivery, error));
    } else if (each.trimmed) {
      Object unused =
          connection.run(
              StreamScripts.COUNT_LOST,
              List.of(settings.keys().groups()),
              List.of(group, each.place.entry()));
    }
  }

  private void keep() {
    Upkeep.Found found = upkeep.run(connection);
    if (!life.locked(() -> found.generation().equals(joined.generation()))) {
      loop.rejoin();
    }
    more = true;
  }

  /** Waits for something new. This gives nothing to anybody, so that it may come late. */
  private void awaitEntry() {
    long untilKeep = TimeUnit.NANOSECONDS.toMillis(upkeep.due() - ticker.nanoTime());
    long block = Math.max(1, Math.min(BLOCK_MILLIS, untilKeep));
    String again = redis.key(againKey);
    CommandArguments command =
        new CommandArguments(Command.XREAD)
            .add("COUNT")
            .add(1)
            .add("BLOCK")
            .add(block)
            .add("STREAMS")
            .add(redis.key(mainKey))
            .add(again)
            .add(seen[0])
            .add(seen[1]);
    for (Object each : StreamReplies.list(connection.call(command, block))) {
      List<?> stream = StreamReplies.list(each);
      int at = StreamReplies.text(stream.get(0)).equals(again) ? 1 : 0;
      for (Entry entry : StreamReplies.entries(stream.get(1))) {
        seen[at] = StreamIds.later(seen[at], entry.id());
      }
      more = true;
    }
  }

  // The end.

  /** Begins nothing more, and hands over once its handler has ended. */
  void stop() {
    life.change(() -> ending = true);
    connection.cut();
  }

  /** Renews no more, though a handler may run on. */
  void abandon() {
    Renewal kept = life.locked(() -> renewal);
    if (kept != null) {
      kept.end();
    }
  }

  /** Hands over, once neither the handler nor the thread is at work. */
  private void finishIfDone() {
    boolean first =
        life.locked(
            () -> {
              boolean now = ending && readingEnded && running == null && !finished;
              finished |= now;
              return now;
            });
    if (!first) {
      return;
    }
    // Who has the partition now decides what becomes of it.
    Held last = life.locked(() -> lost ? null : queue.peekFirst());
    if (redis.isClosed()) {
      ended();
    } else if (last != null && last.error != null) {
      Throwable error = last.error;
      Request bury = bury(last, error);
      send(
          bury,
          reply -> {
            if (StreamReplies.number(reply) == 1) {
              buried(last, error, reply);
            }
            handOver();
          });
    } else {
      handOver();
    }
  }

  private void handOver() {
    Request request =
        new Request(
            StreamScripts.HANDOVER,
            List.of(mainKey, againKey, settings.keys().groups()),
            life.locked(this::left));
    send(request, reply -> ended());
  }

  /** What is done, and what was begun, of both streams. */
  private List<String> left() {
    List<String> args = new ArrayList<>(List.of(group, consumer.name, String.valueOf(fence)));
    List<Held> begun = queue.stream().filter(each -> each.state != State.READY).toList();
    for (boolean again : new boolean[] {false, true}) {
      addIds(args, idsOf(done, again));
      addIds(args, idsOf(begun, again));
    }
    return args;
  }

  private static void addIds(List<String> args, List<String> ids) {
    args.add(String.valueOf(ids.size()));
    args.addAll(ids);
  }

  private interface Taker {
    void take(@Nullable Object reply);
  }

  private void send(Request request, Taker taker) {
    try {
      renewals.send(
          mainKey,
          Math.min(settings.lease().toMillis(), LONGEST_SEND_MILLIS),
          new OneRequest(
              settings.reports(), () -> request, (reply, asked) -> taker.take(reply), this::ended));
    } catch (Throwable t) { // an Error where no thread can be had
      settings.reports().log.warn(t, "A partition could not be handed over");
      ended();
    }
  }

  private void ended() {
    abandon();
    Joined last = life.locked(() -> new Joined(joined.generation(), rejoinAfter()));
    consumer.ended(this, last);
  }
}
