package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.Renewals;
import io.github.redistoolkit.stream.GroupConsumer.Joined;
import io.github.redistoolkit.stream.Held.Place;
import io.github.redistoolkit.stream.Held.State;
import io.github.redistoolkit.stream.StreamReplies.Entry;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a consumer of a group has got and not done with, and what is to be done with each of it:
 * what happens comes in, with its time; what is to follow goes out. Does no I/O, and knows no
 * clock.
 *
 * <p>Not thread-safe: its consumer guards it.
 */
final class HeldEntries {

  /** How many may wait for another delivery before nothing more is read. */
  private static final int MOST_WAITING = 1_000;

  /** What follows a failed attempt. */
  enum Next {
    /** Another, after {@link #delayAfter}. */
    RETRY,
    /** A dead letter. */
    BURY,
    /** The message is lost, which is counted. */
    COUNT_LOST,
    /** Nothing here: another consumer has it, or is to take it over. */
    NOTHING
  }

  private final Settings<?> settings;
  private final Map<Place, Held> held = new LinkedHashMap<>();
  private final Deque<Held> ready = new ArrayDeque<>();

  /** How many of those held are how far. */
  private final Map<State, Integer> counts = new EnumMap<>(State.class);

  private boolean claimsFirst;
  private String generation;
  private String last;

  HeldEntries(Settings<?> settings, Joined joined) {
    this.settings = settings;
    this.generation = joined.generation();
    this.last = joined.last();
  }

  // Of the group.

  /** Takes note of how the group is now; true if it was made again. */
  boolean joined(Joined now) {
    boolean anew = !isGeneration(now.generation());
    last = anew ? now.last() : StreamIds.later(last, now.last());
    generation = now.generation();
    return anew;
  }

  boolean isGeneration(@Nullable Object other) {
    return generation.equals(other);
  }

  /** The id that the group is to be made again after, should it be gone. */
  String rejoinAfter() {
    String after = last;
    for (Held each : held.values()) {
      if (!each.place.again() && (each.state != State.SETTLING || each.toBury)) {
        String before = StreamIds.before(each.place.entry());
        after = StreamIds.compare(before, after) < 0 ? before : after;
      }
    }
    return after;
  }

  /** Whether Redis has the entry among those of this consumer, as far as is known. */
  boolean isAttached(Held each) {
    return !each.trimmed && each.generation.equals(generation);
  }

  // What comes.

  /**
   * Takes entries.
   *
   * @param urgent whether they go before what was read ahead: others had them, or their reply was
   *     lost
   * @param askedNanos from when their leases last at least
   * @return those of which each delivery has ended without a word, to be buried
   */
  List<Held> add(List<Entry> entries, boolean again, boolean urgent, long askedNanos) {
    List<Held> exhausted = new ArrayList<>();
    Deque<Held> fresh = new ArrayDeque<>();
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
        known.anew = known.state == State.SETTLING;
        continue;
      }
      Held each = new Held(place, entry.fields(), delivery, generation, askedNanos);
      keep(each);
      if (!again && !urgent) {
        last = StreamIds.later(last, entry.id());
      }
      if (delivery > settings.maxDeliveries()) {
        toBury(each);
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
    return exhausted;
  }

  /** Takes an entry that is no message, and is only to be acknowledged. */
  Held addDone(Entry entry, long now) {
    Held each = new Held(new Place(true, entry.id()), entry.fields(), 1, generation, now);
    each.state = State.SETTLING;
    keep(each);
    return each;
  }

  /** Has what is to be taken over go before what was read ahead, until there is no more. */
  void claimsFirst(boolean first) {
    claimsFirst = first;
  }

  boolean claimsFirst() {
    return claimsFirst;
  }

  /** How many taken over could begin at once, beside so many that are at work. */
  int free(int workers) {
    if (!isSettled()) {
      // What is taken over may end this process. What was done before is acknowledged first, or it
      // would come again with it, and be buried in the end though it was handled.
      return 0;
    }
    int urgent = 0;
    for (Held each : held.values()) {
      urgent += each.state == State.READY && each.urgent ? 1 : 0;
    }
    return Math.max(0, settings.concurrency() - workers - urgent);
  }

