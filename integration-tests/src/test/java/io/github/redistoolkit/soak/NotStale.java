package io.github.redistoolkit.soak;

import static io.github.redistoolkit.soak.Events.millis;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Who reads after a write was made known to the cache gets that version or a later one. Data that
 * is lost may bring an old entry back, which stays for as long as entries do.
 *
 * @param reading what a read is called; its value is the version that was read
 * @param late how much later than a write a read may still get what was before, as from a near
 *     cache
 * @param ttl how long an entry that came back stays
 */
record NotStale(String reading, Duration late, Duration ttl) implements Check {

  /** From before a write to when the cache had been told; its value is the version written. */
  static final String WRITTEN = "written";

  @Override
  public List<Violation> violations(History history, Losses losses) {
    Map<String, List<Event>> writes = Events.bySubject(history, WRITTEN);
    List<Violation> found = new ArrayList<>();
    Events.bySubject(history, reading)
        .forEach(
            (key, reads) -> {
              TreeMap<Long, Event> known = newestByEnd(writes.getOrDefault(key, List.of()));
              for (Event read : reads) {
                Map.Entry<Long, Event> before = known.lowerEntry(read.sentNanos() - late.toNanos());
                if (before == null || Events.number(read) >= Events.number(before.getValue())) {
                  continue;
                }
                Event write = before.getValue();
                if (losses.between(
                    later(write.sentNanos(), read.sentNanos() - ttl.toNanos()),
                    read.receivedNanos())) {
                  continue;
                }
                found.add(
                    new Violation(
                        key,
                        "version "
                            + read.value()
                            + " was read "
                            + millis(read.sentNanos() - write.receivedNanos())
                            + " after version "
                            + write.value(),
                        read.sentNanos()));
              }
            });
    return found;
  }

  private static long later(long one, long two) {
    return one - two > 0 ? one : two;
  }

  /** For each end of a write the one with the newest version among those that had ended. */
  private static TreeMap<Long, Event> newestByEnd(List<Event> writes) {
    TreeMap<Long, Event> newest = new TreeMap<>();
    writes.stream()
        .sorted(Comparator.comparingLong(Event::receivedNanos))
        .forEach(
            write -> {
              Map.Entry<Long, Event> last = newest.lastEntry();
              if (last == null || Events.number(last.getValue()) < Events.number(write)) {
                newest.put(write.receivedNanos(), write);
              }
            });
    return newest;
  }
}
