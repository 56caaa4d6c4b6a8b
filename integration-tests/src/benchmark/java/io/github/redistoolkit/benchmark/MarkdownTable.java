package io.github.redistoolkit.benchmark;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** A table under its title; the columns after the first two are numbers. */
final class MarkdownTable {

  private static final int WORDS = 2;

  private final StringBuilder text = new StringBuilder();

  MarkdownTable(String title, String... columns) {
    text.append("### ").append(title).append("\n\n");
    row((Object[]) columns);
    text.append('|');
    for (int i = 0; i < columns.length; i++) {
      text.append(i < WORDS ? " --- |" : " ---: |");
    }
    text.append('\n');
  }

  void row(Object... cells) {
    text.append(
        Arrays.stream(cells).map(String::valueOf).collect(Collectors.joining(" | ", "| ", " |\n")));
  }

  /** A number with about three digits that count; a dash if there is none. */
  static String number(double value) {
    if (!Double.isFinite(value)) {
      return "–";
    }
    if (value > 0 && value < 0.001) {
      return "<0.001";
    }
    int decimals = value >= 100 || value == 0 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 3;
    return String.format(Locale.ROOT, "%,." + decimals + "f", value);
  }

  @Override
  public String toString() {
    return text.toString();
  }
}
