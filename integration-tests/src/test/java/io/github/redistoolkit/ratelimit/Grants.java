package io.github.redistoolkit.ratelimit;

import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;

/**
 * What was granted, as whoever asked saw it: each permit was granted at some instant between {@code
 * sent} and {@code received}, in nanoseconds of the clock that all JVMs of a machine share.
 */
record Grants(List<Grant> all) {

  record Grant(long sent, long received) {

    static Grant parse(String line) {
      int space = line.indexOf(' ');
      return new Grant(
          Long.parseLong(line.substring(0, space)), Long.parseLong(line.substring(space + 1)));
    }

    @Override
    public String toString() {
      return sent + " " + received;
    }
  }

  Grants(Collection<Grant> all) {
    this(all.stream().sorted(Comparator.comparingLong(Grant::sent)).toList());
  }

  int count() {
    return all.size();
  }

  /**
   * The most grants that were certainly in one span shorter than the window, whatever instants
   * between sending and receiving they were made at.
   */
  int mostCertainlyWithin(Duration window) {
    int most = 0;
    for (int first = 0; first < all.size(); first++) {
      long end = all.get(first).sent() + window.toNanos();
      int inside = 0;
      // Those sent earlier may have been granted before the span; the list is in order of sending.
      for (int i = first; i < all.size() && all.get(i).sent() < end; i++) {
        if (all.get(i).received() < end) {
          inside++;
        }
      }
      most = Math.max(most, inside);
    }
    return most;
  }
}
