package io.github.redistoolkit.benchmark;

import static io.github.redistoolkit.benchmark.MarkdownTable.number;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * How a cost grows with a size. Measured once, all rows at one size before the next size, and drawn
 * as well as tabulated.
 */
abstract class Growth {

  private final String title;
  private final String size;
  private final String cost;
  private final List<Integer> sizes;
  private final List<Through> rows;
  private final Map<Through, Map<Integer, Double>> costs = new EnumMap<>(Through.class);

  /**
   * What is drawn.
   *
   * @param title of the table and of the plot
   * @param size what grows, with its unit
   * @param cost what is measured, with its unit
   */
  Growth(String title, String size, String cost, List<Integer> sizes, List<Through> rows) {
    this.title = title;
    this.size = size;
    this.cost = cost;
    this.sizes = sizes;
    this.rows = rows;
  }

  /** The cost of a row at a size. */
  abstract double measure(Through through, int size, Pace pace) throws InterruptedException;

  void run(Pace pace) throws InterruptedException {
    for (int each : sizes) {
      for (Through through : rows) {
        double measured = measure(through, each, pace);
        System.out.printf(
            "%s: %,d %s, %s: %s %s%n", title, each, size, through.label(), number(measured), cost);
        costs.computeIfAbsent(through, unused -> new LinkedHashMap<>()).put(each, measured);
      }
    }
  }

  boolean isMeasured() {
    return !costs.isEmpty();
  }

  /** Each cost with its ratio to that of raw commands at the same size. */
  String table() {
    List<String> columns = new ArrayList<>(List.of(cost, "through"));
    sizes.forEach(each -> columns.add(String.format("%,d %s", each, size)));
    MarkdownTable table = new MarkdownTable(title, columns.toArray(String[]::new));
    costs.forEach(
        (through, bySize) -> {
          List<Object> cells = new ArrayList<>(List.of("(× raw)", through.label()));
          bySize.forEach(
              (each, measured) ->
                  cells.add(
                      String.format(
                          "%s (%s)",
                          number(measured), number(measured / costs.get(Through.RAW).get(each)))));
          table.row(cells.toArray());
        });
    return table + "\n![" + title + "](" + fileName() + ")\n";
  }

  /** What the plot is written to. */
  String fileName() {
    return "growth-"
        + getClass().getSimpleName().replace("Growth", "").toLowerCase(Locale.ROOT)
        + ".svg";
  }

  /** The plot. */
  String plot() {
    return Plots.lines(title, size, cost, costs);
  }
}
