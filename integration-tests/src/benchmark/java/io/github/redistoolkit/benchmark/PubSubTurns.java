package io.github.redistoolkit.benchmark;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;

/**
 * Receivers that are all open at the same time and take turns of some milliseconds each, so that a
 * row and the raw one beside it see the same machine, however busy it is. What is compared is each
 * turn with the raw one next to it; the median of these ratios is what counts.
 */
final class PubSubTurns implements AutoCloseable {

  private static final int WARM_UP = 100;
  private static final int TURNS = 100;

  /** One row: its receiver, and what each of its turns measured. */
  static final class Lane {
    final Access access;
    final Receiver receiver;
    final Semaphore handled = new Semaphore(0);
    final List<double[]> measured = new ArrayList<>();
    volatile long arrivedNanos;

    Lane(Through through) {
      access = Access.by(through);
      receiver =
          Receiver.open(
              access,
              access.name(),
              event -> {
                arrivedNanos = System.nanoTime();
                handled.release();
              });
    }

    /** The median over all turns of one of the numbers. */
    double median(int column) {
      return medianOf(measured.stream().mapToDouble(turn -> turn[column]).toArray());
    }

    /** The median of the ratios to another's number in the same turn. */
    double medianRatio(Lane other, int column) {
      double[] ratios = new double[measured.size()];
      for (int turn = 0; turn < ratios.length; turn++) {
        ratios[turn] = measured.get(turn)[column] / other.measured.get(turn)[column];
      }
      return medianOf(ratios);
    }

    private static double medianOf(double[] numbers) {
      Arrays.sort(numbers);
      return numbers.length == 0 ? Double.NaN : numbers[numbers.length / 2];
    }
  }

  /** What is measured in one turn, as one number or more. */
  interface Turn {
    double[] measure(Lane lane) throws InterruptedException;
  }

  private final Map<Through, Lane> lanes = new EnumMap<>(Through.class);

  PubSubTurns() {
    for (Through through : Through.values()) {
      lanes.put(through, new Lane(through));
    }
  }

  /** Lets them take turns, in an order that itself turns. */
  Map<Through, Lane> measure(Turn turn) throws InterruptedException {
    List<Lane> order = new ArrayList<>(lanes.values());
    for (int number = -WARM_UP; number < TURNS; number++) {
      Collections.rotate(order, 1);
      for (Lane lane : order) {
        double[] measured = turn.measure(lane);
        if (number >= 0) {
          lane.measured.add(measured);
        }
      }
    }
    return lanes;
  }

  @Override
  public void close() {
    for (Lane lane : lanes.values()) {
      lane.receiver.close();
      lane.access.close();
    }
  }
}
