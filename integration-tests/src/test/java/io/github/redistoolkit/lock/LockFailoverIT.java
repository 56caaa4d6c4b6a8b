package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.exceptions.JedisException;

/** Another server takes over, with all that was granted, or without it. */
@EachClient(topologies = {Topology.SENTINEL, Topology.CLUSTER})
class LockFailoverIT {

  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final AtomicInteger losses = new AtomicInteger();

  LockFailoverIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
    // A cluster is calm unless told otherwise.
    if (redis.topology() == Topology.CLUSTER) {
      servers.configure("cluster-node-timeout", "1500");
    }
  }

  @Test
  @Proves("lock.tokens-rise")
  void aFailoverThatForgetsAGrantMakesTwoHoldersOfWhichTheStoreRefusesTheStaleOne()
      throws Exception {
    String name = redis.unique("forgotten");
    // Longer than a failover takes on the busiest machine.
    RedisLock lock = Locks.lock(redis, name, Duration.ofMinutes(10));
    lock.acquire(PATIENCE).close();
    servers.awaitReplicated(Locks.key(name));
    RedisServer primary = servers.primaryOf(Locks.key(name));
    Lease stale = dieForgetting(primary, () -> lock.tryAcquire().orElseThrow());
    servers.awaitFailover(Locks.key(name), primary.address());
    FencedStore store = new FencedStore();
    assertThat(store.write(stale.token()), is(true));
    try (Lease next = lock.acquire(PATIENCE)) {
      assertThat("both believe that they hold it", stale.isHeld(), is(true));
      assertThat(next.token(), is(greaterThan(stale.token())));
      assertThat(store.write(next.token()), is(true));
      assertThat(store.write(stale.token()), is(false));
      assertThat(stale.release(), is(false));
      assertThat(next.extend(LEASE), is(true));
    }
    primary.start();
  }

  @Test
  void tokensRiseWhileThePrimaryChangesUnderLoad() throws Exception {
    String name = redis.unique("planned");
    servers.awaitReplicated(Locks.key(name));
    Turns turns = new Turns();
    try (Crew crew = new Crew()) {
      turns.begin(crew, name);
      turns.awaitAnother(100);
      servers.failOver(Locks.key(name));
      turns.awaitAnother(100);
      turns.end();
      crew.join();
    }
    turns.assertTokensRise();
  }

  @Test
  @Proves("lock.tokens-rise")
  void tokensRiseWhenThePrimaryDiesUnderLoadAndItsLastGrantsAreForgotten() throws Exception {
    String name = redis.unique("killed");
    servers.awaitReplicated(Locks.key(name));
    RedisServer primary = servers.primaryOf(Locks.key(name));
    Turns turns = new Turns();
    try (Crew crew = new Crew()) {
      turns.begin(crew, name);
      turns.awaitAnother(100);
      dieForgetting(primary, () -> turns.awaitAnother(20));
      servers.awaitFailover(Locks.key(name), primary.address());
      turns.awaitAnother(100);
      turns.end();
      crew.join();
    }
    primary.start();
    turns.assertTokensRise();
  }

  @Test
  void aLeaseIsKeptAliveAndHandedOverThoughThePrimaryChanges() throws Exception {
    String name = redis.unique("kept");
    servers.awaitReplicated(Locks.key(name));
    Duration lease = Duration.ofSeconds(20);
    Lease held = Locks.lock(redis, name, lease).tryAcquire().orElseThrow();
    held.keepAlive(PATIENCE, losses::incrementAndGet);
    servers.awaitReplicated(Locks.key(name));
    try (Crew crew = new Crew()) {
      RedisLock other = Locks.lock(redis, name, lease);
      Crew.Started<Lease> waiter = crew.start(() -> other.acquire(PATIENCE));
      Primaries.awaitBlocked(redis, 1);
      servers.failOver(Locks.key(name));
      await()
          .atMost(Duration.ofSeconds(15))
          .ignoreExceptionsInstanceOf(JedisException.class)
          .until(() -> held.extend(lease));
      await().ignoreExceptionsInstanceOf(JedisException.class).until(held::release);
      try (Lease next = waiter.get()) {
        assertThat(next.token(), is(greaterThan(held.token())));
      }
    }
    assertThat(losses.get(), is(0));
  }

  /** Has a primary do something, and die before any other server has heard of it. */
  @CanIgnoreReturnValue
  private <T> T dieForgetting(RedisServer primary, Supplier<T> what) {
    RedisServer replica = replicaOf(primary);
    replica.pause();
    try {
      // What is on its way to the replica would else arrive once it is resumed.
      try (Jedis jedis = redis.open(primary.address())) {
        jedis.sendCommand(Protocol.Command.CLIENT, "KILL", "TYPE", "replica");
      }
      T done = what.get();
      primary.kill();
      return done;
    } finally {
      replica.resume();
    }
  }

  private RedisServer replicaOf(RedisServer primary) {
    try (Jedis jedis = redis.open(primary.address())) {
      String replica =
          jedis
              .info("replication")
              .lines()
              .filter(line -> line.startsWith("slave0:"))
              .findFirst()
              .orElseThrow()
              .replaceAll(".*port=(\\d+),.*", "$1");
      return servers.servers().stream()
          .filter(server -> server.address().getPort() == Integer.parseInt(replica))
          .findFirst()
          .orElseThrow();
    }
  }

  /** What contenders did, from which it is recomputed whether tokens rose. */
  private final class Turns {

    private static final int CONTENDERS = 4;

    private final List<Turn> all = Collections.synchronizedList(new ArrayList<>());
    private final AtomicBoolean ended = new AtomicBoolean();

    /** An acquisition: not before the first time, and before the second. */
    private record Turn(long asked, long had, long token) {}

    void begin(Crew crew, String name) {
      for (int i = 0; i < CONTENDERS; i++) {
        RedisLock lock = Locks.lock(redis, name, Duration.ofSeconds(1));
        crew.start(
            () -> {
              while (!ended.get()) {
                long asked = System.nanoTime();
                Lease lease = lock.acquire(PATIENCE);
                all.add(new Turn(asked, System.nanoTime(), lease.token()));
                releaseOrLetExpire(lease);
              }
              return null;
            });
      }
    }

    private void releaseOrLetExpire(Lease lease) {
      try {
        boolean unused = lease.release();
      } catch (JedisException e) {
        // As must be while no server takes writes. It expires by itself.
        assertThat(lease.isHeld(), is(false));
      }
    }

    /** Waits for more turns; returns how many there are by then. */
    @CanIgnoreReturnValue
    int awaitAnother(int turns) {
      int before = all.size();
      await().atMost(PATIENCE).until(() -> all.size() >= before + turns);
      return all.size();
    }

    void end() {
      ended.set(true);
    }

    /** Whoever asked after another had the lock got a greater token, and no two got the same. */
    void assertTokensRise() {
      List<Turn> byAsked = new ArrayList<>(all);
      byAsked.sort(Comparator.comparingLong(Turn::asked));
      List<Turn> byHad = new ArrayList<>(all);
      byHad.sort(Comparator.comparingLong(Turn::had));
      assertThat(all.stream().map(Turn::token).distinct().toList(), hasSize(all.size()));
      long greatest = 0;
      int earlier = 0;
      for (Turn turn : byAsked) {
        while (byHad.get(earlier).had() - turn.asked() < 0) {
          greatest = Math.max(greatest, byHad.get(earlier).token());
          earlier++;
        }
        assertThat(turn.token(), is(greaterThan(greatest)));
      }
    }
  }
}
