package io.github.redistoolkit.testing;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;

/**
 * What happened in all JVMs. From it, a test recomputes a guarantee.
 *
 * <p>Each event happened somewhere between two times of {@link System#nanoTime}: before the request
 * was sent, and after its reply had come. These times are comparable between the JVMs of one
 * machine. The checks report only what was certainly a violation, whenever each event happened
 * between its two times. So they raise no false alarm on a slow machine.
 *
 * <p>A child JVM {@linkplain #lines sends} its history as lines, which its parent {@linkplain
 * #addLines adds} to its own. Thread-safe.
 */
public final class History {

  private static final String PREFIX = "!event\t";

  private final ConcurrentLinkedQueue<Event> events = new ConcurrentLinkedQueue<>();

  /** Begins without events. */
  public History() {}

  /**
   * Something that happened.
   *
   * @param kind what, such as {@code granted}
   * @param subject to what: a lock's name, a key, an id
   * @param value with what: a token, a result, or nothing
   * @param sentNanos when it had certainly not happened yet
   * @param receivedNanos when it certainly had
   */
  public record Event(
      String kind, String subject, String value, long sentNanos, long receivedNanos) {}

  /**
   * Adds an event; its texts hold neither tabs nor line ends.
   *
   * @param kind what, such as {@code granted}
   * @param subject to what: a lock's name, a key, an id
   * @param value with what; may be empty
   * @param sentNanos a time of {@link System#nanoTime} when it had certainly not happened yet
   * @param receivedNanos one when it certainly had
   * @throws IllegalArgumentException if a text has a tab or a line end
   */
  public void add(String kind, String subject, String value, long sentNanos, long receivedNanos) {
    if ((kind + subject + value).matches("(?s).*[\t\r\n].*")) {
      throw new IllegalArgumentException(
          "an event's texts must be without tabs and line ends: " + kind + " " + subject);
    }
    events.add(new Event(kind, subject, value, sentNanos, receivedNanos));
  }

  /**
   * Everything of one kind, in the order of the times at which it certainly had happened.
   *
   * @param kind what they are called
   * @return a copy; empty if there were none
   */
  public List<Event> events(String kind) {
    return events.stream()
        .filter(event -> event.kind().equals(kind))
        .sorted(Comparator.comparingLong(Event::receivedNanos))
        .toList();
  }

  /**
   * All of it as lines, for the parent's history.
   *
   * @return one for each event, in the order in which they were added
   */
  public List<String> lines() {
    return events.stream()
        .map(
            event ->
                PREFIX
                    + String.join(
                        "\t",
                        event.kind(),
                        event.subject(),
                        event.value(),
                        String.valueOf(event.sentNanos()),
                        String.valueOf(event.receivedNanos())))
        .toList();
  }

  /**
   * Adds the events among these lines of a child.
   *
   * @param lines what a child has sent; other lines are left out
   */
  public void addLines(Collection<String> lines) {
    for (String line : lines) {
      if (line.startsWith(PREFIX)) {
        String[] parts = line.substring(PREFIX.length()).split("\t", -1);
        add(parts[0], parts[1], parts[2], Long.parseLong(parts[3]), Long.parseLong(parts[4]));
      }
    }
  }

  /**
   * At most one holder: no two events of this kind and of one subject overlap. Here an event's
   * first time is when it certainly held already (the reply to its acquisition had come), its
   * second when it certainly held still (its release was not sent yet).
   *
   * @param kind what they are called
   * @return what is wrong; empty if nothing is
   */
  public List<String> overlaps(String kind) {
    List<String> violations = new ArrayList<>();
    bySubject(kind)
        .forEach(
            (subject, holders) -> {
              List<Event> inOrder =
                  holders.stream().sorted(Comparator.comparingLong(Event::sentNanos)).toList();
              Event longest = inOrder.get(0);
              for (Event next : inOrder.subList(1, inOrder.size())) {
                if (next.sentNanos() - longest.receivedNanos() < 0) {
                  violations.add(
                      subject + " was held by " + longest.value() + " and " + next.value());
                }
                if (next.receivedNanos() - longest.receivedNanos() > 0) {
                  longest = next;
                }
              }
            });
    return violations;
  }

  /**
   * Nobody beside one who is alone: no event of the one kind overlaps one of the other kind and of
   * the same subject. The times of an event are as for {@link #overlaps}.
   *
   * @param alone the kind of those who are alone
   * @param other the kind of those who may share with each other
   * @return what is wrong; empty if nothing is
   */
  public List<String> intrusions(String alone, String other) {
    List<String> violations = new ArrayList<>();
    bySubject(alone, other)
        .forEach(
            (subject, holders) -> {
              List<Event> inOrder =
                  holders.stream().sorted(Comparator.comparingLong(Event::sentNanos)).toList();
              Map<String, Event> longest = new HashMap<>();
              for (Event next : inOrder) {
                Event beside = longest.get(next.kind().equals(alone) ? other : alone);
                if (beside != null && next.sentNanos() - beside.receivedNanos() < 0) {
                  violations.add(
                      subject + " was held by " + beside.value() + " and " + next.value());
                }
                longest.merge(
                    next.kind(),
                    next,
                    (one, two) -> one.receivedNanos() - two.receivedNanos() > 0 ? one : two);
              }
            });
    return violations;
  }

