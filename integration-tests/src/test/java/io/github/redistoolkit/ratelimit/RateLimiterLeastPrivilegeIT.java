package io.github.redistoolkit.ratelimit;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeastPrivilege;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import org.junit.jupiter.api.Tag;

/** The same, as a user who may do no more than the documentation says that the module needs. */
@Tag("acl")
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class RateLimiterLeastPrivilegeIT extends RateLimiterIT {

  RateLimiterLeastPrivilegeIT(TestRedis redis) {
    super(LeastPrivilege.of(redis, "redis-ratelimit"));
  }
}
