package io.github.redistoolkit.lending;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import org.junit.jupiter.api.Test;

/**
 * That a figure which does not add up is noticed, and so the demo's exit code is worth something.
 */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class LendingReportIT {

  private final TestRedis redis;

  LendingReportIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void aLoanThatNobodyWasAnsweredWithIsNoticed() throws InterruptedException {
    try (LendingRun run = new LendingRun(this::open, redis.unique(""))) {
      Report report = run.grantEachRequestOnce();
      assertThat(report.addsUp(), is(false));
      assertThat(
          report.toString(), containsString("WRONG: loans granted is 104, but should be 100"));
    }
  }

  /** With one loan too many for each branch. */
  private Branch open(HeadOffice office) {
    Branch branch =
        redis.over(pool -> Branch.open(pool, office), client -> Branch.open(client, office));
    String unasked = redis.unique("unasked");
    office.database().insertUser(new User(unasked, "unasked@example.com", "unasked"));
    office.database().insertLoan(new Loan(unasked, unasked, 1));
    return branch;
  }
}
