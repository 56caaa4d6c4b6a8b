package io.github.redistoolkit.benchmark;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.stream.IntStream;

/**
 * Receivers that are all open at the same time and take turns of some milliseconds each, so that a
 * row and the raw one beside it see the same machine, however busy it is. What is compared is each
 * turn with the raw one next to it; the median of these ratios is what counts.
 */
final class PubSubTurns {

  static final List<Through> ROWS =
      List.of(
          Through.RAW,
          Through.POOL,
          Through.CLIENT,
          Through.ON_READER,
          Through.REDISSON,
          Through.SPRING_JEDIS,
          Through.SPRING_LETTUCE,
          Through.LETTUCE);

  /** One row's receiver, subscribed to the channel that its access is named after. */
  static final class Lane implements AutoCloseable {
    final Through through;
    final Access access;
    final Semaphore handled = new Semaphore(0);
    volatile long arrivedNanos;
    private final Receiver receiver;

    Lane(Through through) {
      this.through = through;
      this.access = Access.by(through);
      this.receiver = Receiver.open(access);
      receiver.subscribe(
          access.name(),
          event -> {
            arrivedNanos = System.nanoTime();
            handled.release();
          });
    }

    void publish(Receiver.Event event) {
      receiver.publish(access.name(), event);
    }

    /** Where nobody is subscribed. */
    void publishToNobody(Receiver.Event event) {
      receiver.publish(access.name() + "-nobody", event);
    }

    @Override
    public void close() {
      receiver.close();
      access.close();
    }
  }

  /** What is measured in one turn, as one number or more. */
  interface Turn {
    double[] measure(Lane lane) throws InterruptedException;
  }

  private final Turn turn;
  private final Map<Through, List<double[]>> measured = new EnumMap<>(Through.class);

  PubSubTurns(Turn turn) {
    this.turn = turn;
    ROWS.forEach(through -> measured.put(through, new ArrayList<>()));
  }

  /** Lets all rows take turns, and adds to what was measured before. */
  void run(Pace pace) throws InterruptedException {
    List<Lane> lanes = new ArrayList<>();
    try {
      ROWS.forEach(through -> lanes.add(new Lane(through)));
      for (long end = endAfter(pace.warmUp()); System.nanoTime() - end < 0; ) {
        takeTurns(lanes);
      }
      for (long end = endAfter(pace.measurement()); System.nanoTime() - end < 0; ) {
        takeTurns(lanes).forEach((through, numbers) -> measured.get(through).add(numbers));
      }
    } finally {
      lanes.forEach(Lane::close);
    }
  }

  private static long endAfter(Duration ofOneRow) {
    return System.nanoTime() + ofOneRow.toNanos() * ROWS.size();
  }

  /** One turn of each, in an order that itself turns. */
  private Map<Through, double[]> takeTurns(List<Lane> lanes) throws InterruptedException {
    Collections.rotate(lanes, 1);
    Map<Through, double[]> numbers = new EnumMap<>(Through.class);
    for (Lane lane : lanes) {
      numbers.put(lane.through, turn.measure(lane));
    }
    return numbers;
  }

  /** The median over all turns of one of the numbers. */
  double median(Through through, int column) {
    return medianOf(measured.get(through).stream().mapToDouble(turn -> turn[column]).toArray());
  }

  /** The median of the ratios to the raw row's number in the same turn. */
  double medianRatio(Through through, int column) {
    List<double[]> ours = measured.get(through);
    List<double[]> raw = measured.get(Through.RAW);
    return medianOf(
        IntStream.range(0, ours.size())
            .mapToDouble(turn -> ours.get(turn)[column] / raw.get(turn)[column])
            .toArray());
  }

  private static double medianOf(double[] numbers) {
    Arrays.sort(numbers);
    return numbers.length == 0 ? Double.NaN : numbers[numbers.length / 2];
  }
}
