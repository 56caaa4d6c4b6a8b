package io.github.redistoolkit.lending;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@LeavesServerAlone
@EachClient
@Tag("smoke")
class LendingIT {

  private final TestRedis redis;

  LendingIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void everyFigureOfManyConcurrentCallersAddsUp() throws InterruptedException {
    String names = redis.unique("");
    try (LendingRun run = new LendingRun(database -> open(database, names), names)) {
      Report report = run.run();
      assertThat(report.toString(), report.addsUp(), is(true));
    }
  }

  private Branch open(LendingDatabase database, String names) {
    return redis.over(
        pool -> Branch.open(pool, database, names), client -> Branch.open(client, database, names));
  }
}
