package io.github.redistoolkit.testing;

import io.github.redistoolkit.testing.Deployment.SlotRange;
import java.time.Duration;
import java.util.List;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.params.MigrateParams;
import redis.clients.jedis.util.JedisClusterCRC16;

/**
 * A slot of a cluster on its way from one primary to another, in the steps that Redis has. For one
 * thread at a time.
 */
public final class SlotMove {

  private static final int TIMEOUT_MILLIS = 5000;

  private final int slot;
  private final HostAndPort source;
  private final HostAndPort target;
  private final Deployment deployment;

  private SlotMove(int slot, HostAndPort source, HostAndPort target, Deployment deployment) {
    this.slot = slot;
    this.source = source;
    this.target = target;
    this.deployment = deployment;
  }

  static SlotMove begin(String key, HostAndPort source, HostAndPort target, Deployment deployment) {
    SlotMove move = new SlotMove(JedisClusterCRC16.getSlot(key), source, target, deployment);
    try (Jedis from = new Jedis(source);
        Jedis to = new Jedis(target)) {
      to.clusterSetSlotImporting(move.slot, from.clusterMyId());
      from.clusterSetSlotMigrating(move.slot, to.clusterMyId());
    }
    return move;
  }

  /**
   * Moves every key of the slot that exists now.
   *
   * @throws redis.clients.jedis.exceptions.JedisException if a server refuses or does not answer
   */
  public void moveKeys() {
    try (Jedis from = new Jedis(source)) {
      List<String> keys = from.clusterGetKeysInSlot(slot, 100);
      while (!keys.isEmpty()) {
        from.migrate(
            target.getHost(),
            target.getPort(),
            TIMEOUT_MILLIS,
            MigrateParams.migrateParams(),
            keys.toArray(String[]::new));
        keys = from.clusterGetKeysInSlot(slot, 100);
      }
    }
  }

  /**
   * Gives the slot to the target, what is still in it at the source moved first, and waits until
   * every node knows: a replica that did not, and took over from the source, would claim the slot.
   *
   * @throws IllegalStateException if one does not know within a minute
   */
  public void finish() {
    moveKeys();
    try (Jedis to = new Jedis(target)) {
      String id = to.clusterMyId();
      to.clusterSetSlotNode(slot, id);
      for (HostAndPort primary : deployment.primaries()) {
        try (Jedis jedis = new Jedis(primary)) {
          jedis.clusterSetSlotNode(slot, id);
        }
      }
    }
    for (HostAndPort node : deployment.nodes()) {
      Await.that("the node at " + node + " knows that slot " + slot + " has moved")
          .every(Duration.ofMillis(2))
          .until(() -> knows(node));
    }
    Fault.SLOT_MOVE.happened();
  }

  private boolean knows(HostAndPort node) {
    try (Jedis jedis = new Jedis(node)) {
      return SlotRange.ofSlot(jedis, slot).nodes().contains(target);
    } catch (JedisConnectionException e) {
      return true; // it is stopped, and asks when it starts
    }
  }

  /**
   * Where the slot goes.
   *
   * @return the primary that gets it
   */
  public HostAndPort target() {
    return target;
  }
}