  /**
   * How many more to read.
   *
   * @param acks how many that are done with are acknowledged by then
   */
  int room(int acks) {
    int waiting = count(State.WAITING);
    int most = settings.mostHeld();
    int room = most - (held.size() - waiting - acks);
    // Many at once, as long as there is something to do: else each acknowledgement would be
    // followed by a read of one.
    boolean worthwhile = room >= Math.max(1, most / 2) || (room > 0 && ready.isEmpty());
    return waiting < MOST_WAITING && worthwhile && !isStuck() ? room : 0;
  }

  // What handlers do.

  /** Whether another thread may go to work, beside so many that do. */
  boolean isForOneMore(int workers, long now) {
    // Not more than there is to do: those at work look for themselves.
    return workers < settings.concurrency()
        && next(now) != null
        && workers < ready.size() + count(State.RUNNING);
  }

  private int count(State state) {
    return counts.getOrDefault(state, 0);
  }

  private void count(State state, int more) {
    counts.merge(state, more, Integer::sum);
  }

  private void keep(Held each) {
    held.put(each.place, each);
    count(each.state, 1);
  }

  private void move(Held each, State state) {
    if (held.get(each.place) == each) {
      count(each.state, -1);
      count(state, 1);
    }
    each.state = state;
  }

  /** What may begin now; null if nothing. */
  private @Nullable Held next(long now) {
    Held first = ready.peekFirst();
    if (first == null || (claimsFirst && !first.urgent)) {
      return null;
    }
    // After a stop of this process others may have it; the next renewal tells.
    return isAttached(first) && !isCertain(first, now) ? null : first;
  }

  private boolean isCertain(Held each, long now) {
    return now - each.renewedNanos < Renewals.certainNanos(settings.lease().toMillis());
  }

  /** Begins what is next; null if there is nothing. */
  @Nullable Held take(long now) {
    Held next = next(now);
    if (next != null) {
      ready.removeFirst();
      move(next, State.RUNNING);
      next.begunNanos = now;
    }
    return next;
  }

  /** What its handler has done: Redis is to be told. */
  void done(Held each) {
    move(each, State.SETTLING);
  }

  /** What nobody can do: Redis is to be told, and has to have it pending until then. */
  void toBury(Held each) {
    move(each, State.SETTLING);
    each.toBury = true;
  }

  /** Takes note of a failed attempt, and decides what follows. */
  Next failed(Held each) {
    boolean exhausted = each.delivery >= settings.maxDeliveries();
    if (each.lost || each.overdue) {
      forget(each); // who has it now decides, or who takes it over: this consumer, if no other
      return Next.NOTHING;
    }
    if (exhausted && isAttached(each)) {
      toBury(each);
      return Next.BURY;
    }
    if (exhausted) {
      forget(each);
      return each.trimmed ? Next.COUNT_LOST : Next.NOTHING;
    }
    move(each, State.WAITING);
    return Next.RETRY;
  }

  /** How long to wait before it is delivered again. */
  Duration delayAfter(Held each) {
    return settings.delayAfter(each.delivery);
  }

  /** Whether it still waits for another delivery. */
  boolean isWaiting(Held each) {
    return each.state == State.WAITING && held.get(each.place) == each;
  }

  /**
   * Takes note of what Redis says of another delivery: 1, 0 if another has the entry, -1 if nobody
   * has, -2 if it was trimmed.
   *
   * @return whether it is to be delivered
   */
  boolean redelivered(Held each, int delivery, long answer) {
    if (!isWaiting(each) || each.delivery >= delivery) {
      // It was sent twice, and this is what the other one has answered already; or a renewal has
      // told meanwhile that another has it.
      return false;
    }
    if (answer == -2) {
      each.trimmed = true;
    } else if (answer == 0 || (answer == -1 && isAttached(each))) {
      forget(each); // another has it, or has done with it
      return false;
    }
    return true;
  }

