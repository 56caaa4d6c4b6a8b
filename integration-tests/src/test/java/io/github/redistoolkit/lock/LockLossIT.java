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
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Renewal, its end, and what a holder hears when it loses its lease. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class LockLossIT {

  private static final Duration LONG = Duration.ofMinutes(1);

  private final TestRedis redis;
  private final AtomicInteger losses = new AtomicInteger();
  private final AtomicLong toldAt = new AtomicLong();

  LockLossIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  @Proves("lock.kept-alive")
  void aLeaseThatIsKeptAliveOutlivesItsTime() throws Exception {
    String name = redis.unique("alive");
    Lease lease = acquire(name, 4_000).keepAlive(LONG, losses::incrementAndGet);
    assertThat(lock(name, 4_000).tryAcquire(Duration.ofMillis(4_300)), is(Optional.empty()));
    assertThat(lease.isHeld(), is(true));
    assertThat(lease.release(), is(true));
    assertThat(losses.get(), is(0));
  }

  @Test
  @Proves("lock.loss-told-first")
  void aLockThatIsGoneFromRedisIsLostAtTheNextRenewalAndNotRecreated() {
    String name = redis.unique("gone");
    Lease lease = acquire(name, 30_000).keepAlive(LONG, this::tell);
    long start = System.nanoTime();
    assertThat(lease.extend(Duration.ofSeconds(4)), is(true));
    redis.admin().del(Locks.key(name));
    await().until(() -> losses.get() == 1);
    // And not when its time was over, which is 42 ms before it is so in Redis.
    assertThat(toldAt.get() - start, is(lessThan(TimeUnit.MILLISECONDS.toNanos(3_900))));
    assertThat(Locks.isHeld(redis, name), is(false));
    assertLost(lease);
  }

  @Test
  void theLockOfASuccessorIsLeftAlone() {
    String name = redis.unique("successor");
    Lease lease = acquire(name, 600).keepAlive(LONG, losses::incrementAndGet);
    redis.admin().del(Locks.key(name));
    Lease next = acquire(name, 30_000);
    await().atMost(Duration.ofSeconds(5)).until(() -> losses.get() == 1);
    assertLost(lease);
    assertThat(next.token(), is(greaterThan(lease.token())));
    assertThat(next.extend(LONG), is(true));
    assertThat(next.release(), is(true));
  }

  @Test
  void anExtensionThatFindsTheLockGoneTellsTheHolder() {
    String name = redis.unique("extend");
    Lease lease = acquire(name, 30_000).keepAlive(LONG, losses::incrementAndGet);
    redis.admin().del(Locks.key(name));
    assertThat(lease.isHeld(), is(true));
    assertThat(lease.extend(LONG), is(false));
    await().until(() -> losses.get() == 1);
    assertLost(lease);
  }

  @Test
  void keepingAliveEndsAtMaxHoldBeforeAnyoneElseCanAcquire() throws Exception {
    String name = redis.unique("maxHold");
    Lease lease = acquire(name, 3_000).keepAlive(Duration.ofMillis(1_200), this::tell);
    assertToldBeforeAnyoneElseHas(lock(name, 30_000), lease);
  }

  @Test
  void aLeaseLostToMaxHoldIsStillClearedAwayByItsRelease() {
    String name = redis.unique("cleared");
    Lease lease = acquire(name, 30_000).keepAlive(Duration.ofMillis(50), losses::incrementAndGet);
    await().until(() -> losses.get() == 1);
    assertThat(Locks.isHeld(redis, name), is(true));
    assertLost(lease);
    await().until(() -> !Locks.isHeld(redis, name));
  }

  @Test
  @Proves("lock.loss-told-first")
  void aRedisThatHangsBeyondTheLeaseIsALossBeforeAnyoneElseCanAcquire() throws Exception {
    String name = redis.unique("hangs");
    // To all who are behind the proxy, and not to the sentinels, which would look for another.
    try (FaultProxy proxy = redis.proxy();
        TestRedis hanging = redis.through(proxy);
        Crew crew = new Crew()) {
      Lease lease = acquire(hanging, name, 1_000).keepAlive(LONG, this::tell);
      proxy.blackHole();
      crew.start(
          () -> {
            await().pollDelay(Duration.ofSeconds(3)).until(() -> true);
            proxy.heal();
            return null;
          });
      assertToldBeforeAnyoneElseHas(Locks.lock(hanging, name, LONG), lease);
      crew.join();
    }
  }

  @Test
  void aLeaseWhoseTimeIsOverIsLostAndClosingItSaysSo() {
    String name = redis.unique("over");
    Lease lease = acquire(name, 300);
    await().until(() -> !lease.isHeld());
    assertThat(lease.extend(LONG), is(false));
    assertThrows(LockLostException.class, lease::close);
    assertLost(lease);
  }

  @Test
  void closingAfterExpiryLeavesTheNextHolderAlone() {
    String name = redis.unique("next");
    Lease lease = acquire(name, 300);
    await().until(() -> !Locks.isHeld(redis, name));
    Lease next = acquire(name, 30_000);
    assertThrows(LockLostException.class, lease::close);
    assertThat(next.release(), is(true));
  }

  @Test
  void aLossIsSuppressedIfTheBodyThrewToo() {
    String name = redis.unique("suppressed");
    IllegalStateException e =
        assertThrows(
            IllegalStateException.class,
            () -> {
              try (Lease lease = acquire(name, 300)) {
                await().until(() -> !lease.isHeld());
                throw new IllegalStateException("the body");
              }
            });
    assertThat(e.getMessage(), is("the body"));
    assertThat(e.getSuppressed()[0] instanceof LockLostException, is(true));
  }

  @Test
  void keepingALostLeaseAliveTellsTheHolderAtOnce() {
    Lease lease = acquire(redis.unique("late"), 300);
    await().until(() -> !lease.isHeld());
    assertThat(lease.keepAlive(LONG, losses::incrementAndGet).isHeld(), is(false));
    await().until(() -> losses.get() == 1);
    assertLost(lease);
  }

  @Test
  void renewalDoesNotShortenWhatWasExtended() throws Exception {
    String name = redis.unique("longer");
    Lease lease = acquire(name, 3_000).keepAlive(LONG, losses::incrementAndGet);
    assertThat(lease.extend(LONG), is(true));
    long extension = lastMove(name);
    await().until(() -> lastMove(name) > extension);
    assertThat(lock(name, 3_000).tryAcquire(), is(Optional.empty()));
    assertThat(Locks.millisLeft(redis, name), is(greaterThan(50_000L)));
    assertThat(lease.remaining().toSeconds(), is(greaterThan(50L)));
    lease.close();
  }

  @Test
  void aLeaseThatWasShortenedIsRenewedInTime() throws Exception {
    String name = redis.unique("shorter");
    Lease lease = acquire(name, 10_000).keepAlive(LONG, losses::incrementAndGet);
    assertThat(lease.extend(Duration.ofSeconds(3)), is(true));
    await()
        .atMost(Duration.ofSeconds(5))
        .until(() -> lease.remaining().compareTo(Duration.ofSeconds(4)) > 0);
    assertThat(losses.get(), is(0));
    lease.close();
  }

  @Test
  void releaseAndExtensionRaceWithRenewalAndNeitherLeaveAKeyNorACallback() {
    String name = redis.unique("race");
    int rounds = Matrix.size(200, 10_000);
    RedisLock lock = lock(name, 3_000);
    List<AtomicInteger> toldToReleased = new ArrayList<>();
    long renewals = 0;
    // On a busy machine many of such short leases are over before they are renewed.
    for (int round = 0;
        round < rounds
            || (round < 10 * rounds && Math.min(renewals, toldToReleased.size()) <= rounds / 10);
        round++) {
      AtomicInteger told = new AtomicInteger();
      Lease lease = lock.tryAcquire().orElseThrow();
      lease.keepAlive(LONG, told::incrementAndGet);
      int millis = round % 10 == 0 ? 5 : 20;
      boolean extended = lease.extend(Duration.ofMillis(millis));
      // A shortened lease is renewed after a third of it: before, while or after it is extended
      // again and released.
      pauseAtRandom(TimeUnit.MILLISECONDS.toNanos(millis) / 2);
      extended &= lease.extend(Duration.ofMillis(millis));
      pauseAtRandom(TimeUnit.MILLISECONDS.toNanos(millis) / 2);
      long lastMove = lastMove(name);
      boolean ours = lease.release();
      if (ours) {
        assertThat(Locks.isHeld(redis, name), is(false));
        assertThat(extended, is(true));
        toldToReleased.add(told);
        // Two were the extensions.
        renewals += lastMove - 2;
      } else {
        await().pollInterval(Duration.ofMillis(1)).until(() -> !Locks.isHeld(redis, name));
      }
    }
    assertThat("renewals", renewals, is(greaterThan(rounds / 10L)));
    // What may have been on its way to a holder has come by the time that this one is told.
    Lease last = acquire(name, 3_000).keepAlive(Duration.ofMillis(100), losses::incrementAndGet);
    await().until(() -> losses.get() == 1);
    assertThat(last.release(), is(false));
    assertThat(toldToReleased.size(), is(greaterThan(rounds / 10)));
    assertThat(toldToReleased.stream().mapToInt(AtomicInteger::get).sum(), is(0));
  }

  @Test
  void aLeaseThatNobodyCanReachIsNotRenewedAndGoneLongBeforeItWouldHaveBeen() {
    String name = redis.unique("unreachable");
    // Renewed it would be held for as long as it is to be kept alive, which is a minute.
    assertThat("held when it is forgotten", acquireAndForget(name), is(true));
    await()
        .atMost(LONG.dividedBy(3))
        .pollInterval(Duration.ofMillis(20))
        .until(
            () -> {
              System.gc();
              return !Locks.isHeld(redis, name);
            });
    // Whoever forgot the lease may still be working under it.
    await().until(() -> losses.get() == 1);
  }

  /** Notes when the holder was told. */
  private void tell() {
    toldAt.set(System.nanoTime());
    losses.incrementAndGet();
  }

  private void assertToldBeforeAnyoneElseHas(RedisLock lock, Lease lease)
      throws InterruptedException {
    try (Lease next = lock.acquire(LONG)) {
      long had = System.nanoTime();
      assertThat(losses.get(), is(1));
      assertThat(had - toldAt.get(), is(greaterThan(0L)));
      assertThat(next.token(), is(greaterThan(lease.token())));
    }
    assertLost(lease);
  }

  private void assertLost(Lease lease) {
    assertThat(lease.isHeld(), is(false));
    assertThat(lease.remaining(), is(Duration.ZERO));
    assertThat(lease.extend(LONG), is(false));
    assertThat(lease.release(), is(false));
    assertThrows(LockLostException.class, lease::close);
    assertThat(losses.get(), is(lessThan(2)));
  }

  private static void pauseAtRandom(long mostNanos) {
    long from = System.nanoTime();
    long nanos = ThreadLocalRandom.current().nextLong(mostNanos);
    while (System.nanoTime() - from < nanos) {
      Thread.onSpinWait();
    }
  }

  /** Returns whether it had what it forgets. */
  private boolean acquireAndForget(String name) {
    return acquire(name, 3_000).keepAlive(LONG, losses::incrementAndGet).isHeld();
  }

  /** Which of its holder's moves of the end was the last that Redis has made; renewals count. */
  private long lastMove(String name) {
    return Locks.state(redis, name).move();
  }

  private Lease acquire(String name, long leaseMillis) {
    return acquire(redis, name, leaseMillis);
  }

  private static Lease acquire(TestRedis redis, String name, long leaseMillis) {
    RedisLock lock = Locks.lock(redis, name, Duration.ofMillis(leaseMillis));
    // On a busy machine a grant may take longer than a short lease, and then counts as none.
    return Stream.generate(lock::tryAcquire)
        .limit(20)
        .flatMap(Optional::stream)
        .findFirst()
        .orElseThrow();
  }

  private RedisLock lock(String name, long leaseMillis) {
    Duration lease = Duration.ofMillis(leaseMillis);
    return Locks.lock(redis, name, lease);
  }
}
