package io.github.redistoolkit.coalescing;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;

/**
 * Tells whether what concurrent callers saw of one key can be explained by a key that does one
 * thing after the other, each at some instant between a call's begin and its end (Herlihy and Wing,
 * "Linearizability: A Correctness Condition for Concurrent Objects", 1990).
 *
 * <p>It is the search of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993): take a
 * call that began before any other that is left has ended, let the model do it, go on; and back
 * where the model answers otherwise. What was tried once, the same calls with the same value, is
 * not tried again, as Lowe describes it ("Testing for Linearizability", 2017).
 *
 * <p>A call with an unknown outcome has no end: it may have happened at any time since it began, or
 * never, which is the same as after all others.
 */
final class Linearizability {

  /** What is asked of a key that holds a number. */
  enum Kind {
    READ,
    WRITE,
    INCREMENT
  }

  /**
   * A call.
   *
   * @param kind what it asks for
   * @param argument what it writes, else 0
   * @param result what it was answered, of a write nothing; empty if that is unknown
   * @param began when it had certainly not happened yet
   * @param ended when it certainly had; {@link #NEVER} if the outcome is unknown
   */
  record Operation(Kind kind, long argument, OptionalLong result, long began, long ended) {

    static final long NEVER = Long.MAX_VALUE;

    static Operation read(long result, long began, long ended) {
      return new Operation(Kind.READ, 0, OptionalLong.of(result), began, ended);
    }

    static Operation write(long value, long began, long ended) {
      return new Operation(Kind.WRITE, value, OptionalLong.empty(), began, ended);
    }

    static Operation increment(long result, long began, long ended) {
      return new Operation(Kind.INCREMENT, 0, OptionalLong.of(result), began, ended);
    }

    static Operation unknownWrite(long value, long began) {
      return write(value, began, NEVER);
    }

    static Operation unknownIncrement(long began) {
      return new Operation(Kind.INCREMENT, 0, OptionalLong.empty(), began, NEVER);
    }

    boolean isUnknown() {
      return ended == NEVER;
    }

    private long after(long value) {
      return switch (kind) {
        case READ -> value;
        case WRITE -> argument;
        case INCREMENT -> value + 1;
      };
    }

    /** Whether the model, holding this value, answers as the key did. */
    private boolean fits(long value) {
      return result.isEmpty() || result.getAsLong() == after(value);
    }
  }

  /** A begin or an end, in a list from which calls are taken while they have their place. */
  private static final class Event {
    final int call;
    final boolean isEnd;
    Event previous = this;
    Event next = this;

    Event(int call, boolean isEnd) {
      this.call = call;
      this.isEnd = isEnd;
    }

    void insertBefore(Event later) {
      previous = later.previous;
      next = later;
      previous.next = this;
      next.previous = this;
    }

    void takeOut() {
      previous.next = next;
      next.previous = previous;
    }

    void putBack() {
      previous.next = this;
      next.previous = this;
    }
  }

  /** What has been done so far, and what it came to. */
  private record Seen(BitSet done, long value) {}

  /** A step that can be taken back. */
  private record Step(Event begin, long valueBefore) {}

  private final List<Operation> calls;
  private final Event[] begins;
  private final Event[] ends;
  private final int[] twinBefore;
  private final Event head = new Event(-1, false);

  private Linearizability(List<Operation> calls) {
    this.calls = calls;
    this.begins = new Event[calls.size()];
    this.ends = new Event[calls.size()];
    this.twinBefore = new int[calls.size()];
    List<Event> events = new ArrayList<>();
    Map<List<Object>, Integer> twins = new HashMap<>();
    for (int i = 0; i < calls.size(); i++) {
      Operation call = calls.get(i);
      begins[i] = new Event(i, false);
      ends[i] = new Event(i, true);
      events.add(begins[i]);
      events.add(ends[i]);
      Integer twin = call.isUnknown() ? twins.put(List.of(call.kind(), call.argument()), i) : null;
      twinBefore[i] = twin == null ? -1 : twin;
    }
    // At one and the same time begins come first: such calls may have had either order.
    events.sort(Comparator.comparingLong(this::time).thenComparing(event -> event.isEnd));
    events.forEach(event -> event.insertBefore(head));
  }

  private long time(Event event) {
    Operation call = calls.get(event.call);
    return event.isEnd ? call.ended() : call.began();
  }

  /**
   * Tells whether a history has an explanation.
   *
   * @param initial what the key held before
   * @param history all calls that may have happened, in any order
   */
  static boolean isLinearizable(long initial, List<Operation> history) {
    List<Operation> calls =
        history.stream()
            .filter(call -> !call.isUnknown() || mayMatter(call, history))
            .sorted(Comparator.comparingLong(Operation::began))
            .toList();
    return new Linearizability(calls).hasOrder(initial);
  }

  /**
   * Whether somebody can have seen what an unknown call did. Else it may as well have come last:
   * until the next write the key holds what was written and at most all increments beyond.
   */
  private static boolean mayMatter(Operation unknown, List<Operation> history) {
    long increments = history.stream().filter(call -> call.kind() == Kind.INCREMENT).count();
    return switch (unknown.kind()) {
      case READ -> false;
      case INCREMENT -> true;
      case WRITE ->
          history.stream()
              .flatMapToLong(call -> call.result().stream())
              .anyMatch(
                  seen -> seen >= unknown.argument() && seen <= unknown.argument() + increments);
    };
  }

  private boolean hasOrder(long initial) {
    long value = initial;
    BitSet done = new BitSet();
    Set<Seen> tried = new HashSet<>();
    Deque<Step> steps = new ArrayDeque<>();
    Event event = head.next;
    while (event != head && !isOver(event)) {
      if (event.isEnd) {
        // It has ended, and nothing that is done explains it: take the last step back.
        if (steps.isEmpty()) {
          return false;
        }
        Step last = steps.pop();
        value = last.valueBefore();
        done.clear(last.begin().call);
        ends[last.begin().call].putBack();
        last.begin().putBack();
        event = last.begin().next;
        continue;
      }
      Operation call = calls.get(event.call);
      if (call.fits(value) && isNextOfItsTwins(event.call, done)) {
        done.set(event.call);
        if (tried.add(new Seen((BitSet) done.clone(), call.after(value)))) {
          steps.push(new Step(event, value));
          value = call.after(value);
          event.takeOut();
          ends[event.call].takeOut();
          event = head.next;
          continue;
        }
        done.clear(event.call);
      }
      event = event.next;
    }
    return true;
  }

  /** Whether all that is left are ends of unknown calls: everything else is explained. */
  private boolean isOver(Event event) {
    return event.isEnd && calls.get(event.call).isUnknown();
  }

  /** Unknown calls that do the same are told apart by nobody, so the first of them goes first. */
  private boolean isNextOfItsTwins(int call, BitSet done) {
    return twinBefore[call] < 0 || done.get(twinBefore[call]);
  }
}
