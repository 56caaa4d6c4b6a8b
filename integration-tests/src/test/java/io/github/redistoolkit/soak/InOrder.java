package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What one thread publishes comes in its order, and once.
 *
 * @param kind what an arrival is called; its value is a number that rises
 */
record InOrder(String kind) implements Check {

  @Override
  public List<Violation> violations(History history, Losses losses) {
    List<Violation> found = new ArrayList<>();
    Events.bySubject(history, kind)
        .forEach(
            (subject, arrived) -> {
              List<Event> inTime =
                  arrived.stream().sorted(Comparator.comparingLong(Event::receivedNanos)).toList();
              for (int i = 1; i < inTime.size(); i++) {
                Event next = inTime.get(i);
                Event before = inTime.get(i - 1);
                if (Events.number(next) <= Events.number(before)) {
                  found.add(
                      new Violation(
                          subject,
                          next.value() + " came after " + before.value(),
                          next.receivedNanos()));
                }
              }
            });
    return found;
  }
}
