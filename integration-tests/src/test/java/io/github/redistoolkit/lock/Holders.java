package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.History;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** Who held a lock when, to recompute from it whether anyone overlapped. */
record Holders(History history) {

  private static final String HELD = "held";
  private static final long WORK_NANOS = 200_000;

  Holders() {
    this(new History());
  }

  /** Works for a moment and records that. */
  void hold(Lease lease) {
    long from = System.nanoTime();
    LockSupport.parkNanos(WORK_NANOS);
    record(lease.token(), from, System.nanoTime());
  }

  /** Records a holder between two times of {@link System#nanoTime}. */
  void record(long token, long from, long to) {
    history.add(HELD, "the lock", String.valueOf(token), from, to);
  }

  /** Asserts that so many held the lock, one after the other, each with a greater token. */
  void assertExclusive(int holders) {
    assertThat(count(), is(holders));
    assertThat("overlaps", overlaps(), is(List.of()));
    List<Long> tokens =
        history.events(HELD).stream().map(event -> Long.valueOf(event.value())).toList();
    for (int i = 1; i < tokens.size(); i++) {
      assertThat(tokens.get(i), is(greaterThan(tokens.get(i - 1))));
    }
  }

  /** How many held the lock. */
  int count() {
    return history.events(HELD).size();
  }

  /** Those who held the lock at the same time. */
  List<String> overlaps() {
    return history.overlaps(HELD);
  }
}
