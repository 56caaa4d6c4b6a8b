package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.FreshLog;
import io.github.redistoolkit.lock.LockCommands.Claim;
import io.github.redistoolkit.pubsub.CapturedLog;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.exceptions.JedisDataException;

/** What a semaphore promises while nothing goes wrong. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class SemaphoreIT {

  private static final Duration LEASE = Duration.ofSeconds(30);

  private final TestRedis redis;

  SemaphoreIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void asManyAsThereArePermitsAreHeldAndOneMoreWhenOneIsReleased() {
    String name = redis.unique("three");
    List<Lease> held = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      // Each with an object of its own, as in so many JVMs.
      assertThat(semaphore(name, 3).availablePermits(), is(3 - i));
      held.add(semaphore(name, 3).tryAcquire().orElseThrow());
    }
    RedisSemaphore semaphore = semaphore(name, 3);
    assertThat(semaphore.tryAcquire(), is(Optional.empty()));
    assertThat(semaphore.availablePermits(), is(0));
    assertThat(held.get(1).release(), is(true));
    Lease next = semaphore.tryAcquire().orElseThrow();
    assertThat(semaphore.tryAcquire(), is(Optional.empty()));
    for (Lease lease : List.of(held.get(0), held.get(2), next)) {
      assertThat(lease.extend(LEASE), is(true));
      lease.close();
    }
    assertThat(semaphore.availablePermits(), is(3));
  }

  @Test
  void aPermitThatIsNotReleasedIsFreeWhenItsLeaseIsOver() throws Exception {
    String name = redis.unique("expire");
    Lease dead = semaphore(name, 2, Duration.ofSeconds(2)).tryAcquire().orElseThrow();
    Lease held = semaphore(name, 2).tryAcquire().orElseThrow();
    assertThat(semaphore(name, 2).tryAcquire(), is(Optional.empty()));
    long start = System.nanoTime();
    try (Lease next = semaphore(name, 2).acquire(LEASE)) {
      assertThat(dead.isHeld(), is(false));
      assertThat(dead.release(), is(false));
      assertThat(System.nanoTime() - start, is(lessThan(Duration.ofSeconds(10).toNanos())));
      assertThat(next.extend(LEASE), is(true));
    }
    held.close();
  }

  @Test
  void aWaiterIsWokenByARelease() throws Exception {
    String name = redis.unique("woken");
    List<Lease> held = take(name, 2);
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> first = crew.start(() -> semaphore(name, 2).acquire(LEASE));
      Primaries.awaitBlocked(redis, 1);
      Crew.Started<Lease> second = crew.start(() -> semaphore(name, 2).acquire(LEASE));
      Primaries.awaitBlocked(redis, 2);
      held.forEach(Lease::close);
      first.get().close();
      second.get().close();
    }
    assertThat(semaphore(name, 2).availablePermits(), is(2));
  }

  @Test
  void aPermitIsKeptForWhoeverARereleaseHasWokenButNotFromOneThatDoesNotWait() {
    String name = redis.unique("promise");
    Requests requests = PermitState.requests(redis, name, 1);
    long token = requests.acquire("owner", 30_000);
    assertThat(requests.wait("waiter", 30_000, 2_000), is(lessThan(0L)));
    assertThat(requests.commands().release(new Claim("owner", token, true, false), 0), is(true));
    // Unless 20 ms are over by then.
    long refused = requests.wait("other", 30_000, 0);
    long now = PermitState.of(redis, name).now();
    if (refused > 0) {
      assertThat(now, is(greaterThan(token + 20_000)));
    } else {
      assertThat(refused, is(-501L));
      assertThat(semaphore(name, 1).tryAcquire().isPresent(), is(true));
    }
  }

  @Test
  void requestsThatAreSentTwiceAreGrantedAndReleasedOnce() {
    String name = redis.unique("resent");
    Requests requests = PermitState.requests(redis, name, 2);
    long token = requests.acquire("owner", 30_000);
    assertThat(requests.acquire("owner", 30_000), is(token));
    assertThat(semaphore(name, 2).availablePermits(), is(1));
    Lease other = semaphore(name, 2).tryAcquire().orElseThrow();
    assertThat(other.token(), is(greaterThan(token)));
    Claim sentTwice = new Claim("owner", token, false, true);
    assertThat(requests.commands().release(sentTwice, 0), is(true));
    assertThat(requests.commands().release(sentTwice, 0), is(false));
    assertThat(semaphore(name, 2).availablePermits(), is(1));
    // A request that was on its way all that time takes no permit that nobody will release.
    assertThat(requests.acquire("owner", 30_000), is(-1L));
    assertThat(semaphore(name, 2).availablePermits(), is(1));
    assertThat(other.extend(LEASE), is(true));
    other.close();
  }

  @Test
  void whoeverWasGivenUpIsRefusedAlsoIfItNeverHeldAPermit() {
    String name = redis.unique("withdrawn");
    Requests requests = PermitState.requests(redis, name, 3);
    assertThat(requests.commands().withdraw("given-up"), is(false));
    for (int i = 0; i < 20; i++) {
      semaphore(name, 3).tryAcquire().orElseThrow().close();
    }
    assertThat(requests.acquire("given-up", 30_000), is(-1L));
    PermitState state = PermitState.of(redis, name);
    assertThat(state.ends().keySet().contains("given-up"), is(false));
    state.assertSound();
    // As if the time had passed for which it is remembered.
    long past = state.now() - 1;
    PermitState.put(redis, name, state.token() + " 0 0 0 0 " + past, "given-up", past);
    assertThat(requests.acquire("given-up", 30_000), is(greaterThan(0L)));
    assertThat(PermitState.of(redis, name).marks(), is(Map.of()));
  }

  @Test
  void whoeverWasGivenUpTwiceIsRefusedAlsoIfTheFirstTimeIsForgotten() {
    String name = redis.unique("withdrawn-twice");
    Requests requests = PermitState.requests(redis, name, 3);
    long past = PermitState.of(redis, name).now() - 1;
    PermitState.put(redis, name, past + " 0 0 0 0 " + past, "given-up", past);
    assertThat(requests.commands().withdraw("given-up"), is(false));
    PermitState state = PermitState.of(redis, name);
    assertThat(state.marks().keySet(), is(Set.of("given-up")));
    state.assertSound();
    assertThat(requests.acquire("given-up", 30_000), is(-1L));
  }

  @Test
  void anExtensionThatArrivesAfterALaterOneIsRefusedAndARepeatedAcquisitionShortensNothing() {
    String name = redis.unique("moves");
    Requests requests = PermitState.requests(redis, name, 2);
    long token = requests.acquire("owner", 30_000);
    assertThat(requests.commands().extend("owner", 60_000, 2), is(2L));
    assertThat(requests.commands().extend("owner", 1_000, 1), is(-1L));
    assertThat(requests.acquire("owner", 20_000), is(token));
    PermitState state = PermitState.of(redis, name);
    assertThat(state.last() - state.now(), is(greaterThan(50_000_000L)));
    assertThat(requests.renew("owner", 20_000, 3), is(3L));
    assertThat(PermitState.of(redis, name).last(), is(state.last()));
    assertThat(requests.commands().extend("owner", 10_000, 4), is(4L));
    assertThat(PermitState.of(redis, name).last(), is(lessThan(state.last())));
    assertThat(requests.commands().extend("other", 1_000, 9), is(0L));
    PermitState.of(redis, name).assertSound();
  }

  @Test
  void whatIsLeftOfManyRequestsIsWhatAModelOfThemHas() {
    String name = redis.unique("model");
    new PermitModel(redis, name, 3, 42).run(600);
  }

  @Test
  void callersThatKnowDifferentNumbersOfPermitsAreGrantedByTheirOwn() {
    String name = redis.unique("numbers");
    List<Lease> held = take(name, 3);
    assertThat(semaphore(name, 2).tryAcquire(), is(Optional.empty()));
    assertThat(semaphore(name, 2).availablePermits(), is(0));
    held.add(semaphore(name, 4).tryAcquire().orElseThrow());
    held.get(0).close();
    held.get(1).close();
    assertThat(semaphore(name, 2).tryAcquire(), is(Optional.empty()));
    held.get(2).close();
    semaphore(name, 2).tryAcquire().orElseThrow().close();
    held.get(3).close();
  }

  @Test
  void aThousandPermitsCanBeHeld() {
    String name = redis.unique("many");
    RedisSemaphore semaphore = semaphore(name, 1_000);
    List<Lease> held = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      held.add(semaphore.tryAcquire().orElseThrow());
    }
    assertThat(semaphore.tryAcquire(), is(Optional.empty()));
    held.forEach(Lease::close);
    assertThat(semaphore.availablePermits(), is(1_000));
  }

  @Test
  void aLeaseIsKeptAliveAndItsLossIsToldOnce() {
    String name = redis.unique("kept");
    AtomicInteger losses = new AtomicInteger();
    Lease lease = semaphore(name, 2, Duration.ofMillis(600)).tryAcquire().orElseThrow();
    lease.keepAlive(LEASE, losses::incrementAndGet);
    long first = PermitState.of(redis, name).last();
    await().until(() -> PermitState.of(redis, name).last() > first + 1_000_000);
    assertThat(lease.isHeld(), is(true));
    assertThat(losses.get(), is(0));
    redis.admin().del(PermitState.key(name));
    await().until(() -> losses.get() == 1);
    assertThat(lease.release(), is(false));
    assertThrows(LockLostException.class, lease::close);
    assertThat(losses.get(), is(1));
  }

  @Test
  void theLogCallsASemaphoreBySuchAWord() {
    String name = redis.unique("logged");
    Lease lease = semaphore(name, 2).tryAcquire().orElseThrow();
    FreshLog.of(RedisLock.class);
    try (CapturedLog log = new CapturedLog()) {
      lease.keepAlive(LEASE, () -> {});
      redis.admin().del(PermitState.key(name));
      assertThat(lease.extend(LEASE), is(false));
      await().until(() -> log.warnsOf("The lease on semaphore " + name + " was lost"));
    }
  }

  @Test
  void tokensRiseFromLeaseToLeaseAlsoOverALossOfTheDataAndAClockThatWentBack() {
    String name = redis.unique("token");
    long last = 0;
    for (int i = 0; i < 20; i++) {
      Lease lease = semaphore(name, 5).tryAcquire().orElseThrow();
      assertThat(lease.token(), is(greaterThan(last)));
      last = lease.token();
      if (i % 4 == 0) {
        redis.admin().del(PermitState.key(name));
      }
      boolean unused = lease.release();
    }
    long ahead = PermitState.of(redis, name).now() + 3_600_000_000L;
    PermitState.put(redis, name, ahead + " 0 0 0 0 0", "", 0);
    try (Lease lease = semaphore(name, 5).tryAcquire().orElseThrow()) {
      assertThat(lease.token(), is(ahead + 1));
    }
    assertThat(redis.admin().pttl(PermitState.key(name)), is(greaterThan(3_500_000L)));
  }

  @Test
  void everyKeyHasATimeToLiveThatIsNoLongerThanItIsNeeded() {
    String name = redis.unique("ttl");
    long memory = LockCommands.MEMORY_MILLIS;
    Lease longer = semaphore(name, 2).tryAcquire().orElseThrow();
    assertThat(longer.extend(LEASE.multipliedBy(2)), is(true));
    Lease shorter = semaphore(name, 2).tryAcquire().orElseThrow();
    assertThat(ttl(name), is(allOf(greaterThan(memory + 50_000), lessThanOrEqualTo(120_000L))));
    assertThat(PermitState.requests(redis, name, 2).wait("other", 30_000, 2_000), is(lessThan(0L)));
    longer.close();
    long wake = redis.admin().pttl(PermitState.key(name) + ":q");
    // Gone meanwhile on a busy machine, if this is -2.
    assertThat(wake, is(allOf(not(-1L), lessThanOrEqualTo(2_000L))));
    assertThat(ttl(name), is(allOf(greaterThan(memory), lessThanOrEqualTo(90_000L))));
    shorter.close();
    assertThat(ttl(name), is(allOf(greaterThan(memory - 30_000), lessThanOrEqualTo(memory))));
  }

  @Test
  void aNameThatIsUsedOnceLeavesAHundredBytesAtMost() {
    // The name itself is not counted in.
    String once = redis.unique("n");
    semaphore(once, 2).tryAcquire().orElseThrow().close();
    long bytes = redis.admin().memoryUsage(PermitState.key(once));
    assertThat(bytes - PermitState.key(once).length(), is(lessThanOrEqualTo(100L)));
  }

  @Test
  void anUncontendedPairIsTwoRoundTripsAndARefusalOneThatWritesNothing() {
    RedisSemaphore semaphore = semaphore(redis.unique("cost"), 2);
    Lease held = semaphore.tryAcquire().orElseThrow();
    semaphore.tryAcquire().orElseThrow().close();
    long before = redis.calls("evalsha");
    for (int i = 0; i < 50; i++) {
      semaphore.tryAcquire().orElseThrow().close();
    }
    assertThat(redis.calls("evalsha") - before, is(100L));
    Lease second = semaphore.tryAcquire().orElseThrow();
    long writes = redis.calls("hset");
    assertThat(semaphore.tryAcquire(), is(Optional.empty()));
    assertThat(redis.calls("hset"), is(writes));
    assertThat(redis.borrowed(), is(0));
    held.close();
    second.close();
  }

  @Test
  void aSemaphoreAndALockOfTheSameNameAreTwo() {
    String name = redis.unique("same");
    try (Lease lock = Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow();
        Lease permit = semaphore(name, 1).tryAcquire().orElseThrow()) {
      assertThat(lock.isHeld() && permit.isHeld(), is(true));
    }
  }

  @Test
  void optionsAreThoseOfALock() throws Exception {
    String name = redis.unique("options");
    List<String> told = new CopyOnWriteArrayList<>();
    LockListener listener =
        new LockListener() {
          @Override
          public void onAcquired(String what, Duration waited) {
            told.add("acquired " + what);
          }

          @Override
          public void onRefused(String what, Duration waited) {
            told.add("refused " + what);
          }

          @Override
          public void onReleased(String what, Duration heldFor) {
            told.add("released " + what);
          }
        };
    RedisSemaphore semaphore =
        redis
            .over(
                p -> RedisSemaphore.builder(p, name, 1, LEASE),
                c -> RedisSemaphore.builder(c, name, 1, LEASE))
            .prefix("tenant:")
            .listener(listener)
            .build();
    Lease lease = semaphore.tryAcquire().orElseThrow();
    assertThat(redis.admin().exists("tenant:" + PermitState.key(name)), is(true));
    assertThat(semaphore.tryAcquire(Duration.ofMillis(20)), is(Optional.empty()));
    LockTimeoutException e =
        assertThrows(LockTimeoutException.class, () -> semaphore.acquire(Duration.ofMillis(20)));
    assertThat(e.getMessage(), is("semaphore " + name + " was not free within PT0.02S"));
    lease.close();
    assertThat(
        told,
        contains("acquired " + name, "refused " + name, "refused " + name, "released " + name));
    assertThrows(IllegalStateException.class, () -> lease.keepAlive(LEASE, () -> {}));
    redis.admin().del("tenant:" + PermitState.key(name));
  }

  @Test
  void aKeyOfAForeignTypeIsReportedAndLeftUntouched() {
    String name = redis.unique("foreign");
    redis.admin().set(PermitState.key(name), "theirs");
    RedisSemaphore semaphore = semaphore(name, 2);
    assertThat(
        assertThrows(JedisDataException.class, semaphore::tryAcquire).getMessage(),
        startsWith("WRONGTYPE"));
    assertThrows(JedisDataException.class, () -> semaphore.acquire(LEASE));
    assertThat(redis.admin().get(PermitState.key(name)), is("theirs"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "theirs",
        "5 0 - 0 0 0",
        "5 0 0 0 0",
        "5 0 0 0 0 x",
        "-5 0 0 0 0 0",
        "-5",
        "9007199254740993",
        "9007199254740993 0 0 0 0 0",
        "5 0 1 1 9000000000000000000 0",
      })
  void whatCannotBeTheStateOfASemaphoreIsReportedAtOnceAndLeftUntouched(String stored) {
    String name = redis.unique("state");
    RedisSemaphore semaphore = semaphore(name, 2);
    redis.admin().hset(PermitState.key(name), "s", stored);
    LockStateException e = assertThrows(LockStateException.class, semaphore::tryAcquire);
    assertThat(e.getMessage(), containsString("does not hold the state of a semaphore"));
    assertThrows(LockStateException.class, () -> semaphore.acquire(LEASE));
    assertThrows(LockStateException.class, semaphore::availablePermits);
    assertThat(redis.admin().hgetAll(PermitState.key(name)), is(Map.of("s", stored)));
    redis.admin().del(PermitState.key(name));
    // Nor is what has no state of it at all.
    redis.admin().hset(PermitState.key(name), "theirs", stored);
    assertThrows(LockStateException.class, semaphore::tryAcquire);
    redis.admin().del(PermitState.key(name));
  }

  private List<Lease> take(String name, int permits) {
    List<Lease> held = new ArrayList<>();
    for (int i = 0; i < permits; i++) {
      held.add(semaphore(name, permits).tryAcquire().orElseThrow());
    }
    return held;
  }

  private long ttl(String name) {
    return redis.admin().pttl(PermitState.key(name));
  }

  private RedisSemaphore semaphore(String name, int permits) {
    return semaphore(name, permits, LEASE);
  }

  private RedisSemaphore semaphore(String name, int permits, Duration lease) {
    return PermitState.semaphore(redis, name, permits, lease);
  }
}
