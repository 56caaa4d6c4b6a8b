package io.github.redistoolkit.report;

import io.github.redistoolkit.report.RunRecord.Counted;
import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Says at the end of a run what all its JVMs did together. */
public final class RunSummary {

  private final Map<Counted, Map<String, Long>> counts = new EnumMap<>(Counted.class);

  /**
   * Prints it.
   *
   * @param args the folder of the records; if there is none, nothing has run
   */
  public static void main(String... args) throws IOException {
    Path folder = Path.of(args[0]);
    if (Files.isDirectory(folder)) {
      RunSummary summary = new RunSummary();
      try (Stream<Path> records = Files.list(folder)) {
        for (Path each : records.toList()) {
          summary.add(Files.readAllLines(each));
        }
      }
      summary.lines().forEach(System.out::println);
    }
  }

  /** Adds what one JVM has written down. */
  void add(List<String> record) {
    for (String line : record) {
      String[] parts = line.split("\t", 3);
      of(Counted.valueOf(parts[0])).merge(parts[1], Long.parseLong(parts[2]), Long::sum);
    }
  }

  private Map<String, Long> of(Counted what) {
    return counts.computeIfAbsent(what, unseen -> new TreeMap<>());
  }

  /** The summary. */
  List<String> lines() {
    List<String> lines = new ArrayList<>();
    lines.add("What this run did");
    lines.add(
        "  tests       %d in %d suites, %d failed"
            .formatted(sum(Counted.TEST), of(Counted.SUITE).size(), sum(Counted.FAILURE)));
    lines.add("  topologies  " + list(topologies()));
    lines.add("  clients     " + list(of(Counted.TEST)));
    lines.add("  faults      " + list(faults()));
    lines.add(
        "  guarantees  %d tested, %d violated"
            .formatted(guarantees().size(), of(Counted.VIOLATION).size()));
    of(Counted.VIOLATION).keySet().forEach(id -> lines.add("  violated    " + id));
    of(Counted.FAILURE).keySet().forEach(test -> lines.add("  failed      " + test));
    if (sum(Counted.UNFINISHED) > 0) {
      lines.add(
          "  missing     what %d JVM did that did not end".formatted(sum(Counted.UNFINISHED)));
    }
    return lines;
  }

  private long sum(Counted what) {
    return of(what).values().stream().mapToLong(Long::longValue).sum();
  }

  private Set<String> guarantees() {
    Set<String> tested = new TreeSet<>(of(Counted.PROOF).keySet());
    tested.addAll(of(Counted.VIOLATION).keySet());
    return tested;
  }

  private Map<String, Long> topologies() {
    Map<String, Long> tests = new TreeMap<>();
    of(Counted.TEST).forEach((client, times) -> tests.merge(topology(client), times, Long::sum));
    return tests;
  }

  private static String topology(String client) {
    return client.equals(RunRecord.NO_CLIENT)
        ? client
        : ClientKind.valueOf(client).topology().name();
  }

  private Map<String, Long> faults() {
    Map<String, Long> faults = new TreeMap<>();
    of(Counted.FAULT).forEach((fault, times) -> faults.put(Fault.valueOf(fault).plural(), times));
    return faults;
  }

  private static String list(Map<String, Long> counts) {
    return counts.entrySet().stream()
        .filter(each -> each.getValue() > 0)
        .map(each -> each.getKey() + " " + each.getValue())
        .collect(
            Collectors.collectingAndThen(
                Collectors.joining(", "), all -> all.isEmpty() ? "none" : all));
  }
}
