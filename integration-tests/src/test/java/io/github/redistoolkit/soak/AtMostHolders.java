package io.github.redistoolkit.soak;

import static io.github.redistoolkit.soak.Events.millis;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import java.util.ArrayList;
import java.util.List;

/**
 * Never more holders of a name than these. A holder's event is from when it had the lease until it
 * last looked and still had it. A failover may have forgotten a holder whose lease was granted or
 * renewed before it, so those do not count that held when data may have been lost.
 *
 * @param kind what a holder's event is called
 * @param most how many may hold at a time
 */
record AtMostHolders(String kind, int most) implements Check {

  @Override
  public List<Violation> violations(History history, Losses losses) {
    List<Violation> found = new ArrayList<>();
    Events.bySubject(history, kind)
        .forEach(
            (subject, holders) -> {
              List<Event> holding = new ArrayList<>();
              for (Event next : holders) {
                holding.removeIf(
                    holder ->
                        holder.receivedNanos() - next.sentNanos() <= 0
                            || losses.between(holder.sentNanos(), next.sentNanos()));
                holding.add(next);
                if (holding.size() > most) {
                  found.add(
                      new Violation(
                          subject,
                          kind + " by " + tokens(holding) + " at a time, for " + overlap(holding),
                          next.sentNanos()));
                }
              }
            });
    return found;
  }

  private static List<String> tokens(List<Event> holding) {
    return holding.stream().map(Event::value).toList();
  }

  private static String overlap(List<Event> holding) {
    Event last = holding.get(holding.size() - 1);
    long end = holding.stream().mapToLong(Event::receivedNanos).min().orElseThrow(); // one is there
    return millis(end - last.sentNanos());
  }
}
