package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * No window of this length holds more permits than the limit, wherever it begins. Each loss of data
 * may begin an id afresh, so it allows one more limit. A refund that came late may have given back
 * what others were granted since, as its Javadoc says.
 *
 * @param kind what a grant is called; its value is how many permits
 * @param most how many a window may hold
 * @param window its length
 */
record WithinLimit(String kind, long most, Duration window) implements Check {

  /** Permits that may have been given back late; until its end they may be granted once more. */
  static final String LATE_REFUND = "late-refund";

  @Override
  public List<Violation> violations(History history, Losses losses) {
    List<Violation> found = new ArrayList<>();
    Map<String, List<Event>> refunds = Events.bySubject(history, LATE_REFUND);
    Events.bySubject(history, kind)
        .forEach(
            (subject, granted) -> {
              for (int first = 0; first < granted.size(); first++) {
                long begin = granted.get(first).sentNanos();
                long end = begin + window.toNanos();
                long held = certainlyWithin(granted, first, end);
                long allowed =
                    most * (1 + losses.count(begin, end))
                        + refunded(refunds.getOrDefault(subject, List.of()), begin, end);
                if (held > allowed) {
                  found.add(
                      new Violation(
                          subject,
                          held + " permits within " + window + " instead of " + allowed,
                          begin));
                }
              }
            });
    return found;
  }

  private static long certainlyWithin(List<Event> granted, int first, long end) {
    long held = 0;
    for (Event event : granted.subList(first, granted.size())) {
      if (event.sentNanos() - end >= 0) {
        break;
      }
      if (event.receivedNanos() - end < 0) {
        held += Events.number(event);
      }
    }
    return held;
  }

  private static long refunded(List<Event> refunds, long begin, long end) {
    return refunds.stream()
        .filter(refund -> refund.sentNanos() - end < 0 && refund.receivedNanos() - begin > 0)
        .mapToLong(Events::number)
        .sum();
  }
}
