package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Alarms.Alarm;
import io.github.redistoolkit.stream.Held.State;
import io.github.redistoolkit.stream.StreamReplies.Entry;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One consumer of a group: runs handlers for what its {@link GroupReader} reads. What is held
 * meanwhile is in {@link HeldEntries}, what is said to Redis about it in {@link GroupRequests}, and
 * how far the subscription is in {@link Life}. Thread-safe.
 */
final class GroupConsumer<T> extends OwnSubscription implements Workers.Work {

  final Settings<T> settings;
  final String group;
  final String name = UUID.randomUUID().toString();
  final String mainKey;
  final String againKey;

  private final DurableHandler<T> handler;
  private final Workers workers;
  private final GroupReader<T> reader;
  private final GroupRequests<T> requests;

  // Guarded by the lock of its life.
  private final HeldEntries held;
  private @Nullable Alarm nextRenewal;

  GroupConsumer(
      Settings<T> settings,
      String group,
      DurableHandler<T> handler,
      Joined joined,
      Consumer<OwnSubscription> onClosed) {
    super(settings, group, onClosed);
    this.settings = settings;
    this.group = group;
    this.handler = handler;
    this.mainKey = settings.keys().stream();
    this.againKey = settings.keys().again(group);
    this.held = new HeldEntries(settings, joined);
    this.workers = new Workers(this, settings, this);
    this.requests = new GroupRequests<>(this);
    this.reader = new GroupReader<>(this, ticker);
  }

  /**
   * What is known of a group.
   *
   * @param generation which of those that had this name
   * @param last the last id that it got
   */
  record Joined(String generation, String last) {

    static Joined of(@Nullable Object reply) {
      List<?> parts = StreamReplies.list(reply);
      return new Joined(StreamReplies.text(parts.get(0)), StreamReplies.text(parts.get(2)));
    }
  }

  @Override
  void start() {
    reader.start();
    scheduleRenewals();
  }

  // What the reader does.

  /** The id that the group is to be made again after, should it be gone. */
  String rejoinAfter() {
    return life.locked(held::rejoinAfter);
  }

  /** Takes note of how the group is now. */
  void joined(Joined now) {
    if (life.locked(() -> held.joined(now))) {
      settings.reports().tell(listener -> listener.onGroupLost(this));
    }
  }

  boolean isGeneration(String other) {
    return life.locked(() -> held.isGeneration(other));
  }

  /** What the consumer has of one stream, done with or not. */
  Set<String> heldOf(boolean again) {
    return life.locked(() -> held.entriesOf(again));
  }

  /** How many taken over could begin at once. */
  int freeSlots() {
    return life.locked(this::free);
  }

  private int free() {
    return held.free(workers.count());
  }

  /** Whether there is something to take over, and somebody to begin it. */
  boolean wantsClaims() {
    return life.locked(() -> held.claimsFirst() && free() > 0);
  }

  /** Has what is to be taken over go before what was read ahead, until there is no more. */
  void claimsFirst(boolean first) {
    life.change(() -> held.claimsFirst(first));
    workers.pump();
  }

  /**
   * What is to be read.
   *
   * @param room how many at most; 0 if there is something else to do
   * @param acks what is done with, to be acknowledged along with it
   */
  record NextRead(int room, List<Held> acks) {

    static final NextRead NONE = new NextRead(0, List.of());
  }

  /** Waits until something is to be read. What is done with is acknowledged meanwhile. */
  NextRead awaitRoom(long untilNanos) throws InterruptedException {
    if (!life.locked(this::mayRead)) {
      requests.flush();
      boolean unused = life.await(untilNanos, () -> mayRead() || hasOtherWork());
    }
    return life.locked(() -> mayRead() ? nextRead() : NextRead.NONE);
  }

  /** Rests after a failure. What is done with is acknowledged meanwhile, by others. */
  void rest(long nanos) throws InterruptedException {
    requests.flush();
    life.pause(nanos);
  }

  private boolean mayRead() {
    return life.isOpen()
        && !reader.isToRejoin()
        && !held.claimsFirst()
        && held.room(requests.waiting()) > 0;
  }

  private boolean hasOtherWork() {
    return !life.isOpen() || reader.isToRejoin() || (held.claimsFirst() && free() > 0);
  }

  private NextRead nextRead() {
    List<Held> acks = requests.take();
    return new NextRead(held.room(acks.size()), acks);
  }

