package io.github.redistoolkit.benchmark;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.HorizontalBarChart;
import org.knowm.xchart.HorizontalBarChartBuilder;
import org.knowm.xchart.HorizontalBarSeries;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.internal.chartpart.Chart;
import org.knowm.xchart.style.AxesChartStyler;
import org.knowm.xchart.style.Styler.LegendPosition;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws what was measured, as SVG. */
final class Plots {

  private static final int WIDTH = 900;
  private static final int HEIGHT = 420;
  private static final Color GRID = new Color(0xd0d7de);
  private static final int MARGIN = 110;
  private static final int BAR = 12;
  private static final float THIN = 2;
  private static final float THICK = 3.5f;

  /** More than a hundredth of a pixel, which doubles the size of a file. */
  private static final Pattern TOO_PRECISE = Pattern.compile("(\\.\\d\\d)\\d+");

  private Plots() {}

  /** Lines over two logarithmic axes. Ours are thick, and raw commands are dashed. */
  static String lines(
      String title, String x, String y, Map<Through, Map<Integer, Double>> measured) {
    XYChart chart =
        new XYChartBuilder()
            .width(WIDTH)
            .height(HEIGHT)
            .title(title)
            .xAxisTitle(x)
            .yAxisTitle(y)
            .build();
    style(chart.getStyler());
    chart.getStyler().setXAxisLogarithmic(true).setYAxisLogarithmic(true);
    measured.forEach(
        (through, bySize) -> {
          List<Integer> sizes = new ArrayList<>();
          List<Double> costs = new ArrayList<>();
          bySize.forEach(
              (size, cost) -> {
                if (Double.isFinite(cost) && cost > 0) {
                  sizes.add(size);
                  costs.add(cost);
                }
              });
          if (!sizes.isEmpty()) {
            XYSeries line = chart.addSeries(through.label(), sizes, costs);
            line.setLineColor(through.colour());
            line.setLineStyle(stroke(through));
            line.setMarker(SeriesMarkers.NONE);
          }
        });
    return svg(chart);
  }

  /** A group of bars for each operation, the first on top; what was not measured has none. */
  static String bars(String title, String x, Map<String, Map<Through, Double>> measured) {
    Set<Through> rows = new TreeSet<>();
    measured.values().forEach(each -> rows.addAll(each.keySet()));
    List<String> operations = List.copyOf(measured.keySet());
    HorizontalBarChart chart =
        new HorizontalBarChartBuilder()
            .width(WIDTH)
            .height(MARGIN + operations.size() * rows.size() * BAR)
            .title(title)
            .xAxisTitle(x)
            .build();
    style(chart.getStyler());
    chart.getStyler().setAvailableSpaceFill(0.8);
    chart.getStyler().setXAxisMin(0.0).setPlotGridHorizontalLinesVisible(false);
    for (Through through : rows) {
      List<Double> values = new ArrayList<>();
      for (String operation : operations) {
        values.add(measured.get(operation).getOrDefault(through, 0.0));
      }
      HorizontalBarSeries bars = chart.addSeries(through.label(), values, operations);
      bars.setFillColor(through.colour());
    }
    return svg(chart);
  }

  private static void style(AxesChartStyler styler) {
    styler
        .setBaseFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12))
        .setChartBackgroundColor(Color.WHITE)
        .setPlotBorderVisible(false)
        .setChartTitleBoxVisible(false)
        .setLegendBorderColor(Color.WHITE)
        .setLegendPosition(LegendPosition.OutsideE);
    styler
        .setPlotGridLinesColor(GRID)
        .setYAxisDecimalPattern("#,##0.###")
        .setXAxisDecimalPattern("#,##0.###");
  }

  private static BasicStroke stroke(Through through) {
    if (through == Through.RAW) {
      return new BasicStroke(
          THIN, BasicStroke.CAP_BUTT, BasicStroke.JOIN_ROUND, 1, new float[] {6, 4}, 0);
    }
    return new BasicStroke(through.isOurs() ? THICK : THIN);
  }

  private static String svg(Chart<?, ?> chart) {
    try {
      String svg = new String(ChartEncoder.getBytes(chart, "svg"), StandardCharsets.UTF_8);
      return TOO_PRECISE.matcher(svg).replaceAll("$1");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
