package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Who asks for a lease when another had one gets a greater token, and no two get the same. A loss
 * of data excuses nothing.
 *
 * @param kind what an acquisition is called; it is from the request to the reply
 */
record RisingTokens(String kind) implements Check {

  @Override
  public List<Violation> violations(History history, Losses losses) {
    List<Violation> found = new ArrayList<>();
    Events.bySubject(history, kind)
        .forEach(
            (subject, granted) -> {
              List<Event> byReceived =
                  granted.stream().sorted(Comparator.comparingLong(Event::receivedNanos)).toList();
              long greatest = Long.MIN_VALUE;
              int earlier = 0;
              for (Event next : granted) {
                while (byReceived.get(earlier).receivedNanos() - next.sentNanos() < 0) {
                  greatest = Math.max(greatest, Events.number(byReceived.get(earlier)));
                  earlier++;
                }
                if (Events.number(next) <= greatest) {
                  found.add(
                      new Violation(
                          subject,
                          "token " + next.value() + " after " + greatest,
                          next.receivedNanos()));
                }
              }
              granted.stream()
                  .filter(one -> isTwice(one, granted))
                  .map(
                      one ->
                          new Violation(
                              subject, "token " + one.value() + " twice", one.receivedNanos()))
                  .forEach(found::add);
            });
    return found;
  }

  private static boolean isTwice(Event one, List<Event> granted) {
    return granted.stream().filter(other -> other.value().equals(one.value())).count() > 1;
  }
}
