package io.github.redistoolkit.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Users who may do just what the documentation says that a module needs. */
public final class LeastPrivilege {

  private static final Path DOCUMENT = Path.of("../docs/operations.md");
  private static final Pattern RULE = Pattern.compile("`([+~&][^`]+)`");

  private static final Map<TestRedis, Map<List<String>, TestRedis>> USERS = new WeakHashMap<>();

  private LeastPrivilege() {}

  /**
   * The servers as a user with the rules of these rows, and of those that everybody needs.
   *
   * @param rows what the first column says, or further keys, as {@code ~<prefix>*}
   */
  public static synchronized TestRedis of(TestRedis redis, String... rows) {
    TestRedis ours = redis.ours();
    return USERS
        .computeIfAbsent(ours, unseen -> new LinkedHashMap<>())
        .computeIfAbsent(List.of(rows), unseen -> ours.as(rules(ours, rows)));
  }

  /** The commands of a row. */
  public static List<String> commands(String row) {
    return row(table(), row).stream()
        .filter(rule -> rule.startsWith("+"))
        .map(rule -> rule.substring(1))
        .toList();
  }

  /**
   * What a table says in a row below a heading.
   *
   * @param row what its first column says
   * @param heading what the heading of the column is, in the same table
   */
  public static String cell(String row, String heading) {
    List<String> headings = List.of();
    for (String line : lines()) {
      if (line.startsWith("|")) {
        List<String> cells = List.of(line.substring(1, line.length() - 1).trim().split(" *\\| +"));
        if (cells.contains(heading)) {
          headings = cells;
        } else if (cells.get(0).equals(row) && headings.contains(heading)) {
          return cells.get(cells.size() - headings.size() + headings.indexOf(heading));
        }
      } else {
        headings = List.of();
      }
    }
    throw new AssertionError(DOCUMENT + " has no row for " + row + " below " + heading);
  }

  /** The rules of these rows, and of those that everybody needs. */
  public static List<String> rules(TestRedis redis, String... rows) {
    Map<String, List<String>> table = table();
    List<String> rules = new ArrayList<>(row(table, "every connection"));
    if (redis.topology() == Topology.CLUSTER) {
      rules.addAll(row(table, "in a Cluster"));
    }
    for (String name : rows) {
      rules.addAll(name.startsWith("~") ? List.of(name) : row(table, name));
    }
    return rules.stream()
        .map(rule -> rule.replaceAll("<(prefix|channel)>", Matcher.quoteReplacement(redis.mark())))
        .toList();
  }

  private static List<String> row(Map<String, List<String>> table, String name) {
    List<String> rules = table.get(name);
    if (rules == null) {
      throw new AssertionError(DOCUMENT + " has no row for " + name + ", but " + table.keySet());
    }
    return rules;
  }

  private static Map<String, List<String>> table() {
    Map<String, List<String>> table = new LinkedHashMap<>();
    for (String line : lines()) {
      Matcher rules = RULE.matcher(line.replace("\\|", "\u0000"));
      while (line.startsWith("| ") && rules.find()) {
        String name = line.substring(2, line.indexOf(" |"));
        table
            .computeIfAbsent(name, unseen -> new ArrayList<>())
            .add(rules.group(1).replace('\u0000', '|'));
      }
    }
    return table;
  }

  private static List<String> lines() {
    try {
      return Files.readAllLines(DOCUMENT);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
