package io.github.redistoolkit.ratelimit;

import java.util.Arrays;

/**
 * The sum of what was added in the last period, of which the oldest 64th may be left out. Not
 * thread-safe.
 */
final class RecentSum {

  private static final int PARTS = 64;

  private final long partNanos;
  private final long[] sums = new long[PARTS];
  private long newest;

  RecentSum(long periodNanos, long nanos) {
    this.partNanos = Math.max(1, periodNanos / PARTS);
    this.newest = Math.floorDiv(nanos, partNanos);
  }

  void add(long value, long nanos) {
    long part = moveTo(nanos);
    sums[slot(part)] += value;
  }

  long at(long nanos) {
    long unused = moveTo(nanos);
    long sum = 0;
    for (long each : sums) {
      sum += each;
    }
    return Math.max(0, sum);
  }

  void clear() {
    Arrays.fill(sums, 0);
  }

  /** Forgets what is a period ago. */
  private long moveTo(long nanos) {
    long part = Math.max(newest, Math.floorDiv(nanos, partNanos));
    for (long next = Math.max(newest + 1, part - PARTS + 1); next <= part; next++) {
      sums[slot(next)] = 0;
    }
    newest = part;
    return part;
  }

  private static int slot(long part) {
    return Math.floorMod(part, PARTS);
  }
}
