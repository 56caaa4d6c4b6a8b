package io.github.redistoolkit.lending;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What each concern did, a line each, and whether its figures add up. */
final class Report {

  private final List<String> lines = new ArrayList<>();
  private boolean good = true;

  /** Adds a line; {@code expectations} are the equations that must hold between its figures. */
  void add(String concern, String figures, Expectation... expectations) {
    lines.add(String.format(Locale.ROOT, "%-13s %s", concern, figures));
    for (Expectation expectation : expectations) {
      if (expectation.actual() != expectation.expected()) {
        good = false;
        lines.add(
            String.format(
                Locale.ROOT,
                "%-13s WRONG: %s is %,d, but should be %,d",
                "",
                expectation.figure(),
                expectation.actual(),
                expectation.expected()));
      }
    }
  }

  /** Whether every figure of every line is what it should be. */
  boolean addsUp() {
    return good;
  }

  @Override
  public String toString() {
    return String.join(System.lineSeparator(), lines);
  }

  /** A figure and what it should be. */
  record Expectation(String figure, long actual, long expected) {}
}
