package io.github.redistoolkit.benchmark;

import com.google.errorprone.annotations.FormatMethod;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** A plot with two logarithmic axes as SVG, for light and for dark pages. */
final class LogPlot {

  private static final int WIDTH = 760;
  private static final int HEIGHT = 420;
  private static final int LEFT = 70;
  private static final int RIGHT = 180;
  private static final int TOP = 40;
  private static final int BOTTOM = 50;
  private static final int LINE_HEIGHT = 15;

  /** The limit is dashed and ours are thick, for those who tell no colours apart. */
  private static final String STYLE =
      """
      <style>
        text { font: 12px sans-serif; fill: #24292f; }
        .title { font-size: 14px; font-weight: bold; }
        .grid { stroke: #d0d7de; stroke-width: 1; }
        .line { fill: none; stroke-width: 2; }
        .ours { stroke-width: 3; }
        .raw { stroke-dasharray: 6 4; }
        @media (prefers-color-scheme: dark) {
          text { fill: #e6edf3; }
          .grid { stroke: #3d444d; }
        }
      </style>
      """;

  private final String title;
  private final String size;
  private final String cost;
  private final Map<Through, Map<Integer, Double>> lines = new LinkedHashMap<>();

  LogPlot(String title, String size, String cost) {
    this.title = title;
    this.size = size;
    this.cost = cost;
  }

  void line(Through through, Map<Integer, Double> points) {
    lines.put(through, points);
  }

  String toSvg() {
    Axis x = Axis.over(lines.values().stream().flatMap(line -> line.keySet().stream()).toList());
    Axis y = Axis.over(lines.values().stream().flatMap(line -> line.values().stream()).toList());
    StringBuilder svg = new StringBuilder();
    svg.append(
        format(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\">%n",
            WIDTH, HEIGHT));
    svg.append(format("<title>%s</title>%n", title)).append(STYLE);
    svg.append(format("<text class=\"title\" x=\"%d\" y=\"22\">%s</text>%n", LEFT, title));
    grid(svg, x, y);
    lines.forEach((through, points) -> draw(svg, through, points, x, y));
    labels(svg, y);
    return svg.append("</svg>\n").toString();
  }

  private void grid(StringBuilder svg, Axis x, Axis y) {
    int right = WIDTH - RIGHT;
    int bottom = HEIGHT - BOTTOM;
    for (double value : x.powers()) {
      double at = x.at(value, LEFT, right);
      svg.append(gridLine(at, TOP, at, bottom));
      svg.append(text("middle", at, bottom + 18, label(value)));
    }
    for (double value : y.powers()) {
      double at = y.at(value, bottom, TOP);
      svg.append(gridLine(LEFT, at, right, at));
      svg.append(text("end", LEFT - 8, at + 4, label(value)));
    }
    svg.append(text("middle", (LEFT + right) / 2.0, HEIGHT - 10, size));
    svg.append(text("end", right, 22, cost));
  }

  private static void draw(
      StringBuilder svg, Through through, Map<Integer, Double> points, Axis x, Axis y) {
    String path =
        points.entrySet().stream()
            .filter(point -> Double.isFinite(point.getValue()))
            .map(
                point ->
                    format(
                        "%.1f,%.1f",
                        x.at(point.getKey(), LEFT, WIDTH - RIGHT),
                        y.at(point.getValue(), HEIGHT - BOTTOM, TOP)))
            .collect(Collectors.joining(" "));
    svg.append(
        format(
            "<polyline class=\"line %s\" stroke=\"%s\" points=\"%s\"/>%n",
            kind(through), colour(through), path));
  }

  /** At the end of each line, moved apart where lines end close to each other. */
  private void labels(StringBuilder svg, Axis y) {
    List<Through> byHeight = new ArrayList<>(lines.keySet());
    byHeight.sort(Comparator.comparingDouble((Through through) -> last(through)).reversed());
    double lowest = TOP - LINE_HEIGHT;
    for (Through through : byHeight) {
      double at = Math.max(y.at(last(through), HEIGHT - BOTTOM, TOP), lowest + LINE_HEIGHT);
      svg.append(
          format(
              "<text x=\"%d\" y=\"%.1f\" style=\"fill: %s\">%s</text>%n",
              WIDTH - RIGHT + 8, at + 4, colour(through), through.label()));
      lowest = at;
    }
  }

  private double last(Through through) {
    return lines.get(through).values().stream()
        .filter(Double::isFinite)
        .reduce((first, second) -> second)
        .orElse(1.0);
  }

  private static String kind(Through through) {
    return switch (through) {
      case RAW -> "raw";
      case POOL, CLIENT, ON_READER -> "ours";
      default -> "peer";
    };
  }

  /** Each readable on white and on black. */
  private static String colour(Through through) {
    return switch (through) {
      case RAW -> "#8c959f";
      case POOL -> "#2f81f7";
      case CLIENT -> "#1f9e8f";
      case ON_READER -> "#8250df";
      case REDISSON -> "#e5534b";
      case SPRING_JEDIS -> "#57a639";
      case SPRING_LETTUCE -> "#a0a000";
      case LETTUCE -> "#c77f1a";
      default -> "#b66fd8";
    };
  }

  private static String gridLine(double x1, double y1, double x2, double y2) {
    return format(
        "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>%n", x1, y1, x2, y2);
  }

  private static String text(String anchor, double x, double y, String text) {
    return format("<text text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>%n", anchor, x, y, text);
  }

  private static String label(double value) {
    return value >= 1 ? format("%,.0f", value) : Double.toString(value);
  }

  @FormatMethod
  private static String format(String format, Object... arguments) {
    return String.format(Locale.ROOT, format, arguments);
  }

  /** From one power of ten to another. */
  private record Axis(int from, int to) {

    static Axis over(List<? extends Number> values) {
      double least = Double.MAX_VALUE;
      double most = Double.MIN_VALUE;
      for (Number value : values) {
        if (Double.isFinite(value.doubleValue()) && value.doubleValue() > 0) {
          least = Math.min(least, value.doubleValue());
          most = Math.max(most, value.doubleValue());
        }
      }
      int from = (int) Math.floor(Math.log10(least));
      return new Axis(from, Math.max(from + 1, (int) Math.ceil(Math.log10(most))));
    }

    List<Double> powers() {
      List<Double> powers = new ArrayList<>();
      for (int power = from; power <= to; power++) {
        powers.add(Math.pow(10, power));
      }
      return powers;
    }

    double at(double value, double start, double end) {
      return start + (Math.log10(value) - from) / (to - from) * (end - start);
    }
  }
}
