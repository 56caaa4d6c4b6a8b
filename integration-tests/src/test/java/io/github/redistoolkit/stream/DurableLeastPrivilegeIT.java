package io.github.redistoolkit.stream;

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
class DurableLeastPrivilegeIT extends DurableTopicIT {

  DurableLeastPrivilegeIT(TestRedis redis) {
    super(
        LeastPrivilege.of(
            redis, "redis-stream", "redis-stream that waits for replicas, besides", "~<prefix>*"));
  }
}
