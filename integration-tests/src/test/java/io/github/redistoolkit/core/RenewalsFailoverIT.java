package io.github.redistoolkit.core;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What is renewed moves to another server, which takes over. */
@EachClient(topologies = {Topology.SENTINEL, Topology.CLUSTER})
class RenewalsFailoverIT {

  private final PrivateRedis servers;
  private final TestRedis redis;

  RenewalsFailoverIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
  }

  @Test
  void leasesAreKeptAliveOverAPlannedFailover() {
    String tag = redis.unique("failover");
    servers.awaitReplicated(tag);
    // Longer than a failover takes on a busy machine.
    List<KeptLease> leases = keep("{" + tag + "}", 20_000);
    leases.forEach(lease -> assertThat(lease.renewals(), is(0)));
    servers.awaitReplicated(tag);
    servers.failOver(tag);
    await()
        .atMost(Duration.ofSeconds(20))
        .until(() -> leases.stream().allMatch(lease -> lease.renewals() > 0));
    leases.forEach(lease -> assertThat(lease.isThere(), is(true)));
    leases.forEach(KeptLease::end);
  }

  private List<KeptLease> keep(String tag, long millis) {
    Renewals renewals = Renewals.of(CoreAccess.of(redis));
    return IntStream.range(0, 10)
        .mapToObj(i -> KeptLease.keep(renewals, redis.admin(), tag + i, millis))
        .toList();
  }
}
