package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CyclicBarrier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a lock and a lease promise while nothing goes wrong. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
@Tag("smoke")
class LockIT {

  private static final Duration LEASE = Duration.ofSeconds(30);

  private final TestRedis redis;

  LockIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void aHeldLockIsRefusedToOthersUntilItIsReleased() {
    String name = redis.unique("resource:123");
    RedisLock first = lock(name, LEASE);
    RedisLock second = lock(name, LEASE);
    Lease lease = first.tryAcquire().orElseThrow();
    assertThat(second.tryAcquire(), is(Optional.empty()));
    assertThat(lease.release(), is(true));
    Lease next = second.tryAcquire().orElseThrow();
    assertThat(next.release(), is(true));
  }

  @Test
  void aLeaseThatIsNotReleasedExpiresByItself() {
    String name = redis.unique("expire");
    Lease lease = lock(name, Duration.ofSeconds(3)).tryAcquire().orElseThrow();
    assertThat(
        Locks.millisLeft(redis, name), is(allOf(greaterThan(0L), lessThanOrEqualTo(3_000L))));
    assertThat(lock(name, LEASE).tryAcquire(), is(Optional.empty()));
    await().atMost(Duration.ofSeconds(10)).until(() -> !Locks.isHeld(redis, name));
    assertThat(lease.isHeld(), is(false));
    Lease next = lock(name, LEASE).tryAcquire().orElseThrow();
    assertThat(next.release(), is(true));
  }

  @Test
  void ofFiveWorkersAtTheSameTimeOneAcquires() throws Exception {
    String name = redis.unique("concurrent");
    CyclicBarrier together = new CyclicBarrier(5);
    try (Crew workers = new Crew()) {
      List<Crew.Started<Optional<Lease>>> attempts = new ArrayList<>();
      for (int worker = 0; worker < 5; worker++) {
        RedisLock lock = lock(name, LEASE);
        attempts.add(
            workers.start(
                () -> {
                  together.await();
                  return lock.tryAcquire();
                }));
      }
      List<Lease> acquired = new ArrayList<>();
      for (Crew.Started<Optional<Lease>> attempt : attempts) {
        attempt.get().ifPresent(acquired::add);
      }
      assertThat(acquired, hasSize(1));
      acquired.get(0).close();
    }
  }

  @Test
  void fiveWaitingWorkersHoldTheLockOneAfterTheOther() throws Exception {
    String name = redis.unique("in-turn");
    Holders holders = new Holders();
    try (Crew workers = new Crew()) {
      for (int worker = 0; worker < 5; worker++) {
        RedisLock lock = lock(name, LEASE);
        workers.start(
            () -> {
              for (int turn = 0; turn < 20; turn++) {
                try (Lease lease = lock.acquire(Duration.ofSeconds(20))) {
                  holders.hold(lease);
                }
              }
              return null;
            });
      }
      workers.join();
    }
    holders.assertExclusive(100);
  }

