package io.github.redistoolkit.cache;

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
class CacheLeastPrivilegeIT extends CacheServiceIT {

  CacheLeastPrivilegeIT(TestRedis redis) {
    super(LeastPrivilege.of(redis, "redis-cache"));
  }
}
