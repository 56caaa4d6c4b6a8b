package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What was published and did not reach a subscription was published in a gap that was told. When a
 * gap began is told with the delay of the report, so it may have begun a little sooner.
 */
record GapTold() implements Check {

  /** A subscription was away, from and to when it said. */
  static final String GAP = "gap";

  static final String PUBLISHED = "published";
  static final String HEARD = "heard";

  private static final Duration REPORT = Duration.ofSeconds(1);

  @Override
  public List<Violation> violations(History history, Losses losses) {
    Map<String, Set<String>> heard =
        history.events(HEARD).stream()
            .collect(
                Collectors.groupingBy(
                    Event::subject, Collectors.mapping(Event::value, Collectors.toSet())));
    Map<String, List<Event>> gaps = new HashMap<>(Events.bySubject(history, GAP));
    List<Violation> found = new ArrayList<>();
    for (Event published : history.events(PUBLISHED)) {
      if (!heard.getOrDefault(published.subject(), new HashSet<>()).contains(published.value())
          && gaps.getOrDefault(published.subject(), List.of()).stream()
              .noneMatch(gap -> isWithin(published, gap))
          // A publisher that has not noticed talks to a primary that is one no more.
          && !losses.between(published.sentNanos(), published.receivedNanos())) {
        found.add(
            new Violation(
                published.subject(),
                published.value() + " was lost, and no gap told",
                published.sentNanos()));
      }
    }
    return found;
  }

  private static boolean isWithin(Event published, Event gap) {
    return published.sentNanos() - gap.receivedNanos() <= 0
        && published.receivedNanos() - (gap.sentNanos() - REPORT.toNanos()) >= 0;
  }
}
