package io.github.redistoolkit.stream;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeastPrivilege;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import org.junit.jupiter.api.Tag;

/** The same, as a user who may do no more than the documentation says that partitions need. */
@Tag("acl")
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class DurablePartitionLeastPrivilegeIT extends DurablePartitionIT {

  DurablePartitionLeastPrivilegeIT(TestRedis redis) {
    super(
        LeastPrivilege.of(
            redis, "redis-stream", "redis-stream with partitions, besides", "~<prefix>*"));
  }
}
