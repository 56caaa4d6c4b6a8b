package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.SlotMove;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** The slot of a lock moves to another node of the cluster, in all the steps that has. */
@EachClient(topologies = Topology.CLUSTER)
class LockSlotMoveIT {

  private static final Duration LEASE = Duration.ofSeconds(30);

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final AtomicInteger losses = new AtomicInteger();

  LockSlotMoveIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
  }

  @Test
  void holdersStayOneAtATimeWhileTheSlotMovesToAndFro() throws Exception {
    String name = redis.unique("moving");
    Holders holders = new Holders();
    AtomicInteger turns = new AtomicInteger();
    AtomicBoolean ended = new AtomicBoolean();
    try (Crew crew = new Crew()) {
      for (int i = 0; i < 4; i++) {
        RedisLock lock = Locks.lock(redis, name, LEASE);
        crew.start(
            () -> {
              while (!ended.get()) {
                Lease lease = lock.acquire(LEASE);
                holders.hold(lease);
                turns.incrementAndGet();
                release(lease);
              }
              return null;
            });
      }
      for (int move = 0; move < 4; move++) {
        awaitAnother(turns);
        SlotMove there = servers.beginMoveOfSlot(Locks.key(name));
        there.moveKeys();
        there.finish();
      }
      awaitAnother(turns);
      ended.set(true);
      crew.join();
    }
    holders.assertExclusive(turns.get());
  }

  @Test
  void aLeaseIsExtendedRenewedAndReleasedOnEachStepOfTheMove() {
    String name = redis.unique("steps");
    Lease lease = Locks.lock(redis, name, Duration.ofSeconds(6)).tryAcquire().orElseThrow();
    lease.keepAlive(LEASE, losses::incrementAndGet);
    SlotMove move = servers.beginMoveOfSlot(Locks.key(name));
    assertThat(lease.extend(Duration.ofSeconds(6)), is(true));
    move.moveKeys();
    // The old owner answers ASK now.
    assertThat(lease.extend(Duration.ofSeconds(3)), is(true));
    await()
        .atMost(Duration.ofSeconds(10))
        .until(() -> lease.remaining().compareTo(Duration.ofSeconds(4)) > 0);
    assertThat(Locks.lock(redis, name, LEASE).isLocked(), is(true));
    move.finish();
    assertThat(lease.extend(LEASE), is(true));
    assertThat(lease.release(), is(true));
    assertThat(Locks.isHeld(redis, name), is(false));
    assertThat(losses.get(), is(0));
  }

  @Test
  void aReleaseThatHasAWaiterToWakeSucceedsOnEachStepOfTheMove() {
    String name = redis.unique("again");
    for (boolean moved : new boolean[] {false, true}) {
      Lease lease = Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow();
      assertThat(new Requests(redis, name).wait("waiter", 30_000, 2_000), is(lessThan(0L)));
      SlotMove move = servers.beginMoveOfSlot(Locks.key(name));
      if (moved) {
        move.moveKeys();
      }
      // Its keys are not all there, so that neither node would run a script that wakes.
      assertThat(lease.release(), is(true));
      assertThat(Locks.isHeld(redis, name), is(false));
      move.moveKeys();
      move.finish();
      Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow().close();
    }
  }

  @Test
  void aWaiterGoesOnWhileTheSlotMoves() throws Exception {
    String name = redis.unique("waiter");
    Lease held = Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      RedisLock other = Locks.lock(redis, name, LEASE);
      Crew.Started<Lease> waiter = crew.start(() -> other.acquire(LEASE));
      Primaries.awaitBlocked(redis, 1);
      SlotMove move = servers.beginMoveOfSlot(Locks.key(name));
      move.moveKeys();
      move.finish();
      Primaries.awaitBlocked(redis, 1);
      assertThat(held.release(), is(true));
      long released = System.nanoTime();
      waiter.get().close();
      assertThat(System.nanoTime() - released, is(lessThan(TimeUnit.SECONDS.toNanos(10))));
    }
  }

  @Test
  void aLockThatIsNewInAMovingSlotIsHadAtOnce() {
    String name = redis.unique("new");
    SlotMove move = servers.beginMoveOfSlot(Locks.key(name));
    Lease lease = Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow();
    assertThat(Locks.lock(redis, name, LEASE).tryAcquire().isEmpty(), is(true));
    move.moveKeys();
    move.finish();
    assertThat(lease.release(), is(true));
  }

  /** The holder's part: what may be tried again is. */
  private static void release(Lease lease) {
    await()
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(1))
        .atMost(LEASE)
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(lease::release);
  }

  private static void awaitAnother(AtomicInteger turns) {
    int before = turns.get();
    await().atMost(LEASE).until(() -> turns.get() >= before + 50);
  }
}
