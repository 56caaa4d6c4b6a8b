package io.github.redistoolkit.core;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.SlotMove;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The slot of what is renewed moves to another node, in all the steps that has. */
@EachClient(topologies = Topology.CLUSTER)
class RenewalsSlotMoveIT {

  private final PrivateRedis servers;
  private final TestRedis redis;

  RenewalsSlotMoveIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
  }

  @Test
  void leasesAreRenewedOnEachStepOfTheMoveOfTheirSlot() {
    String tag = "{" + redis.unique("slot") + "}";
    List<KeptLease> leases = keep(tag, 3_000);
    SlotMove move = servers.beginMoveOfSlot(tag);
    awaitRenewed(leases);
    move.moveKeys();
    // The old owner answers ASK now.
    awaitRenewed(leases);
    move.finish();
    // And MOVED now.
    awaitRenewed(leases);
    leases.forEach(KeptLease::end);
  }

  private static void awaitRenewed(List<KeptLease> leases) {
    List<Integer> before = leases.stream().map(KeptLease::renewals).toList();
    await()
        .until(
            () ->
                IntStream.range(0, leases.size())
                    .allMatch(i -> leases.get(i).renewals() > before.get(i)));
    leases.forEach(lease -> assertThat(lease.isOver() || lease.isGone(), is(false)));
  }

  private List<KeptLease> keep(String tag, long millis) {
    Renewals renewals = Renewals.of(CoreAccess.of(redis));
    return IntStream.range(0, 10)
        .mapToObj(i -> KeptLease.keep(renewals, redis.admin(), tag + i, millis))
        .toList();
  }
}
