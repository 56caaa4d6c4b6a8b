package io.github.redistoolkit.ratelimit;

import java.time.Duration;
import java.util.Collection;
import java.util.concurrent.ConcurrentLinkedQueue;

/** What Redis decided, by its own clock, in microseconds. Thread-safe while it is written. */
final class History {

  private final Collection<Long> grants = new ConcurrentLinkedQueue<>();
  private final Collection<Long> refusals = new ConcurrentLinkedQueue<>();

  void add(Booking booking) {
    if (booking.decision().allowed()) {
      grants.add(booking.instantMicros());
    } else {
      refusals.add(booking.instantMicros() - booking.waitMicros());
    }
  }

  void granted(long instant) {
    grants.add(instant);
  }

  void refused(long instant) {
    refusals.add(instant);
  }

  Collection<Long> grants() {
    return grants;
  }

  Collection<Long> refusals() {
    return refusals;
  }

  /** The most grants in any window (t - window, t]. */
  int most(Duration window) {
    long[] sorted = sortedGrants();
    int most = 0;
    int first = 0;
    for (int last = 0; last < sorted.length; last++) {
      while (sorted[first] <= sorted[last] - micros(window)) {
        first++;
      }
      most = Math.max(most, last - first + 1);
    }
    return most;
  }

  /** The fewest grants in the window that ended when something was refused. */
  int leastAtARefusal(Duration window) {
    long[] sorted = sortedGrants();
    return refusals.stream()
        .mapToInt(instant -> within(sorted, window, instant))
        .min()
        .orElseThrow();
  }

  /** The grants in the window that ended at this instant. */
  int within(Duration window, long instant) {
    return within(sortedGrants(), window, instant);
  }

  private static int within(long[] sorted, Duration window, long instant) {
    return countUpTo(sorted, instant) - countUpTo(sorted, instant - micros(window));
  }

  private long[] sortedGrants() {
    return grants.stream().mapToLong(Long::longValue).sorted().toArray();
  }

  /** How many are at this instant or earlier. */
  private static int countUpTo(long[] sorted, long instant) {
    int low = 0;
    int high = sorted.length;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (sorted[middle] <= instant) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private static long micros(Duration duration) {
    return duration.toNanos() / 1000;
  }
}