  @Test
  @Proves("lock.tokens-rise")
  void tokensRiseFromLeaseToLeaseAlsoOverALossOfTheData() {
    String name = redis.unique("token");
    RedisLock lock = lock(name, LEASE);
    List<Long> tokens = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      try (Lease lease = lock.tryAcquire().orElseThrow()) {
        tokens.add(lease.token());
      }
      if (i % 5 == 0) {
        redis.admin().del(Locks.key(name));
      }
    }
    List<Long> sorted = new ArrayList<>(tokens);
    Collections.sort(sorted);
    assertThat(tokens, is(sorted));
    assertThat(tokens.stream().distinct().count(), is(20L));
  }

  @Test
  @Proves("lock.tokens-rise")
  void aTokenIsGreaterThanTheRememberedOneEvenIfTheServersClockWentBack() {
    String name = redis.unique("clock");
    long farAhead = 5_000_000_000_000_000L;
    Locks.put(redis, name, farAhead + " 0 - 0 0 0");
    try (Lease lease = lock(name, LEASE).tryAcquire().orElseThrow()) {
      assertThat(lease.token(), is(farAhead + 1));
    }
    // It is remembered until the clock is there.
    long microsAhead = farAhead - Locks.state(redis, name).now();
    assertThat(redis.admin().pttl(Locks.key(name)), is(greaterThan(microsAhead / 1_000)));
    lock(name, LEASE).tryAcquire().orElseThrow().close();
    assertThat(redis.admin().pttl(Locks.key(name)), is(greaterThan(microsAhead / 1_000)));
  }

  @Test
  void aLeaseTellsItsNameItsTimeAndItsState() {
    String name = redis.unique("state");
    Lease lease = lock(name, LEASE).tryAcquire().orElseThrow();
    assertThat(lease.name(), is(name));
    assertThat(lease.isHeld(), is(true));
    assertThat(
        lease.remaining(),
        is(allOf(greaterThan(LEASE.minusSeconds(5)), lessThan(LEASE.minusMillis(300)))));
    long inRedis = Locks.millisLeft(redis, name);
    assertThat(lease.remaining().toMillis(), is(lessThan(inRedis)));
    assertThat(lease.release(), is(true));
    assertThat(lease.isHeld(), is(false));
    assertThat(lease.remaining(), is(Duration.ZERO));
    assertThat(lease.extend(LEASE), is(false));
  }

  @Test
  void aLeaseIsExtendedAndShortened() {
    String name = redis.unique("extend");
    Lease lease = lock(name, LEASE).tryAcquire().orElseThrow();
    assertThat(lease.extend(Duration.ofMinutes(10)), is(true));
    assertThat(lease.remaining(), is(greaterThan(Duration.ofMinutes(9))));
    assertThat(Locks.millisLeft(redis, name), is(greaterThan(590_000L)));
    assertThat(lease.extend(Duration.ofSeconds(10)), is(true));
    assertThat(lease.remaining(), is(lessThan(Duration.ofSeconds(10))));
    assertThat(Locks.millisLeft(redis, name), is(lessThanOrEqualTo(10_000L)));
    lease.close();
  }

  @Test
  void anExtensionThatArrivesAfterALaterOneIsRefused() {
    String name = redis.unique("moves");
    Requests requests = new Requests(redis, name);
    assertThat(requests.acquire("owner", 30_000) > 0, is(true));
    assertThat(requests.commands().extend("owner", 60_000, 2), is(2L));
    assertThat(requests.commands().extend("owner", 1_000, 1), is(-1L));
    assertThat(Locks.millisLeft(redis, name), is(greaterThan(50_000L)));
    // Sent twice by a client that did not hear of the first.
    assertThat(requests.commands().extend("owner", 40_000, 2), is(2L));
    assertThat(requests.renew("owner", 20_000, 3), is(3L));
    assertThat(Locks.millisLeft(redis, name), is(greaterThan(30_000L)));
    assertThat(requests.commands().extend("other", 1_000, 9), is(0L));
  }

  @Test
  void anAcquisitionThatArrivesAgainAfterAnExtensionDoesNotShortenIt() {
    String name = redis.unique("resent");
    Requests requests = new Requests(redis, name);
    long token = requests.acquire("owner", 20_000);
    assertThat(requests.commands().extend("owner", 60_000, 1), is(1L));
    assertThat(requests.acquire("owner", 20_000), is(token));
    assertThat(Locks.millisLeft(redis, name), is(greaterThan(30_000L)));
  }

  @Test
  void requestsThatAreSentTwiceAreGrantedOnce() {
    String name = redis.unique("resent");
    Requests requests = new Requests(redis, name);
    long token = requests.acquire("owner", 30_000);
    assertThat(requests.acquire("owner", 30_000), is(token));
    LockCommands.Claim sentTwice = new LockCommands.Claim("owner", token, false, true);
    assertThat(requests.commands().release(sentTwice, 0), is(true));
    lock(name, LEASE).tryAcquire().orElseThrow().close();
    // A request that was on its way all that time does not lock what nobody will release.
    assertThat(requests.acquire("owner", 30_000), is(-1L));
    assertThat(Locks.isHeld(redis, name), is(false));
  }

  @Test
  void releasingAgainReturnsTheSameAndLeavesTheNextHolderAlone() {
    String name = redis.unique("twice");
    RedisLock lock = lock(name, LEASE);
    Lease lease = lock.tryAcquire().orElseThrow();
    assertThat(lease.release(), is(true));
    Lease next = lock.tryAcquire().orElseThrow();
    assertThat(lease.release(), is(true));
    lease.close();
    assertThat(next.extend(LEASE), is(true));
    next.close();
  }

  @Test
  void anotherThreadMayRelease() throws Exception {
    Lease lease = lock(redis.unique("threads"), LEASE).tryAcquire().orElseThrow();
    try (Crew other = new Crew()) {
      assertThat(other.start(lease::release).get(), is(true));
    }
  }

  @Test
  void aThreadThatHoldsTheLockIsRefusedLikeAnyOther() throws Exception {
    RedisLock lock = lock(redis.unique("reentrant"), LEASE);
    try (Lease lease = lock.tryAcquire().orElseThrow()) {
      assertThat(lock.tryAcquire(), is(Optional.empty()));
      assertThat(lock.tryAcquire(Duration.ofMillis(50)), is(Optional.empty()));
      assertThat(lease.isHeld(), is(true));
    }
  }

  @Test
  void acquireNamesTheLockThatItCouldNotGet() {
    String name = redis.unique("timeout");
    RedisLock lock = lock(name, LEASE);
    Lease lease = lock.tryAcquire().orElseThrow();
    LockTimeoutException e =
        assertThrows(LockTimeoutException.class, () -> lock.acquire(Duration.ofMillis(50)));
    assertThat(e.getMessage(), is("lock " + name + " was not free within PT0.05S"));
    lease.close();
  }

  @Test
  void isLockedTellsWhetherAnybodyHoldsTheLock() {
    RedisLock lock = lock(redis.unique("advisory"), LEASE);
    assertThat(lock.isLocked(), is(false));
    Lease lease = lock.tryAcquire().orElseThrow();
    assertThat(lock.isLocked(), is(true));
    lease.close();
    assertThat(lock.isLocked(), is(false));
  }

  @Test
  void namesThatLookAlikeOrHoldBracesAreDifferentLocks() {
    List<String> names =
        List.of("}x", "}", "{", "{}", "a}b", "a", "a%7Db", "%", "x:s", "x", "é", "a".repeat(500));
    List<Lease> leases = new ArrayList<>();
    for (String name : names) {
      leases.add(lock(name, LEASE).tryAcquire().orElseThrow());
    }
    for (String name : names) {
      assertThat(name, lock(name, LEASE).tryAcquire(), is(Optional.empty()));
    }
    leases.forEach(Lease::close);
  }

  @Test
  void everyKeyOfTheLockHasATimeToLiveThatIsNoLongerThanItIsNeeded() {
    String name = redis.unique("ttl");
    Lease lease = lock(name, LEASE).tryAcquire().orElseThrow();
    long memory = LockCommands.MEMORY_MILLIS;
    assertThat(
        redis.admin().pttl(Locks.key(name)),
        is(allOf(greaterThan(LEASE.toMillis()), lessThanOrEqualTo(LEASE.toMillis() + memory))));
    // Somebody who waits.
    assertThat(new Requests(redis, name).wait("other", 30_000, 2_000), is(lessThan(0L)));
    lease.close();
    // First of all, since it is there for two seconds only.
    assertThat(redis.admin().llen(Locks.key(name) + ":q"), is(1L));
    long wake = redis.admin().pttl(Locks.key(name) + ":q");
    assertThat(wake, is(lessThanOrEqualTo(2_000L)));
    // Gone meanwhile on a busy machine, if this is -2.
    assertThat(wake, is(not(-1L)));
    assertThat(
        redis.admin().pttl(Locks.key(name)),
        is(allOf(greaterThan(memory - 30_000), lessThanOrEqualTo(memory))));
  }

  @Test
  void anUncontendedPairIsTwoRoundTrips() {
    RedisLock lock = lock(redis.unique("cost"), LEASE);
    lock.tryAcquire().orElseThrow().close();
    long before = redis.calls("evalsha");
    long evals = redis.calls("eval");
    for (int i = 0; i < 100; i++) {
      lock.tryAcquire().orElseThrow().close();
    }
    assertThat(redis.calls("evalsha") - before, is(200L));
    assertThat(redis.calls("eval") - evals, is(0L));
    assertThat(redis.borrowed(), is(0));
  }

  @Test
  void aRefusedAttemptIsOneRoundTripAndWritesNothing() {
    String name = redis.unique("refused");
    RedisLock lock = lock(name, LEASE);
    try (Lease lease = lock.tryAcquire().orElseThrow()) {
      long before = redis.calls("evalsha");
      String state = redis.admin().get(Locks.key(name));
      assertThat(lock.tryAcquire(), is(Optional.empty()));
      assertThat(redis.calls("evalsha") - before, is(1L));
      assertThat(state, startsWith(lease.token() + " "));
      assertThat(redis.admin().get(Locks.key(name)), is(state));
    }
  }

  private RedisLock lock(String name, Duration lease) {
    return Locks.lock(redis, name, lease);
  }
}
