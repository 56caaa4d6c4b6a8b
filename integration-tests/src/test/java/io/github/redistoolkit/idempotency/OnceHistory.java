package io.github.redistoolkit.idempotency;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What happened to each key: every side effect and every result that a caller was given.
 * Thread-safe for adding.
 */
final class OnceHistory {

  private record Event(String key, String value) {}

  private final ConcurrentLinkedQueue<Event> effects = new ConcurrentLinkedQueue<>();
  private final ConcurrentLinkedQueue<Event> results = new ConcurrentLinkedQueue<>();

  /** The work of a key was done, with this result. */
  void effect(String key, String result) {
    effects.add(new Event(key, result));
  }

  /** A caller was given this result. */
  void result(String key, String result) {
    results.add(new Event(key, result));
  }

  /** All of it as lines, for another JVM's history. */
  List<String> lines() {
    return Stream.concat(
            effects.stream().map(event -> "effect " + event.key() + " " + event.value()),
            results.stream().map(event -> "result " + event.key() + " " + event.value()))
        .toList();
  }

  /** Adds a line of another JVM's history. */
  void add(String line) {
    String[] parts = line.split(" ", 3);
    Event event = new Event(parts[1], parts[2]);
    (parts[0].equals("effect") ? effects : results).add(event);
  }

  int results() {
    return results.size();
  }

  /** Each way in which a key's work was not done exactly once or its result not given to all. */
  List<String> violations() {
    Map<String, List<String>> effectsOf = byKey(effects);
    Map<String, List<String>> resultsOf = byKey(results);
    List<String> violations = new ArrayList<>();
    effectsOf.forEach(
        (key, done) -> {
          if (done.size() != 1) {
            violations.add(key + " had " + done.size() + " side effects");
          }
        });
    resultsOf.forEach(
        (key, given) -> {
          List<String> done = effectsOf.getOrDefault(key, List.of());
          if (given.stream().distinct().count() != 1 || !done.containsAll(given)) {
            violations.add(key + " gave " + given.stream().distinct().count() + " results");
          }
        });
    return violations;
  }

  private static Map<String, List<String>> byKey(ConcurrentLinkedQueue<Event> events) {
    return events.stream()
        .collect(
            Collectors.groupingBy(
                Event::key, TreeMap::new, Collectors.mapping(Event::value, Collectors.toList())));
  }
}
