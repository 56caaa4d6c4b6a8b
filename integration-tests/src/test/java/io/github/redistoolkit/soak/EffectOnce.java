package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.History.Event;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The work of a key has its effect once. Again only if whoever had it before died or got no answer,
 * and then it is told so; never once a caller was told that the result is kept; and then everybody
 * gets that result.
 */
record EffectOnce() implements Check {

  /** From the begin of the work to its effect; its value is the attempt, a space, the result. */
  static final String EFFECT = "effect";

  /** A caller was told that its own result is kept; from its call to that. */
  static final String KEPT = "kept";

  /** A caller was given a result of before; from its call to that. */
  static final String REPLAYED = "replayed";

  @Override
  public List<Violation> violations(History history, Losses losses) {
    List<Violation> found = new ArrayList<>();
    Map<String, List<Event>> kept = Events.bySubject(history, KEPT);
    Map<String, List<Event>> replayed = Events.bySubject(history, REPLAYED);
    Events.bySubject(history, EFFECT)
        .forEach(
            (key, effects) -> {
              List<Event> results = kept.getOrDefault(key, List.of());
              for (int i = 1; i < effects.size(); i++) {
                Event next = effects.get(i);
                Event before = effects.get(i - 1);
                if (losses.between(effects.get(0).sentNanos(), next.sentNanos())) {
                  continue;
                }
                if (attempt(next) <= attempt(before)) {
                  found.add(
                      new Violation(
                          key,
                          "attempt " + next.value() + " after attempt " + before.value(),
                          next.sentNanos()));
                }
                results.stream()
                    .filter(result -> result.receivedNanos() - next.sentNanos() < 0)
                    .map(
                        result ->
                            new Violation(
                                key,
                                "effect " + next.value() + " after " + result.value() + " was kept",
                                next.sentNanos()))
                    .forEach(found::add);
              }
              addDiffering(
                  key,
                  Stream.concat(results.stream(), replayed.getOrDefault(key, List.of()).stream())
                      .sorted(Events.BY_SENT)
                      .toList(),
                  losses,
                  found);
            });
    return found;
  }

  private static void addDiffering(
      String key, List<Event> results, Losses losses, List<Violation> found) {
    for (int i = 1; i < results.size(); i++) {
      Event first = results.get(0);
      Event other = results.get(i);
      if (!other.value().equals(first.value())
          && !losses.between(first.sentNanos(), other.receivedNanos())) {
        found.add(
            new Violation(
                key, "results " + first.value() + " and " + other.value(), other.sentNanos()));
      }
    }
  }

  private static long attempt(Event effect) {
    return Long.parseLong(effect.value().split(" ", 2)[0]);
  }
}
