package io.github.redistoolkit.benchmark;

import java.util.List;

/** What a turn takes while so many clients with a thread each want the same lock all the time. */
final class LockGrowth extends Growth {

  LockGrowth() {
    super(
        "Lock: a turn, by clients that want it",
        "clients",
        "µs, mean",
        List.of(1, 2, 5, 10, 20, 30),
        LockHandOver.ROWS);
  }

  @Override
  double measure(Through through, int clients, Pace pace) throws InterruptedException {
    Contention.Figures figures = new Contention.Figures();
    new Contention(clients, 1, pace.warmUp(), pace.measurement()).measure(through, figures);
    return 1e6 / figures.perSecond();
  }
}
