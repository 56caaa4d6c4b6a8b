package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/**
 * A single server crashes and comes back while permits are asked for. Where others take over, see
 * {@link RateLimiterFailoverIT}.
 */
@EachClient(topologies = Topology.STANDALONE)
class RateLimiterServerIT {

  private final TestRedis shared;

  RateLimiterServerIT(TestRedis shared) {
    this.shared = shared;
  }

  @Test
  void aServerThatForgetsNothingCostsNothing() throws InterruptedException {
    // Each grant is on disk before it is told.
    restart(shared.privateServers("appendonly yes", "appendfsync always"), UnderLoad.PERMITS);
  }

  @Test
  void aServerThatComesBackEmptyCostsOneMoreLimitAtMost() throws InterruptedException {
    restart(shared.privateServers(), 2 * UnderLoad.PERMITS);
  }

  @Test
  void whatWasSavedIsStillCharged() {
    PrivateRedis servers = shared.privateServers();
    Policies policies = new Policies(servers.redis(), servers.redis().unique("saved"));
    assertThat(
        policies.limiter(OnUnavailable.THROW).tryAcquire(policies.id(), 2).allowed(), is(true));
    servers.primaryOf(policies.key()).restartWithData();
    policies.assertRemainingSoon(1);
  }

  private static void restart(PrivateRedis servers, int mostInAnyWindow)
      throws InterruptedException {
    try (TestRedis redis = servers.redis().impatient(Duration.ofSeconds(1));
        UnderLoad load = new UnderLoad(redis, redis.unique("restarted"))) {
      load.awaitGrants(2 * UnderLoad.PERMITS + UnderLoad.PERMITS / 2);
      RedisServer server = servers.primaryOf(load.key());
      load.enter("during");
      server.kill();
      server.start();
      load.enter("after");
      load.awaitGrants(3 * UnderLoad.PERMITS);
      load.stop();
      load.assertExactIn("before");
      load.assertExactIn("after");
      load.assertNoMoreThan(mostInAnyWindow);
      assertThat(load.degraded(), is(greaterThan(0)));
    }
  }
}
