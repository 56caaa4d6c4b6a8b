package io.github.redistoolkit.ratelimit;

import static org.hamcrest.Matchers.anyOf;
import static org.hamcrest.Matchers.startsWith;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;

/**
 * A primary that becomes a replica under the clients' hands. In a Cluster a replica says where the
 * primary is instead.
 */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL})
class RateLimiterReplicaIT {

  private final PrivateRedis servers;
  private final Policies policies;
  private final Jedis demoted;

  RateLimiterReplicaIT(TestRedis shared) {
    this.servers = shared.privateServers();
    TestRedis redis = servers.redis();
    this.policies = new Policies(redis, redis.unique("demoted"));
    this.demoted = redis.open(servers.primaryOf(policies.key()).address());
  }

  @AfterEach
  void promote() {
    demoted.replicaofNoOne();
    demoted.close();
  }

  @Test
  void aReplicaLeavesItToThePolicy() {
    demoted.replicaof("127.0.0.1", 1);
    policies.assertDecide("READONLY");
  }

  @Test
  void aReplicaThatHasLostItsPrimaryLeavesItToThePolicy() {
    servers.configure("replica-serve-stale-data", "no");
    demoted.replicaof("127.0.0.1", 1);
    // The script is refused, or what it calls is.
    policies.assertDecide(
        anyOf(
            startsWith("MASTERDOWN"),
            startsWith("ERR Can not execute the command on a stale replica")));
  }
}
