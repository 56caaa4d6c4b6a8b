package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** Records who held a lock when, to recompute from it whether anyone overlapped. */
final class Holders {

  private static final long WORK_NANOS = 200_000;

  private final List<Held> all = new ArrayList<>();

  private record Held(long token, long from, long to) {}

  /** Works for a moment and records that. */
  void hold(Lease lease) {
    long from = System.nanoTime();
    LockSupport.parkNanos(WORK_NANOS);
    record(lease.token(), from, System.nanoTime());
  }

  /** Records a holder between two times of {@link System#nanoTime}. */
  synchronized void record(long token, long from, long to) {
    all.add(new Held(token, from, to));
  }

  /** Asserts that so many held the lock, one after the other, each with a greater token. */
  synchronized void assertExclusive(int holders) {
    assertThat(all, hasSize(holders));
    assertThat("overlaps", overlaps(), is(List.of()));
    all.sort(Comparator.comparingLong(Held::from));
    for (int i = 1; i < all.size(); i++) {
      assertThat(all.get(i).token(), is(greaterThan(all.get(i - 1).token())));
    }
  }

  /** Returns the pairs that held the lock at the same time. */
  synchronized List<String> overlaps() {
    List<Held> inOrder = new ArrayList<>(all);
    inOrder.sort(Comparator.comparingLong(Held::from));
    List<String> found = new ArrayList<>();
    for (int i = 1; i < inOrder.size(); i++) {
      if (inOrder.get(i).from() - inOrder.get(i - 1).to() < 0) {
        found.add(inOrder.get(i - 1) + " overlaps " + inOrder.get(i));
      }
    }
    return found;
  }
}
