package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisDataException;

/**
 * Redis loses what it has. That cannot be known before it is asked again, so another may hold the
 * lock until then; each hears of its own loss, once, and touches nothing of the other's.
 */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class LockDataLossIT {

  private static final Duration SHORT = Duration.ofMillis(1_500);
  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final AtomicInteger losses = new AtomicInteger();

  LockDataLossIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
  }

  @Test
  void afterFlushAllTheHolderIsToldOnceAndTheSuccessorIsLeftAlone() throws Exception {
    String name = redis.unique("flushed");
    servers.awaitWritable(Locks.key(name) + ":probe");
    Lease lease = keptAlive(name);
    try (Primaries primaries = Primaries.of(redis)) {
      primaries.flushAll();
    }
    assertSucceeded(name, lease);
  }

  @Test
  void afterARestartWithoutDataTheHolderIsToldOnceAndTheSuccessorIsLeftAlone() throws Exception {
    String name = redis.unique("restarted");
    servers.awaitWritable(Locks.key(name) + ":probe");
    Lease lease = keptAlive(name);
    RedisServer primary = servers.primaryOf(Locks.key(name));
    List<RedisServer> others = new ArrayList<>(servers.servers());
    others.remove(primary);
    // Else one of them might take over, and have the data.
    others.forEach(RedisServer::pause);
    primary.restartEmpty();
    others.forEach(RedisServer::resume);
    assertSucceeded(name, lease);
  }

  @Test
  void withoutMemoryNothingIsGrantedAndWhatIsHeldIsExtendedAndReleased() {
    String name = redis.unique("memory");
    servers.awaitWritable(Locks.key(name) + ":probe");
    Lease lease = Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow();
    servers.exhaustMemory();
    try {
      JedisDataException e =
          assertThrows(
              JedisDataException.class,
              () -> Locks.lock(redis, redis.unique("other"), LEASE).tryAcquire());
      assertThat(e.getMessage(), startsWith("OOM"));
      assertThat(lease.extend(LEASE.multipliedBy(2)), is(true));
      assertThat(lease.remaining(), is(greaterThan(LEASE)));
      assertThat(lease.release(), is(true));
    } finally {
      servers.restoreMemory();
    }
  }

  private Lease keptAlive(String name) {
    return Locks.lock(redis, name, SHORT)
        .tryAcquire()
        .orElseThrow()
        .keepAlive(PATIENCE, losses::incrementAndGet);
  }

  private void assertSucceeded(String name, Lease lease) throws InterruptedException {
    try (Lease next = Locks.lock(redis, name, LEASE).acquire(PATIENCE)) {
      assertThat(next.token(), is(greaterThan(lease.token())));
      await().until(() -> losses.get() == 1);
      assertThat(lease.isHeld(), is(false));
      assertThat(lease.release(), is(false));
      assertThrows(LockLostException.class, lease::close);
      assertThat(next.extend(LEASE), is(true));
    }
    assertThat(losses.get(), is(1));
  }
}
