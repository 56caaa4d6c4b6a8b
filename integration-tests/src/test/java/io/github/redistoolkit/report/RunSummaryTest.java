package io.github.redistoolkit.report;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Every JVM's part counts, also of one that did not come to its end. */
class RunSummaryTest {

  private final RunSummary summary = new RunSummary();

  @Test
  void whatSeveralJvmsDidIsAdded() {
    summary.add(
        List.of(
            "SUITE\tLockIT\t1",
            "TEST\tPOOL\t3",
            "TEST\tCLUSTER\t2",
            "PROOF\tlock.a\t2",
            "PROOF\tlock.b\t1",
            "FAULT\tLOST_REPLY\t4"));
    summary.add(
        List.of(
            "SUITE\tCacheIT\t1",
            "TEST\tCLIENT\t2",
            "PROOF\tlock.a\t2",
            "FAULT\tLOST_REPLY\t1",
            "FAULT\tCUT\t0"));
    assertThat(
        summary.lines(),
        contains(
            "What this run did",
            "  tests       7 in 2 suites, 0 failed",
            "  topologies  CLUSTER 2, STANDALONE 5",
            "  clients     CLIENT 2, CLUSTER 2, POOL 3",
            "  faults      lost replies 5",
            "  guarantees  2 tested, 0 violated"));
  }

  @Test
  void whatFailedIsNamedAndWhatIsMissingIsSaid() {
    summary.add(
        List.of(
            "SUITE\tLockIT\t1",
            "TEST\tnone\t1",
            "FAILURE\tLockIT fails()\t1",
            "VIOLATION\tlock.a\t1"));
    summary.add(List.of("UNFINISHED\tJVM\t1"));
    assertThat(
        summary.lines(),
        contains(
            "What this run did",
            "  tests       1 in 1 suites, 1 failed",
            "  topologies  none 1",
            "  clients     none 1",
            "  faults      none",
            "  guarantees  1 tested, 1 violated",
            "  violated    lock.a",
            "  failed      LockIT fails()",
            "  missing     what 1 JVM did that did not end"));
  }
}