  /**
   * At most so many holders: at no instant more events of this kind and of one subject than these.
   * The times of an event are as for {@link #overlaps}.
   *
   * @param kind what they are called
   * @param most how many may hold at a time
   * @return what is wrong; empty if nothing is
   */
  public List<String> crowds(String kind, int most) {
    List<String> violations = new ArrayList<>();
    bySubject(kind)
        .forEach(
            (subject, holders) -> {
              List<Event> inOrder =
                  holders.stream().sorted(Comparator.comparingLong(Event::sentNanos)).toList();
              PriorityQueue<Long> ends = new PriorityQueue<>();
              for (Event next : inOrder) {
                while (!ends.isEmpty() && ends.peek() - next.sentNanos() <= 0) {
                  ends.remove();
                }
                ends.add(next.receivedNanos());
                if (ends.size() > most) {
                  violations.add(
                      subject + " had " + ends.size() + " holders when " + next.value() + " came");
                }
              }
            });
    return violations;
  }

  /**
   * At most so many events of this kind and of one subject in any window of this length.
   *
   * @param kind what they are called
   * @param most how many a window may hold
   * @param window its length; an event at its very end is outside
   * @return what is wrong; empty if nothing is
   */
  public List<String> excesses(String kind, int most, Duration window) {
    List<String> violations = new ArrayList<>();
    bySubject(kind)
        .forEach(
            (subject, happened) -> {
              List<Event> inOrder =
                  happened.stream().sorted(Comparator.comparingLong(Event::sentNanos)).toList();
              for (int first = 0; first < inOrder.size(); first++) {
                int certain = certainlyWithin(inOrder, first, window.toNanos());
                if (certain > most) {
                  violations.add(subject + " had " + certain + " within " + window);
                }
              }
            });
    return violations;
  }

  /**
   * Nothing was refused for nothing: whenever something of the one kind happened, the window that
   * ended then may have held so many events of the other kind and of the same subject.
   *
   * @param refusal the kind of the refusals
   * @param grant the kind of what fills the window
   * @param least how many grants justify a refusal
   * @param window its length
   * @return what is wrong; empty if nothing is
   */
  public List<String> needless(String refusal, String grant, int least, Duration window) {
    Map<String, List<Event>> grants = bySubject(grant);
    List<String> violations = new ArrayList<>();
    for (Event refused : events(refusal)) {
      long begin = refused.sentNanos() - window.toNanos();
      long possible =
          grants.getOrDefault(refused.subject(), List.of()).stream()
              .filter(granted -> granted.receivedNanos() - begin > 0)
              .filter(granted -> granted.sentNanos() - refused.receivedNanos() <= 0)
              .count();
      if (possible < least) {
        violations.add(
            refused.subject() + " was refused after only " + possible + " within " + window);
      }
    }
    return violations.stream().distinct().toList();
  }

  /** How many events certainly were in the window that begins when the first was sent. */
  private static int certainlyWithin(List<Event> inOrder, int first, long windowNanos) {
    long begin = inOrder.get(first).sentNanos();
    int certain = 0;
    for (Event event : inOrder.subList(first, inOrder.size())) {
      if (event.sentNanos() - begin >= windowNanos) {
        break;
      }
      if (event.receivedNanos() - begin < windowNanos) {
        certain++;
      }
    }
    return certain;
  }

  /**
   * Exactly one event of this kind for each of these subjects, and none for others.
   *
   * @param kind what they are called
   * @param subjects to what it had to happen
   * @return what is wrong; empty if nothing is
   */
  public List<String> notOnce(String kind, Collection<String> subjects) {
    Map<String, List<Event>> bySubject = bySubject(kind);
    subjects.forEach(subject -> bySubject.putIfAbsent(subject, List.of()));
    List<String> violations = new ArrayList<>();
    bySubject.forEach(
        (subject, happened) -> {
          int expected = subjects.contains(subject) ? 1 : 0;
          if (happened.size() != expected) {
            violations.add(subject + " had " + happened.size() + " instead of " + expected);
          }
        });
    return violations;
  }

  /**
   * One value for each subject, among the events of these kinds.
   *
   * @param kinds what they are called
   * @return what is wrong; empty if nothing is
   */
  public List<String> differingValues(String... kinds) {
    List<String> violations = new ArrayList<>();
    bySubject(kinds)
        .forEach(
            (subject, happened) -> {
              List<String> values = happened.stream().map(Event::value).distinct().toList();
              if (values.size() > 1) {
                violations.add(subject + " had the values " + values);
              }
            });
    return violations;
  }

  private Map<String, List<Event>> bySubject(String... kinds) {
    Set<String> asked = Set.of(kinds);
    return events.stream()
        .filter(event -> asked.contains(event.kind()))
        .collect(Collectors.groupingBy(Event::subject, TreeMap::new, Collectors.toList()));
  }
}
