package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.SlotMove;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/** Servers that lose their data, run out of memory, change their roles or give slots away. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class ReadWriteServersIT {

  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final AtomicInteger losses = new AtomicInteger();

  ReadWriteServersIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
  }

  @Test
  void afterFlushAllEachHolderIsToldOnceAndTheNewHoldersAreLeftAlone() throws Exception {
    String name = redis.unique("flushed");
    servers.awaitWritable(ReadWriteState.key(name) + ":probe");
    Duration shortly = Duration.ofMillis(1_500);
    RedisReadWriteLock brief = ReadWriteState.lock(redis, name, shortly);
    Lease one = brief.readLock().tryAcquire().orElseThrow();
    Lease two = brief.readLock().tryAcquire().orElseThrow();
    one.keepAlive(PATIENCE, losses::incrementAndGet);
    two.keepAlive(PATIENCE, losses::incrementAndGet);
    try (Primaries primaries = Primaries.of(redis)) {
      primaries.flushAll();
    }
    Lease next = lock(name).writeLock().acquire(PATIENCE);
    await().until(() -> losses.get() == 2);
    assertThat(one.release() || two.release(), is(false));
    assertThrows(LockLostException.class, one::close);
    assertThat(next.extend(LEASE), is(true));
    next.close();
    assertThat(losses.get(), is(2));
  }

  @Test
  void withoutMemoryNothingIsGrantedAndWhatIsHeldIsExtendedAndReleased() {
    String name = redis.unique("memory");
    servers.awaitWritable(ReadWriteState.key(name) + ":probe");
    for (Side side : Side.values()) {
      Lease lease = side.tryAcquire(lock(name)).orElseThrow();
      assertThat(
          ReadWriteState.writing(redis, name).wait("waiter", 30_000, 2_000), is(lessThan(0L)));
      servers.exhaustMemory();
      try {
        for (String each : List.of(name, redis.unique("other"))) {
          for (Side wanted : Side.values()) {
            if (side == Side.READ || !each.equals(name)) {
              assertOutOfMemoryOrRefused(wanted, each);
            }
          }
        }
        assertThat(ReadWriteState.of(redis, name).ends().size(), is(1));
        assertThat(lease.extend(LEASE.multipliedBy(2)), is(true));
        assertThat(lease.remaining(), is(greaterThan(LEASE)));
        assertThat(lease.release(), is(true));
      } finally {
        servers.restoreMemory();
      }
      assertThat(side.isLocked(lock(name)), is(false));
      ReadWriteState.of(redis, name).assertSound();
      await().until(() -> lock(name).writeLock().tryAcquire().map(Lease::release).isPresent());
    }
  }

  private void assertOutOfMemoryOrRefused(Side side, String name) {
    try {
      assertThat(side.tryAcquire(lock(name)).isPresent(), is(false));
    } catch (JedisDataException e) {
      assertThat(e.getMessage(), startsWith("OOM"));
    }
  }

  @Test
  void noWriterIsBesideAnyoneWhileThePrimaryChangesOrTheSlotMovesOrConnectionsBreak()
      throws Exception {
    String name = redis.unique("moving");
    History history = new History();
    AtomicBoolean ended = new AtomicBoolean();
    AtomicInteger turns = new AtomicInteger();
    servers.awaitWritable(ReadWriteState.key(name) + ":probe");
    try (Crew crew = new Crew()) {
      for (int i = 0; i < 4; i++) {
        Side side = i < 2 ? Side.READ : Side.WRITE;
        RedisReadWriteLock lock = lock(name);
        crew.start(
            () -> {
              while (!ended.get()) {
                Lease lease = side.acquire(lock, PATIENCE);
                long from = System.nanoTime();
                LockSupport.parkNanos(500_000);
                long to = System.nanoTime();
                // What a failover has forgotten may be granted again, and its release says so.
                if (release(lease)) {
                  history.add(side.name(), "it", String.valueOf(lease.token()), from, to);
                  turns.incrementAndGet();
                }
              }
              return null;
            });
      }
      for (int i = 0; i < 2; i++) {
        awaitAnother(turns);
        disturb(name);
      }
      awaitAnother(turns);
      ended.set(true);
      crew.join();
    }
    assertThat(history.overlaps("WRITE"), is(List.of()));
    assertThat(history.intrusions("WRITE", "READ"), is(List.of()));
    assertThat(history.events("READ").size(), is(greaterThan(0)));
    assertThat(history.events("WRITE").size(), is(greaterThan(0)));
    ReadWriteState.of(redis, name).assertSound();
  }

  private void disturb(String name) {
    switch (redis.topology()) {
      case STANDALONE -> assertThat(redis.killClients("normal"), is(greaterThan(0)));
      case SENTINEL -> servers.failOver(ReadWriteState.key(name));
      case CLUSTER -> {
        SlotMove there = servers.beginMoveOfSlot(ReadWriteState.key(name));
        there.moveKeys();
        there.finish();
      }
    }
  }

  @Test
  void aLeaseIsKeptAliveAndAWaiterServedThoughThePrimaryChangesOrTheSlotMoves() throws Exception {
    String name = redis.unique("kept");
    servers.awaitWritable(ReadWriteState.key(name) + ":probe");
    Duration lease = Duration.ofSeconds(20);
    RedisReadWriteLock lock = ReadWriteState.lock(redis, name, lease);
    Lease held = lock.readLock().tryAcquire().orElseThrow();
    held.keepAlive(PATIENCE, losses::incrementAndGet);
    if (redis.topology() != Topology.STANDALONE) {
      servers.awaitReplicated(ReadWriteState.key(name));
    }
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> waiter = crew.start(() -> lock.writeLock().acquire(PATIENCE));
      Primaries.awaitBlocked(redis, 1);
      disturb(name);
      await()
          .atMost(Duration.ofSeconds(15))
          .ignoreExceptionsInstanceOf(JedisException.class)
          .until(() -> held.extend(lease));
      assertThat(release(held), is(true));
      try (Lease next = waiter.get()) {
        assertThat(next.token(), is(greaterThan(held.token())));
      }
    }
    assertThat(losses.get(), is(0));
  }

  private RedisReadWriteLock lock(String name) {
    return ReadWriteState.lock(redis, name, LEASE);
  }

  /** The holder's part: what may be tried again is. */
  private static boolean release(Lease lease) {
    AtomicBoolean released = new AtomicBoolean();
    await()
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(1))
        .atMost(LEASE)
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(
            () -> {
              released.set(lease.release());
              return true;
            });
    return released.get();
  }

  private static void awaitAnother(AtomicInteger turns) {
    int before = turns.get();
    await().atMost(PATIENCE).until(() -> turns.get() >= before + 50);
  }
}
