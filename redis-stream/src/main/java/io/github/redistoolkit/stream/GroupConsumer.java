package io.github.redistoolkit.stream;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.Alarms.Alarm;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Callbacks;
import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.Renewable;
import io.github.redistoolkit.core.Renewals;
import io.github.redistoolkit.stream.Held.Place;
import io.github.redistoolkit.stream.Held.State;
import io.github.redistoolkit.stream.StreamReplies.Entry;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One consumer of a group: what it has got, from the {@link GroupReader} that reads it to the
 * acknowledgement.
 *
 * <p>Leases are renewed, and acknowledgements and dead letters sent, over the connections that all
 * renewals of the toolkit share. So neither takes one of the pool, and neither waits for the other.
 * Thread-safe.
 */
final class GroupConsumer<T> implements DurableSubscription {

  static final Duration LONGEST_CLOSE = Duration.ofHours(1);

  /** How many may wait for another delivery before nothing more is read. */
  private static final int MOST_WAITING = 1_000;

  private static final int LARGEST_ACK = 500;
  private static final int YIELD_AFTER = 256;
  private static final long REFUSED_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long LEAVE_MILLIS = 1_000;

  /** For how long something is sent again, ten times, before it is begun anew. */
  private static final long LONGEST_SEND_MILLIS = 10_000;

  private static final int LONGEST_ERROR = 1_000;

  /** Whose handler is running on this thread. */
  private static final ThreadLocal<@Nullable Object> HANDLING = new ThreadLocal<>();

  /** How far a subscription is. Only ever goes on. */
  private enum Life {
    OPEN,
    CLOSING,
    CLOSED
  }

  final Settings<T> settings;
  final String group;
  final String name = UUID.randomUUID().toString();
  final String mainKey;
  final String againKey;

  private final DurableHandler<T> handler;
  private final Consumer<GroupConsumer<T>> onClosed;
  private final Renewals renewals;
  private final Alarms alarms = Alarms.shared();
  private final GroupReader<T> reader;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  // All guarded by the lock.
  private final Map<Place, Held> held = new LinkedHashMap<>();
  private final Deque<Held> ready = new ArrayDeque<>();
  private final Acks mainAcks = new Acks(false);
  private final Acks againAcks = new Acks(true);
  private Life life = Life.OPEN;
  private int workers;
  private boolean claimsFirst;
  private String generation;
  private String last;
  private long handled;
  private long failed;
  private @Nullable Alarm nextRenewal;

