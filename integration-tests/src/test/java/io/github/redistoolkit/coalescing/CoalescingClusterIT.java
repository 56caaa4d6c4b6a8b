package io.github.redistoolkit.coalescing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@EachClient(topologies = Topology.CLUSTER)
@Tag("integration")
class CoalescingClusterIT {

  private final TestRedis redis;

  CoalescingClusterIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void aClusterIsRefused() {
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> Coalescing.over(redis.client()));
    assertThat(refusal.getMessage(), containsString("leads to a Cluster"));
  }
}
