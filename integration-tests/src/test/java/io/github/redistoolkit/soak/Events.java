package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** How checks look at a history. */
final class Events {

  /** By the time before which they had certainly not happened. */
  static final Comparator<Event> BY_SENT = Comparator.comparingLong(Event::sentNanos);

  private Events() {}

  /** Those of one kind by their subject, each list in the order in which they were sent. */
  static Map<String, List<Event>> bySubject(History history, String kind) {
    return history.events(kind).stream()
        .sorted(BY_SENT)
        .collect(Collectors.groupingBy(Event::subject, TreeMap::new, Collectors.toList()));
  }

  static long number(Event event) {
    return Long.parseLong(event.value());
  }

  static String millis(long nanos) {
    return nanos / 1_000_000 + " ms";
  }
}