  /** Redis has answered that these are done, which were to be acknowledged along with a read. */
  void acknowledged(List<Held> acks) {
    acknowledged(acks, () -> {});
  }

  /** Redis has not answered that. */
  void unacknowledged(List<Held> acks) {
    requests.putBack(acks);
  }

  /** Has handlers called, maybe on the thread that reads. */
  void work(ReadingLoop loop) {
    workers.pump(loop, this::handleNext);
  }

  /** Whether what is done with of the topic itself is soon acknowledged by who reads. */
  boolean isReaderToAcknowledge() {
    return life.isOpen() && reader.isAtWork();
  }

  /** Takes entries that were delivered for the first time. */
  void read(List<Entry> entries, boolean again, long askedNanos) {
    add(entries, again, false, askedNanos);
  }

  /** Takes entries that others had, or whose reply was lost. */
  void takeOver(List<Entry> entries, boolean again, long askedNanos) {
    add(entries, again, true, askedNanos);
    workers.pump();
  }

  private void add(List<Entry> entries, boolean again, boolean urgent, long askedNanos) {
    List<Held> exhausted = life.locked(() -> held.add(entries, again, urgent, askedNanos));
    for (Held each : exhausted) {
      requests.bury(
          each,
          new DeliveryEndedException(
              "its consumer has died, or stood still, in each of its deliveries"));
    }
  }

  /** Acknowledges an entry that is no message. */
  void dismiss(Entry entry) {
    life.change(() -> requests.add(held.addDone(entry, ticker.nanoTime())));
    requests.flush();
  }

  // What handlers do.

  @Override
  public boolean isForOneMore(int atWork) {
    return held.isForOneMore(atWork, ticker.nanoTime());
  }

  @Override
  public boolean handleNext() {
    Held next = take();
    if (next != null) {
      handle(next);
    }
    return next != null;
  }

