package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What was published on a durable topic was handled by each group in the end, unless Redis lost it.
 *
 * @param groups what the handling of each group is called; its value is that of the message
 */
record NothingLost(List<String> groups) implements Check {

  /** From the request to its reply, with the message's id; a message that may not be lost. */
  static final String ADDED = "added";

  @Override
  public List<Violation> violations(History history, Losses losses) {
    List<Violation> found = new ArrayList<>();
    for (String group : groups) {
      Map<String, Set<String>> handled =
          history.events(group).stream()
              .collect(
                  Collectors.groupingBy(
                      Event::subject, Collectors.mapping(Event::value, Collectors.toSet())));
      for (Event added : history.events(ADDED)) {
        if (!handled.getOrDefault(added.subject(), new HashSet<>()).contains(added.value())
            && !losses.mayTake(added.sentNanos(), added.receivedNanos())) {
          found.add(
              new Violation(
                  added.subject(), added.value() + " was never " + group, added.receivedNanos()));
        }
      }
    }
    return found;
  }
}