  /** Puts it before what was read ahead, as the next delivery; false if it is so already. */
  boolean again(Held each, int delivery, long askedNanos) {
    if (!isWaiting(each) || each.delivery >= delivery) {
      return false;
    }
    move(each, State.READY);
    each.delivery = delivery;
    each.renewedNanos = askedNanos;
    each.urgent = true;
    ready.addFirst(each);
    return true;
  }

  /** Has it wait, to be delivered as if it never was: its group was gone when it was to settle. */
  void unsettle(Held each) {
    if (each.state == State.SETTLING && held.get(each.place) == each) {
      move(each, State.WAITING);
      each.toBury = false;
      each.delivery = 0;
    }
  }

  /**
   * Takes note that Redis has been told; false if it has to be told again, since it may have given
   * out the entry after that.
   */
  boolean settled(Held each) {
    if (each.anew) {
      each.anew = false;
      return false;
    }
    forget(each);
    return true;
  }

  void forget(Held each) {
    if (held.remove(each.place, each)) {
      count(each.state, -1);
    }
  }

  // Leases.

  /** Whether each handler that may run has been at it for too long, so that none comes next. */
  private boolean isStuck() {
    if (settings.handlerTimeout() == null) {
      return false;
    }
    int overdue = 0;
    for (Held each : held.values()) {
      overdue += each.state == State.RUNNING && each.overdue ? 1 : 0;
    }
    return overdue >= settings.concurrency();
  }

  /** What is to be renewed of one stream. */
  List<Held> leased(boolean again) {
    if (isStuck()) {
      return List.of(); // nobody is going to begin it here
    }
    return held.values().stream()
        .filter(each -> each.place.again() == again)
        .filter(each -> each.state != State.SETTLING && !each.lost && !each.overdue)
        .filter(this::isAttached)
        .toList();
  }

  /** Renews no more what handlers have for too long; returns what was not known to be so. */
  List<DurableMessage<?>> overdue(long now) {
    List<DurableMessage<?>> found = new ArrayList<>();
    if (settings.handlerTimeout() != null) {
      long most = settings.handlerTimeout().toNanos();
      for (Held each : held.values()) {
        if (each.state == State.RUNNING
            && !each.overdue
            && each.message != null
            && now - each.begunNanos >= most) {
          each.overdue = true;
          found.add(each.message);
        }
      }
    }
    return found;
  }

  /**
   * Takes note of renewals.
   *
   * @param gone ids that are not this consumer's any more
   * @param trimmed ids that Redis has no more
   * @param askedNanos from when the others last at least
   * @return messages whose handlers run, though another consumer may have them
   */
  List<DurableMessage<?>> renewed(
      boolean again, Collection<String> gone, Collection<String> trimmed, long askedNanos) {
    List<DurableMessage<?>> lost = new ArrayList<>();
    for (String entry : gone) {
      Held each = held.get(new Place(again, entry));
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
    for (String entry : trimmed) {
      Held each = held.get(new Place(again, entry));
      if (each != null) {
        each.trimmed = true;
      }
    }
    for (Held each : held.values()) {
      if (each.place.again() == again && !each.lost && askedNanos - each.renewedNanos > 0) {
        each.renewedNanos = askedNanos;
      }
    }
    return lost;
  }

  // What there is.

  Collection<Held> all() {
    return held.values();
  }

  /** What there is of one stream, done with or not. */
  Set<String> entriesOf(boolean again) {
    Set<String> entries = new HashSet<>();
    for (Place place : held.keySet()) {
      if (place.again() == again) {
        entries.add(place.entry());
      }
    }
    return entries;
  }

  /** Whether Redis knows of all that is done. */
  boolean isSettled() {
    return count(State.SETTLING) == 0;
  }

  List<String> idsOf(boolean again, Set<State> states) {
    return held.values().stream()
        .filter(each -> each.place.again() == again && states.contains(each.state))
        .map(each -> each.place.entry())
        .toList();
  }
}
