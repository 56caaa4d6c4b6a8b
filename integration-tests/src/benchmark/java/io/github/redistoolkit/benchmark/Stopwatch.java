package io.github.redistoolkit.benchmark;

import java.util.Arrays;
import java.util.stream.LongStream;

/** Times a call again and again. */
final class Stopwatch {

  private static final int FEWEST = 3;

  private Stopwatch() {}

  /** The median of as many calls as fit, but at least three. */
  static double medianMicros(Pace pace, Runnable call) {
    long warm = System.nanoTime() + pace.warmUp().toNanos();
    do {
      call.run();
    } while (System.nanoTime() - warm < 0);
    LongStream.Builder nanos = LongStream.builder();
    long end = System.nanoTime() + pace.measurement().toNanos();
    for (int i = 0; i < FEWEST || System.nanoTime() - end < 0; i++) {
      long before = System.nanoTime();
      call.run();
      nanos.add(System.nanoTime() - before);
    }
    long[] sorted = nanos.build().toArray();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2] / 1e3;
  }
}