  private @Nullable Held take() {
    Held[] taken = new Held[1];
    life.change(() -> taken[0] = life.isOpen() ? held.take(ticker.nanoTime()) : null);
    return taken[0];
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
      countFailed();
      life.change(() -> held.toBury(each));
      requests.bury(each, t);
      return;
    }
    DurableMessage<T> message =
        new DurableMessage<>(each.messageId, body, StreamIds.time(each.messageId), each.delivery);
    DurableMessage<?> unused = life.locked(() -> each.message = message);
    try {
      handler.onMessage(message);
    } catch (Throwable t) {
      if (t instanceof InterruptedException) {
        // Whoever interrupted the thread of the executor is still to be heard there.
        Thread.currentThread().interrupt();
      }
      settings.reports().tellNow(listener -> listener.onError(this, message, t));
      failed(each, t);
      return;
    }
    settings.reports().tellNow(listener -> listener.onHandled(this, message));
    life.change(
        () -> {
          countHandled();
          held.done(each);
          requests.add(each);
        });
    requests.flush();
  }

  private void failed(Held each, Throwable error) {
    countFailed();
    HeldEntries.Next next = life.locked(() -> held.failed(each));
    switch (next) {
      case BURY -> requests.bury(each, error);
      case COUNT_LOST -> requests.countLost(each);
      case RETRY -> wakeAfter(held.delayAfter(each).toNanos(), each);
      case NOTHING -> {}
    }
    life.change(() -> {});
  }

  private void wakeAfter(long nanos, Held each) {
    life.change(
        () -> {
          if (life.isOpen()) { // else it is handed back
            each.alarm = alarms.at(ticker.nanoTime() + nanos, () -> redeliver(each));
          }
        });
  }

  // What Redis answers.

  /** Has a message delivered again whose delay is over. */
  void redeliver(Held each) {
    if (!life.locked(() -> life.isOpen() && held.isWaiting(each))) {
      return;
    }
    int next = life.locked(() -> each.delivery + 1);
    if (life.locked(() -> held.isAttached(each))) {
      requests.redeliver(each, next);
    } else {
      again(each, next, ticker.nanoTime());
    }
  }

  void redelivered(Held each, int delivery, long answer, long asked) {
    if (answer == StreamScripts.NO_GROUP) {
      afterJoining(each);
    } else if (life.locked(() -> held.redelivered(each, delivery, answer))) {
      again(each, delivery, asked);
    } else {
      life.change(() -> {});
    }
  }

  /** Has a message delivered again by the group that is to be made in place of one that is gone. */
  private void afterJoining(Held each) {
    reader.rejoin();
    wakeAfter(settings.retryDelay().toNanos(), each);
  }

  private void again(Held each, int delivery, long asked) {
    if (life.locked(() -> life.isOpen() && held.again(each, delivery, asked))) {
      workers.pumpSoon();
    }
  }

  /** Redis knows that these are done. */
  void acknowledged(List<Held> batch, Runnable andThen) {
    life.change(
        () -> {
          andThen.run();
          batch.stream().filter(each -> !held.settled(each)).forEach(requests::add);
        });
    requests.flush();
  }

  void buried(Held each, Throwable error, long answer) {
    if (answer == StreamScripts.NO_GROUP) {
      life.change(() -> held.unsettle(each));
      afterJoining(each);
      return;
    }
    boolean[] settled = new boolean[1];
    life.change(() -> settled[0] = held.settled(each));
    if (!settled[0]) {
      requests.bury(each, error);
    }
    if (answer == 1) {
      settings
          .reports()
          .tell(listener -> listener.onDeadLetter(this, each.messageId, each.delivery, error));
    }
  }

  /** The ids that are to be renewed of one stream. */
  List<String> leased(boolean again) {
    return life.locked(() -> held.leased(again).stream().map(each -> each.place.entry()).toList());
  }

  void renewed(boolean again, @Nullable Object reply, long asked) {
    List<?> parts = StreamReplies.list(reply);
    if (!life.locked(() -> held.isGeneration(parts.get(0)))) {
      reader.rejoin(); // the group is gone, or was made again by somebody else
      return;
    }
    List<String> gone = strings(parts.get(1));
    List<String> trimmed = strings(parts.get(2));
    List<DurableMessage<?>> lost = new ArrayList<>();
    life.change(() -> lost.addAll(held.renewed(again, gone, trimmed, asked)));
    for (DurableMessage<?> message : lost) {
      settings.reports().tell(listener -> listener.onLeaseLost(this, message));
    }
    workers.pumpSoon();
  }

  private static List<String> strings(@Nullable Object reply) {
    return StreamReplies.list(reply).stream().map(String::valueOf).toList();
  }

  private void scheduleRenewals() {
    long due = ticker.nanoTime() + settings.lease().dividedBy(3).toNanos();
    life.change(() -> nextRenewal = life.isClosed() ? null : alarms.at(due, this::renewAll));
  }

  private void renewAll() {
    if (life.isClosed()) {
      return;
    }
    try {
      for (DurableMessage<?> message : life.locked(() -> held.overdue(ticker.nanoTime()))) {
        settings.reports().tell(listener -> listener.onHandlerTimeout(this, message));
      }
      requests.renew();
      requests.flush();
    } finally {
      scheduleRenewals();
    }
  }

  // The end.

  @Override
  void beginClose() {
    life.beginClose();
    reader.cut();
  }

  @Override
  boolean finishClose(long deadlineNanos) {
    boolean ended = false;
    try {
      long patience = deadlineNanos + TimeUnit.MILLISECONDS.toNanos(GroupRequests.LEAVE_MILLIS);
      reader.awaitEnd(patience);
      ended = workers.awaitIdle(deadlineNanos);
      requests.flush();
      ended &= life.await(patience, held::isSettled);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (end()) {
      ended &= requests.leave(life.locked(this::left));
      closed();
    }
    return ended;
  }

  /** Stops all that goes by time; false if it was stopped before. */
  private boolean end() {
    boolean first = life.close();
    if (first) {
      life.change(
          () -> {
            cancel(nextRenewal);
            held.all().forEach(each -> cancel(each.alarm));
          });
    }
    return first;
  }

  private static void cancel(@Nullable Alarm alarm) {
    if (alarm != null) {
      alarm.cancel();
    }
  }

  /** Because the pool or client is closed, and nothing can be told to Redis any more. */
  void abandon() {
    if (end()) {
      closed();
    }
  }

  /** What is not to be handed back, and what was begun, of both streams. */
  private List<String> left() {
    List<String> args = new ArrayList<>();
    for (boolean again : new boolean[] {false, true}) {
      for (Set<State> states :
          List.of(Set.of(State.RUNNING, State.SETTLING), Set.of(State.WAITING))) {
        List<String> ids = held.idsOf(again, states);
        args.add(String.valueOf(ids.size()));
        args.addAll(ids);
      }
    }
    return args;
  }
}
