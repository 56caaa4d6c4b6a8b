package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * No reader holds while a writer does. The events are like those of {@link AtMostHolders}, which
 * tells of writers beside each other.
 *
 * @param writing what a writer's event is called
 * @param reading what a reader's event is called
 */
record NobodyBesideWriter(String writing, String reading) implements Check {

  @Override
  public List<Violation> violations(History history, Losses losses) {
    List<Violation> found = new ArrayList<>();
    Map<String, List<Event>> readers = Events.bySubject(history, reading);
    Events.bySubject(history, writing)
        .forEach(
            (subject, writers) -> {
              for (Event writer : writers) {
                for (Event reader : readers.getOrDefault(subject, List.of())) {
                  if (overlap(writer, reader) && !mayBeForgotten(writer, reader, losses)) {
                    found.add(
                        new Violation(
                            subject,
                            "read by " + reader.value() + " while written by " + writer.value(),
                            later(writer, reader).sentNanos()));
                  }
                }
              }
            });
    return found;
  }

  private static boolean overlap(Event one, Event two) {
    return one.sentNanos() - two.receivedNanos() < 0 && two.sentNanos() - one.receivedNanos() < 0;
  }

  private static Event later(Event one, Event two) {
    return one.sentNanos() - two.sentNanos() > 0 ? one : two;
  }

  /** Whether the one that came first may have been forgotten when the other came. */
  private static boolean mayBeForgotten(Event one, Event two, Losses losses) {
    Event later = later(one, two);
    Event earlier = later.equals(one) ? two : one;
    return losses.between(earlier.sentNanos(), later.sentNanos());
  }
}
