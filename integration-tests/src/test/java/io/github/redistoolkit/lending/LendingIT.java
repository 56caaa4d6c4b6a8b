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
  void everyFigureOfManyConcurrentClientsAddsUp() throws InterruptedException {
    try (LendingRun run = new LendingRun(this::open, redis.unique(""))) {
      Report report = run.run();
      assertThat(report.toString(), report.addsUp(), is(true));
    }
  }

  private Branch open(HeadOffice office) {
    return redis.over(pool -> Branch.open(pool, office), client -> Branch.open(client, office));
  }
}
