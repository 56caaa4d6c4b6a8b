package io.github.redistoolkit.lock;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeastPrivilege;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import org.junit.jupiter.api.Tag;

/** The same, as a user who may do no more than the documentation says that semaphores need. */
@Tag("acl")
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class SemaphoreLeastPrivilegeIT extends SemaphoreIT {

  SemaphoreLeastPrivilegeIT(TestRedis redis) {
    super(
        LeastPrivilege.of(
            redis, "redis-lock", "redis-lock with semaphores, besides", "~tenant:semaphore:*"));
  }
}
