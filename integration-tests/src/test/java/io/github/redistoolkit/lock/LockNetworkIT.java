package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** Replies that are lost, connections that break, and silence. */
@LeavesServerAlone
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class LockNetworkIT extends LockFaultSuite {

  LockNetworkIT(TestRedis redis) {
    super(redis);
  }

  @Test
  void aWaiterWhoseReplyIsLostGoesOnAsTheSameOwner() throws Exception {
    String name = prepared("waiter");
    RedisLock lock = Locks.lock(faulty, name, LEASE);
    FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, Then.CUT);
    long start = System.nanoTime();
    try (Lease lease = lock.acquire(LEASE)) {
      assertThat(loss.happened(), is(true));
      assertThat(System.nanoTime() - start, is(lessThan(seconds(10))));
      // Its lease began with the second request, so that what it believes is true.
      long inRedis = Locks.millisLeft(redis, name);
      assertThat(lease.remaining().toMillis(), is(lessThan(inRedis)));
      String token = String.valueOf(Locks.state(redis, name).token());
      assertThat(token, is(String.valueOf(lease.token())));
    }
    assertThat(Locks.isHeld(redis, name), is(false));
  }

  @Test
  void aWaiterWhoseWakeUpIsLostOnTheWayAsksAgainByItself() throws Exception {
    String name = prepared("wake");
    Lease held = Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      FaultProxy.Loss loss = proxy.loseReply("BLPOP", 1, Then.CUT);
      Crew.Started<Lease> waiter = crew.start(() -> Locks.lock(faulty, name, LEASE).acquire(LEASE));
      await().until(() -> proxy.requests("BLPOP") > 0);
      long released = System.nanoTime();
      held.close();
      loss.await();
      waiter.get().close();
      assertThat(System.nanoTime() - released, is(lessThan(seconds(10))));
    }
  }

  @Test
  void aWaiterOutlastsARedisThatIsAwayForAWhile() throws Exception {
    String name = prepared("away");
    proxy.refuse();
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> waiter = crew.start(() -> Locks.lock(faulty, name, LEASE).acquire(LEASE));
      await().until(() -> waiter.thread().getState() == Thread.State.TIMED_WAITING);
      proxy.accept();
      waiter.get().close();
    }
  }

  @Test
  void aWaiterInTheLocalQueueIsToldThatRedisCouldNotBeAsked() throws Exception {
    String name = prepared("queue");
    try (TestRedis hasty = faulty.retryingFor(Duration.ofMillis(500));
        Crew crew = new Crew()) {
      RedisLock lock = Locks.lock(hasty, name, LEASE);
      proxy.refuse();
      Crew.Started<Lease> first = crew.start(() -> lock.acquire(LEASE));
      await().until(() -> first.thread().getState() == Thread.State.TIMED_WAITING);
      // Behind the first, it has not asked yet when its time is over.
      assertThrows(JedisException.class, () -> lock.tryAcquire(Duration.ofMillis(300)));
      proxy.accept();
      first.get().close();
    }
  }

  @Test
  @Proves("lock.kept-alive")
  void renewalsThatFailAreTriedAgainOftenBeforeTheLeaseIsOver() {
    Lease lease = acquired("renewal", Duration.ofSeconds(6));
    lease.keepAlive(LEASE, losses::incrementAndGet);
    // Each over another connection, a tenth of the lease after the one before: after a third of it,
    // only one were in time.
    assertHeldAfterRenewalsThatFailed(lease, 3);
  }

  @Test
  void aRenewalOfAShortenedLeaseThatFailsIsTriedAgainBeforeThatIsOver() {
    Lease lease = acquired("shortened", LEASE);
    lease.keepAlive(LEASE, losses::incrementAndGet);
    // A tenth of a whole lease from the first renewal, it would be over.
    assertThat(lease.extend(Duration.ofSeconds(3)), is(true));
    assertHeldAfterRenewalsThatFailed(lease, 1);
  }

  /**
   * Through a client that never sends again by itself: no renewal would fail through one that does.
   */
  private Lease acquired(String text, Duration duration) {
    TestRedis once = faulty.retryingFor(Duration.ofMillis(1));
    return Locks.lock(once, prepared(text), duration).tryAcquire().orElseThrow();
  }

  private void assertHeldAfterRenewalsThatFailed(Lease lease, int renewals) {
    for (int nth = 1; nth <= renewals; nth++) {
      FaultProxy.Loss loss = proxy.loseReply(LockNetworkIT::isRenewal, 1, Then.SILENCE);
      await().until(loss::happened);
    }
    await().until(() -> lease.remaining().compareTo(Duration.ofSeconds(5)) > 0);
    assertThat(lease.release(), is(true));
    assertThat(losses.get(), is(0));
  }

  @Test
  void aBlackHoleUnderRenewalIsALossThatIsToldOnce() throws Exception {
    String name = prepared("hole");
    Lease lease = Locks.lock(faulty, name, Duration.ofSeconds(3)).tryAcquire().orElseThrow();
    lease.keepAlive(LEASE, losses::incrementAndGet);
    proxy.blackHole();
    try (Lease next = Locks.lock(redis, name, LEASE).acquire(LEASE)) {
      // Whoever looks knows. The callback has 32 ms to begin before the lease is over in Redis too,
      // which a busy machine may not give it; the next test leaves it more.
      assertThat(lease.isHeld(), is(false));
      await().until(() -> losses.get() == 1);
      assertLeftAlone(next, lease);
    }
    assertThat(losses.get(), is(1));
  }

  @Test
  @Proves("lock.loss-told-first")
  void renewalsOfWhichNothingIsHeardAreALossThatIsToldOnceBeforeAnyoneElseCanAcquire()
      throws Exception {
    String name = prepared("hole");
    AtomicLong toldAt = new AtomicLong();
    Lease lease = Locks.lock(faulty, name, Duration.ofSeconds(4)).tryAcquire().orElseThrow();
    lease.keepAlive(
        LEASE,
        () -> {
          toldAt.set(System.nanoTime());
          losses.incrementAndGet();
        });
    proxy.blackHole(Direction.TO_CLIENT);
    try (Lease next = Locks.lock(redis, name, LEASE).acquire(LEASE)) {
      long had = System.nanoTime();
      assertThat(losses.get(), is(1));
      assertThat(had - toldAt.get(), is(greaterThan(0L)));
      assertThat(lease.isHeld(), is(false));
      assertLeftAlone(next, lease);
    }
    assertThat(losses.get(), is(1));
  }

  private void assertLeftAlone(Lease next, Lease lost) {
    proxy.heal();
    assertThat(lost.release(), is(false));
    assertThrows(LockLostException.class, lost::close);
    assertThat(next.extend(LEASE), is(true));
    assertThat(next.token(), is(greaterThan(lost.token())));
  }

  private static boolean isRenewal(FaultProxy.Request request) {
    return request.arguments().contains("GT");
  }

  private static long seconds(long seconds) {
    return TimeUnit.SECONDS.toNanos(seconds);
  }
}