  GroupConsumer(
      Settings<T> settings,
      String group,
      DurableHandler<T> handler,
      Joined joined,
      Consumer<GroupConsumer<T>> onClosed) {
    this.settings = settings;
    this.group = group;
    this.handler = handler;
    this.onClosed = onClosed;
    this.mainKey = settings.keys().stream();
    this.againKey = settings.keys().again(group);
    this.generation = joined.generation();
    this.last = joined.last();
    this.renewals = Renewals.of(settings.redis());
    this.reader = new GroupReader<>(this);
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

  void start() {
    reader.start();
    scheduleRenewals();
  }

  @Override
  public String topic() {
    return settings.name();
  }

  @Override
  public Optional<String> group() {
    return Optional.of(group);
  }

  @Override
  public boolean isActive() {
    return locked(() -> life == Life.OPEN);
  }

  @Override
  public long handled() {
    return locked(() -> handled);
  }

  @Override
  public long failed() {
    return locked(() -> failed);
  }

  @Override
  public String toString() {
    return "group " + group + " of topic " + settings.name();
  }

  private <R> R locked(Supplier<R> what) {
    lock.lock();
    try {
      return what.get();
    } finally {
      lock.unlock();
    }
  }

  // What the reader does.

  /** The id that the group is to be made again after, should it be gone. */
  String rejoinAfter() {
    lock.lock();
    try {
      String after = last;
      for (Held each : held.values()) {
        if (!each.place.again() && each.state != State.SETTLING) {
          String before = StreamIds.before(each.place.entry());
          after = StreamIds.compare(before, after) < 0 ? before : after;
        }
      }
      return after;
    } finally {
      lock.unlock();
    }
  }

  /** Takes note of how the group is now. */
  void joined(Joined now) {
    boolean anew;
    lock.lock();
    try {
      anew = !now.generation().equals(generation);
      last = anew ? now.last() : StreamIds.later(last, now.last());
      generation = now.generation();
    } finally {
      lock.unlock();
    }
    if (anew) {
      settings.reports().tell(listener -> listener.onGroupLost(this));
    }
  }

  boolean isGeneration(String other) {
    return locked(() -> generation.equals(other));
  }

  /** What the consumer has of one stream, done with or not. */
  Set<String> heldOf(boolean again) {
    lock.lock();
    try {
      Set<String> entries = new HashSet<>();
      for (Place place : held.keySet()) {
        if (place.again() == again) {
          entries.add(place.entry());
        }
      }
      return entries;
    } finally {
      lock.unlock();
    }
  }

  /** How many taken over could begin at once. */
  int freeSlots() {
    return locked(this::free);
  }

  private int free() {
    int urgent = 0;
    for (Held each : held.values()) {
      if (each.state == State.SETTLING) {
        // What is taken over may end this process. What was done before is acknowledged first, or
        // it would come again with it, and be buried in the end though it was handled.
        return 0;
      }
      urgent += each.state == State.READY && each.urgent ? 1 : 0;
    }
    return Math.max(0, settings.concurrency() - workers - urgent);
  }

  /** Whether there is something to take over, and somebody to begin it. */
  boolean wantsClaims() {
    return locked(() -> claimsFirst && free() > 0);
  }

  /** Has what is to be taken over go before what was read ahead, until there is no more. */
  void claimsFirst(boolean first) {
    lock.lock();
    try {
      claimsFirst = first;
    } finally {
      lock.unlock();
    }
    pump();
  }

  /**
   * Waits until something is to be read.
   *
   * @return how many at most; 0 if there is something else to do
   */
  int awaitRoom(long untilNanos) throws InterruptedException {
    lock.lock();
    try {
      while (life == Life.OPEN) {
        if (claimsFirst) {
          if (free() > 0) {
            return 0;
          }
        } else {
          int room = room();
          if (room > 0) {
            return room;
          }
        }
        long left = untilNanos - System.nanoTime();
        if (left <= 0) {
          return 0;
        }
        long unused = changed.awaitNanos(left);
      }
      return 0;
    } finally {
      lock.unlock();
    }
  }

  private int room() {
    int waiting = 0;
    for (Held each : held.values()) {
      waiting += each.state == State.WAITING ? 1 : 0;
    }
    int most = settings.mostHeld();
    int room = most - (held.size() - waiting);
    // Many at once, as long as there is something to do: else each acknowledgement would be
    // followed
    // by a read of one.
    boolean worthwhile = room >= Math.max(1, most / 2) || (room > 0 && ready.isEmpty());
    return waiting < MOST_WAITING && worthwhile ? room : 0;
  }

  /** Sleeps, unless it is closed meanwhile. */
  void pause(long nanos) throws InterruptedException {
    long until = System.nanoTime() + nanos;
    lock.lock();
    try {
      while (life == Life.OPEN) {
        long left = until - System.nanoTime();
        if (left <= 0) {
          return;
        }
        long unused = changed.awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Takes entries that were delivered for the first time. */
  void read(List<Entry> entries, boolean again, long askedNanos) {
    add(entries, again, false, askedNanos);
  }

  /** Takes entries that others had, or whose reply was lost. */
  void takeOver(List<Entry> entries, boolean again, long askedNanos) {
    add(entries, again, true, askedNanos);
  }

  private void add(List<Entry> entries, boolean again, boolean urgent, long askedNanos) {
    List<Held> exhausted = new ArrayList<>();
    Deque<Held> fresh = new ArrayDeque<>();
    lock.lock();
    try {
      for (Entry entry : entries) {
        Place place = new Place(again, entry.id());
        int delivery = Math.max(1, entry.delivery());
        Held known = held.get(place);
        if (known != null) {
          // Delivered anew while it is handled here: it is ours again.
          known.generation = generation;
          known.renewedNanos = askedNanos;
          known.delivery = delivery;
          known.lost = false;
          continue;
        }
        Held each = new Held(place, entry.fields(), delivery, generation, askedNanos);
        held.put(place, each);
        if (!again && !urgent) {
          last = StreamIds.later(last, entry.id());
        }
        if (delivery > settings.maxDeliveries()) {
          each.state = State.SETTLING;
          each.delivery--;
          exhausted.add(each);
        } else {
          each.urgent = urgent;
          fresh.add(each);
        }
      }
      if (urgent) {
        while (!fresh.isEmpty()) {
          ready.addFirst(fresh.removeLast());
        }
      } else {
        ready.addAll(fresh);
      }
    } finally {
      lock.unlock();
    }
    for (Held each : exhausted) {
      bury(
          each,
          new DeliveryEndedException(
              "its consumer has died, or stood still, in each of its deliveries"));
    }
    pump();
  }

  /** Acknowledges an entry that is no message. */
  void dismiss(Entry entry) {
    lock.lock();
    try {
      Place place = new Place(true, entry.id());
      Held each = new Held(place, entry.fields(), 1, generation, System.nanoTime());
      held.put(place, each);
      each.state = State.SETTLING;
      againAcks.waiting.add(each);
    } finally {
      lock.unlock();
    }
    againAcks.flush();
  }

  // What handlers do.

  /** Has as many threads at work as may be. */
  private void pump() {
    while (reserve()) {
      try {
        settings.executor().execute(this::work);
      } catch (Throwable t) { // an Error where no thread can be had
        release();
        settings
            .reports()
            .log
            .warn(t, "The executor refuses a task; it is tried again in a second");
        var unused = alarms.at(System.nanoTime() + REFUSED_NANOS, this::pumpSoon);
        return;
      }
    }
  }

  /** On a thread that may run handlers, should the executor do so. */
  private void pumpSoon() {
    Callbacks.shared().run(this::pump);
  }

  private boolean reserve() {
    lock.lock();
    try {
      if (workers >= settings.concurrency() || next() == null) {
        return false;
      }
      // Not more than there is to do: those at work look for themselves.
      if (workers >= ready.size() + running()) {
        return false;
      }
      workers++;
      return true;
    } finally {
      lock.unlock();
    }
  }

  private int running() {
    int running = 0;
    for (Held each : held.values()) {
      running += each.state == State.RUNNING ? 1 : 0;
    }
    return running;
  }

  private void release() {
    lock.lock();
    try {
      workers--;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** What may begin now; null if nothing. */
  private @Nullable Held next() {
    Held first = ready.peekFirst();
    if (life != Life.OPEN || first == null || (claimsFirst && !first.urgent)) {
      return null;
    }
    // After a stop of this process others may have it; the next renewal tells.
    return isAttached(first) && !isCertain(first) ? null : first;
  }

  private boolean isCertain(Held each) {
    return System.nanoTime() - each.renewedNanos
        < Renewals.certainNanos(settings.lease().toMillis());
  }

  /** Whether Redis has the entry among those of this consumer, as far as is known. */
  private boolean isAttached(Held each) {
    return !each.trimmed && each.generation.equals(generation);
  }

  private @Nullable Held take() {
    lock.lock();
    try {
      Held next = next();
      if (next != null) {
        ready.removeFirst();
        next.state = State.RUNNING;
      }
      return next;
    } finally {
      lock.unlock();
    }
  }

  private void work() {
    Object around = HANDLING.get();
    HANDLING.set(this);
    try {
      boolean goesOn = true;
      for (int i = 0; i < YIELD_AFTER && goesOn; i++) {
        Held next = take();
        if (next != null) {
          handle(next);
        }
        // An interrupt is for the executor to clear.
        goesOn = next != null && !Thread.currentThread().isInterrupted();
      }
    } finally {
      if (around == null) {
        HANDLING.remove();
      } else {
        HANDLING.set(around);
      }
      release();
    }
    pump();
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
      count(each, false);
      bury(each, t);
      return;
    }
    DurableMessage<T> message =
        new DurableMessage<>(each.messageId, body, StreamIds.time(each.messageId), each.delivery);
    begun(each, message);
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
    count(each, true);
    acknowledge(each);
  }

  private void begun(Held each, DurableMessage<T> message) {
    lock.lock();
    try {
      each.message = message;
    } finally {
      lock.unlock();
    }
  }

  /** Takes note of the end of an attempt that is not followed by another here. */
  private void count(Held each, boolean success) {
    lock.lock();
    try {
      each.state = State.SETTLING;
      if (success) {
        handled++;
      } else {
        failed++;
      }
    } finally {
      lock.unlock();
    }
  }

  private void acknowledge(Held each) {
    Acks acks = each.place.again() ? againAcks : mainAcks;
    lock.lock();
    try {
      acks.waiting.add(each);
    } finally {
      lock.unlock();
    }
    acks.flush();
  }

  private void failed(Held each, Throwable error) {
    boolean bury = false;
    boolean countLost = false;
    boolean again = false;
    lock.lock();
    try {
      failed++;
      boolean exhausted = each.delivery >= settings.maxDeliveries();
      if (each.lost) {
        forget(each); // who has it now decides
      } else if (exhausted && isAttached(each)) {
        each.state = State.SETTLING;
        bury = true;
      } else if (exhausted) {
        countLost = each.trimmed;
        forget(each);
      } else {
        each.state = State.WAITING;
        again = life == Life.OPEN; // else it is handed back
      }
    } finally {
      lock.unlock();
    }
    if (bury) {
      bury(each, error);
    } else if (countLost) {
      countLost();
    } else if (again) {
      long delay = settings.delayAfter(each.delivery).toNanos();
      wakeAfter(delay, each);
    }
  }

  private void wakeAfter(long nanos, Held each) {
    lock.lock();
    try {
      if (life == Life.OPEN) {
        each.alarm = alarms.at(System.nanoTime() + nanos, () -> redeliver(each));
      }
    } finally {
      lock.unlock();
    }
  }

  private void forget(Held each) {
    boolean unused = held.remove(each.place, each);
    changed.signalAll();
  }

  // What is sent.

  private String keyOf(Held each) {
    return each.place.again() ? againKey : mainKey;
  }

  /**
   * Sends something now, and again until it is answered.
   *
   * @param over what to do if it was not within a lease, or ten seconds
   */
  private void send(
      Supplier<Renewable.@Nullable Request> request,
      BiConsumer<@Nullable Object, Long> answered,
      Runnable over) {
    long millis = Math.min(settings.lease().toMillis(), LONGEST_SEND_MILLIS);
    renewals.send(mainKey, millis, new OneRequest(request, answered, over));
  }

  private record OneRequest(
      Supplier<Renewable.@Nullable Request> supplier,
      BiConsumer<@Nullable Object, Long> taker,
      Runnable ending)
      implements Renewable {

    @Override
    public @Nullable Request request() {
      return supplier.get();
    }

    @Override
    public Answer answered(@Nullable Object reply, long asked) {
      taker.accept(reply, asked);
      return Answer.GONE;
    }

    @Override
    public void failed(RuntimeException why) {
      // Sent again as long as there is time.
    }

    @Override
    public void over() {
      ending.run();
    }
  }

  private static Renewable.Request request(LuaScript script, List<String> keys, List<String> args) {
    return new Renewable.Request(script, keys, args);
  }

  /** The acknowledgements of one stream: one batch at a time, the rest goes with the next. */
  private final class Acks {

    private final boolean again;

    // Guarded by the lock.
    private final List<Held> waiting = new ArrayList<>();
    private boolean underWay;

    Acks(boolean again) {
      this.again = again;
    }

    void flush() {
      List<Held> batch = takeBatch();
      if (batch.isEmpty()) {
        return;
      }
      List<String> args = new ArrayList<>(List.of(group, again ? "1" : "0"));
      batch.forEach(each -> args.add(each.place.entry()));
      Renewable.Request request =
          GroupConsumer.request(StreamScripts.ACK, List.of(again ? againKey : mainKey), args);
      try {
        send(() -> request, (reply, asked) -> answered(batch), () -> over(batch));
      } catch (Throwable t) { // an Error where no thread can be had
        back(batch);
        settings.reports().log.warn(t, "Acknowledgements could not be sent; trying again");
      }
    }

    private List<Held> takeBatch() {
      lock.lock();
      try {
        if (underWay || waiting.isEmpty()) {
          return List.of();
        }
        underWay = true;
        List<Held> first = waiting.subList(0, Math.min(waiting.size(), LARGEST_ACK));
        List<Held> batch = List.copyOf(first);
        first.clear();
        return batch;
      } finally {
        lock.unlock();
      }
    }

    private void answered(List<Held> batch) {
      lock.lock();
      try {
        underWay = false;
        batch.forEach(GroupConsumer.this::forget);
      } finally {
        lock.unlock();
      }
      flush();
    }

    private void over(List<Held> batch) {
      back(batch);
      if (isActive()) {
        flush();
      }
    }

    private void back(List<Held> batch) {
      lock.lock();
      try {
        underWay = false;
        waiting.addAll(0, batch);
      } finally {
        lock.unlock();
      }
    }
  }

  private void redeliver(Held each) {
    int next;
    boolean attached;
    lock.lock();
    try {
      if (life != Life.OPEN || each.state != State.WAITING || held.get(each.place) != each) {
        return;
      }
      next = each.delivery + 1;
      attached = isAttached(each);
    } finally {
      lock.unlock();
    }
    if (!attached) {
      again(each, next, System.nanoTime());
      return;
    }
    Renewable.Request request =
        request(
            StreamScripts.REDELIVER,
            List.of(keyOf(each)),
            List.of(group, name, each.place.entry(), String.valueOf(next)));
    send(
        () -> request,
        (reply, asked) -> redelivered(each, next, reply, asked),
        () -> redeliver(each));
  }

  private void redelivered(Held each, int next, @Nullable Object reply, long asked) {
    long answer = StreamReplies.number(reply);
    lock.lock();
    try {
      if (each.state != State.WAITING || each.delivery >= next) {
        return; // It was sent twice, and this is what the other one has answered already.
      }
      if (answer == -2) {
        each.trimmed = true;
      } else if (answer == 0 || (answer == -1 && isAttached(each) && !each.lost)) {
        forget(each); // another has it, or has done with it
        return;
      }
    } finally {
      lock.unlock();
    }
    again(each, next, asked);
  }

  /** Puts it before what was read ahead, as the next delivery. */
  private void again(Held each, int delivery, long asked) {
    lock.lock();
    try {
      if (life != Life.OPEN || each.state != State.WAITING || each.delivery >= delivery) {
        return;
      }
      each.state = State.READY;
      each.delivery = delivery;
      each.renewedNanos = asked;
      each.urgent = true;
      ready.addFirst(each);
    } finally {
      lock.unlock();
    }
    pumpSoon();
  }

  private void bury(Held each, Throwable error) {
    Renewable.Request request =
        request(
            StreamScripts.BURY,
            List.of(keyOf(each), settings.keys().dead(group)),
            List.of(
                group,
                each.place.entry(),
                each.messageId,
                String.valueOf(each.delivery),
                describe(error),
                each.place.again() ? "1" : "0"));
    send(
        () -> request,
        (reply, asked) -> buried(each, error, StreamReplies.number(reply)),
        () -> {
          if (isActive()) {
            bury(each, error);
          }
        });
  }

  private void buried(Held each, Throwable error, long answer) {
    lock.lock();
    try {
      forget(each);
    } finally {
      lock.unlock();
    }
    if (answer == 1) {
      settings
          .reports()
          .tell(listener -> listener.onDeadLetter(this, each.messageId, each.delivery, error));
    } else if (answer == -1) {
      countLost();
    }
  }

  /** Class and message, with nothing in it that UTF-8 cannot carry. */
  private static String describe(Throwable error) {
    String text;
    try {
      text = error.toString();
    } catch (RuntimeException e) {
      text = error.getClass().getName();
    }
    text = text == null ? error.getClass().getName() : text;
    StringBuilder bounded = new StringBuilder();
    int bytes = 0;
    for (int at = 0; at < text.length(); at += Character.charCount(text.codePointAt(at))) {
      int codePoint = text.codePointAt(at);
      boolean half = codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE;
      bytes += codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
      if (bytes > LONGEST_ERROR) {
        break;
      }
      bounded.appendCodePoint(half ? '?' : codePoint);
    }
    return bounded.toString();
  }

  private void countLost() {
    Renewable.Request request =
        request(StreamScripts.COUNT_LOST, List.of(settings.keys().groups()), List.of(group, "1"));
    send(
        () -> request,
        (reply, asked) -> {},
        () -> settings.reports().log.warn("A trimmed message could not be counted"));
  }

  // Leases.

  private void scheduleRenewals() {
    long due = System.nanoTime() + settings.lease().dividedBy(3).toNanos();
    lock.lock();
    try {
      if (life != Life.CLOSED) {
        nextRenewal = alarms.at(due, this::renewAll);
      }
    } finally {
      lock.unlock();
    }
  }

  private void renewAll() {
    if (locked(() -> life == Life.CLOSED)) {
      return;
    }
    try {
      renew(false);
      renew(true);
      mainAcks.flush();
      againAcks.flush();
    } finally {
      scheduleRenewals();
    }
  }

  private void renew(boolean again) {
    if (leased(again).isEmpty()) {
      return;
    }
    renewals.send(
        mainKey,
        settings.lease().dividedBy(3).toMillis(),
        new OneRequest(
            () -> renewal(again), (reply, asked) -> renewed(again, reply, asked), () -> {}));
  }

  private Renewable.@Nullable Request renewal(boolean again) {
    List<Held> leased = leased(again);
    if (leased.isEmpty()) {
      return null;
    }
    List<String> args =
        new ArrayList<>(List.of(group, name, String.valueOf(leased.size() + 2_000)));
    leased.forEach(each -> args.add(each.place.entry()));
    return request(
        StreamScripts.RENEW, List.of(again ? againKey : mainKey, settings.keys().groups()), args);
  }

  private List<Held> leased(boolean again) {
    lock.lock();
    try {
      return held.values().stream()
          .filter(each -> each.place.again() == again)
          .filter(each -> each.state != State.SETTLING && !each.lost && isAttached(each))
          .toList();
    } finally {
      lock.unlock();
    }
  }

  private void renewed(boolean again, @Nullable Object reply, long asked) {
    List<?> parts = StreamReplies.list(reply);
    List<DurableMessage<?>> lost = new ArrayList<>();
    lock.lock();
    try {
      if (!generation.equals(parts.get(0))) {
        reader.rejoin(); // the group is gone, or was made again by somebody else
        return;
      }
      for (Object entry : StreamReplies.list(parts.get(1))) {
        Held each = held.get(new Place(again, (String) entry));
        if (each == null || each.state == State.SETTLING || !isAttached(each) || each.lost) {
          continue;
        }
        each.lost = true;
        if (each.state == State.RUNNING && each.message != null) {
          lost.add(each.message);
        } else if (each.state != State.RUNNING) {
          boolean unused = ready.remove(each);
          forget(each);
        }
      }
      for (Object entry : StreamReplies.list(parts.get(2))) {
        Held each = held.get(new Place(again, (String) entry));
        if (each != null) {
          each.trimmed = true;
        }
      }
      for (Held each : held.values()) {
        if (each.place.again() == again && !each.lost && asked - each.renewedNanos > 0) {
          each.renewedNanos = asked;
        }
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    for (DurableMessage<?> message : lost) {
      settings.reports().tell(listener -> listener.onLeaseLost(this, message));
    }
    pumpSoon();
  }

  // The end.

  @Override
  public void close() {
    close(settings.closeTimeout());
  }

  @Override
  @CanIgnoreReturnValue
  public boolean close(Duration maxWait) {
    Arguments.requireDuration(maxWait, "maxWait", LONGEST_CLOSE);
    beginClose();
    return finishClose(System.nanoTime() + maxWait.toNanos());
  }

  /** Begins nothing more. */
  void beginClose() {
    lock.lock();
    try {
      if (life == Life.OPEN) {
        life = Life.CLOSING;
        changed.signalAll();
      }
    } finally {
      lock.unlock();
    }
    reader.cut();
  }

  /** Waits for handlers, and hands back what is left. */
  boolean finishClose(long deadlineNanos) {
    boolean ended = false;
    try {
      long patience = deadlineNanos + TimeUnit.MILLISECONDS.toNanos(LEAVE_MILLIS);
      reader.awaitEnd(patience);
      ended = await(deadlineNanos, this::isIdle);
      mainAcks.flush();
      againAcks.flush();
      ended &= await(patience, this::isSettled);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (end()) {
      ended &= leave();
      onClosed.accept(this);
    }
    return ended;
  }

  /** Stops all that goes by time; false if it was stopped before. */
  private boolean end() {
    lock.lock();
    try {
      if (life == Life.CLOSED) {
        return false;
      }
      life = Life.CLOSED;
      cancel(nextRenewal);
      held.values().forEach(each -> cancel(each.alarm));
      changed.signalAll();
      return true;
    } finally {
      lock.unlock();
    }
  }

  private static void cancel(@Nullable Alarm alarm) {
    if (alarm != null) {
      alarm.cancel();
    }
  }

  /** Because the pool or client is closed, and nothing can be told to Redis any more. */
  void abandon() {
    if (end()) {
      onClosed.accept(this);
    }
  }

  private boolean isIdle() {
    return workers <= (HANDLING.get() == this ? 1 : 0);
  }

  private boolean isSettled() {
    for (Held each : held.values()) {
      if (each.state == State.SETTLING) {
        return false;
      }
    }
    return true;
  }

  private boolean await(long deadlineNanos, Supplier<Boolean> condition)
      throws InterruptedException {
    lock.lock();
    try {
      while (!condition.get()) {
        long left = deadlineNanos - System.nanoTime();
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

  private boolean leave() {
    if (settings.redis().isClosed()) {
      return false;
    }
    List<String> args = new ArrayList<>(List.of(group, name));
    lock.lock();
    try {
      for (boolean again : new boolean[] {false, true}) {
        addIds(args, again, Set.of(State.RUNNING, State.SETTLING));
        addIds(args, again, Set.of(State.WAITING));
      }
    } finally {
      lock.unlock();
    }
    Renewable.Request request = request(StreamScripts.LEAVE, List.of(mainKey, againKey), args);
    CompletableFuture<Boolean> answered = new CompletableFuture<>();
    try {
      renewals.send(
          mainKey,
          LEAVE_MILLIS,
          new OneRequest(
              () -> request,
              (reply, asked) -> answered.complete(true),
              () -> answered.complete(false)));
      return answered.get(2 * LEAVE_MILLIS, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      settings.reports().log.warn(e, "What was read could not be handed back");
    }
    return false;
  }

  private void addIds(List<String> args, boolean again, Set<State> states) {
    List<String> ids =
        held.values().stream()
            .filter(each -> each.place.again() == again && states.contains(each.state))
            .map(each -> each.place.entry())
            .toList();
    args.add(String.valueOf(ids.size()));
    args.addAll(ids);
  }
}
