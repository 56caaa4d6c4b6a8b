package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What waiters ask of Redis, and of the pool that they share with the holder. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class LockLoadIT {

  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final Duration LONG = Duration.ofSeconds(60);

  private final TestRedis redis;

  LockLoadIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void ofTheWaitersOfOneObjectOnlyTheFirstTalksToRedisAndSendsFiveCommandsASecondAtMost()
      throws Exception {
    RedisLock lock = lock(redis, redis.unique("idle"));
    Lease held = lock.tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      List<Thread> waiters = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        Crew.Started<Object> waiter =
            crew.start(
                () -> {
                  lock.acquire(LONG).close();
                  return null;
                });
        waiters.add(waiter.thread());
      }
      awaitBlocked(1);
      await().until(() -> waiters.stream().filter(LockLoadIT::isWaiting).count() == 9);
      assertThat(commandsPerSecond(Duration.ofSeconds(2)), is(lessThanOrEqualTo(5.0)));
      awaitBlocked(1);
      held.close();
      crew.join();
    }
  }

  @Test
  void anAcquisitionTakesNoMoreThanFiveCommandsHoweverManyClientsWantTheLock() throws Exception {
    for (int clients : List.of(1, 10, 30)) {
      String name = redis.unique("contended");
      Holders holders = new Holders();
      List<TestRedis> pools = new ArrayList<>();
      for (int i = 0; i < clients; i++) {
        pools.add(redis.withMaxTotal(8));
      }
      long before = commands();
      long start = System.nanoTime();
      try (Crew crew = new Crew()) {
        for (TestRedis pool : pools) {
          RedisLock lock = lock(pool, name);
          for (int thread = 0; thread < 3; thread++) {
            crew.start(() -> takeTurns(lock, 180 / clients, holders));
          }
        }
        crew.join();
      }
      holders.assertExclusive(3 * 180);
      // The first waiter of each object sends four a second if its turn does not come meanwhile.
      double idle = 4.0 * clients * (System.nanoTime() - start) / 1e9;
      double perAcquisition = (commands() - before - idle) / (3 * 180.0);
      assertThat(clients + " clients", perAcquisition, is(lessThanOrEqualTo(5.0)));
      pools.forEach(TestRedis::close);
    }
  }

  @Test
  void aWaiterTakesNoConnectionOfThePoolHoweverSmallThatIs() throws Exception {
    String name = redis.unique("own");
    Lease held = lock(redis, name).tryAcquire().orElseThrow();
    try (TestRedis single = redis.withMaxTotal(1);
        Crew crew = new Crew()) {
      Crew.Started<Lease> waiter = crew.start(() -> lock(single, name).acquire(LONG));
      awaitBlocked(1);
      assertThat(single.borrowed(), is(0));
      assertThat(single.client().set(Locks.key(name) + ":other", "value"), is("OK"));
      held.close();
      waiter.get().close();
    }
  }

  @Test
  void waitersBlockOnSixteenConnectionsAtMostAndTheOthersAskAgain() throws Exception {
    try (TestRedis own = redis.withMaxTotal(8);
        Crew crew = new Crew()) {
      List<Lease> held = new ArrayList<>();
      List<Crew.Started<Lease>> waiters = new ArrayList<>();
      String name = redis.unique("many");
      for (int i = 0; i < WaitingConnections.MOST + 4; i++) {
        held.add(lock(redis, name + i).tryAcquire().orElseThrow());
        RedisLock lock = lock(own, name + i);
        waiters.add(crew.start(() -> lock.acquire(LONG)));
      }
      awaitBlocked(WaitingConnections.MOST);
      held.forEach(Lease::close);
      for (Crew.Started<Lease> waiter : waiters) {
        waiter.get().close();
      }
    }
  }

  @Test
  void connectionsOfWaitersAreKeptForAWhileAndThenClosed() throws Exception {
    String name = redis.unique("warm");
    try (FaultProxy proxy = redis.proxy();
        TestRedis faulty = redis.through(proxy)) {
      RedisLock lock = lock(faulty, name);
      assertThat(lock.isLocked(), is(false));
      int before = proxy.connections();
      for (int round = 0; round < 3; round++) {
        Lease held = lock(redis, name).tryAcquire().orElseThrow();
        try (Crew crew = new Crew()) {
          Crew.Started<Lease> waiter = crew.start(() -> lock.acquire(LONG));
          awaitBlocked(1);
          assertThat(proxy.connections(), is(before + 1));
          held.close();
          waiter.get().close();
        }
      }
      await().until(() -> proxy.connections() == before);
    }
  }

  @Test
  void aWaiterThatLeavesSoonDoesNotMakeTheReleaseForgetOneThatStays() throws Exception {
    String name = redis.unique("until");
    Lease held = lock(redis, name).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> waiter = crew.start(() -> lock(redis, name).acquire(LONG));
      awaitBlocked(1);
      long until = waitersUntil(name);
      assertThat(lock(redis, name).tryAcquire(Duration.ofMillis(20)), is(Optional.empty()));
      assertThat(waitersUntil(name), is(greaterThanOrEqualTo(until)));
      held.close();
      waiter.get().close();
    }
  }

  @Test
  void aWakeUpThatNobodyHeardHoldsUpNobodyForLong() throws Exception {
    String name = redis.unique("unheard");
    RedisLock lock = lock(redis, name);
    Lease held = lock.tryAcquire().orElseThrow();
    // Somebody who waits, and has left by the time of the release.
    assertThat(new Requests(redis, name).wait("gone", 30_000, 60_000), is(lessThan(0L)));
    held.close();
    assertThat(redis.admin().llen(Locks.key(name) + ":q"), is(1L));
    // It is promised to that one; whoever waits takes up the promise, and whoever does not is free.
    lock.acquire(LONG).close();
    lock.tryAcquire().orElseThrow().close();
  }

  @Test
  void manyWaitersOverASmallPoolNeitherDeadlockNorStarveTheHoldersRelease() throws Exception {
    for (int connections : List.of(1, 4)) {
      try (TestRedis small = redis.withMaxTotal(connections);
          Crew crew = new Crew()) {
        String name = small.unique("small");
        RedisLock shared = lock(small, name);
        Lease held = shared.tryAcquire().orElseThrow();
        Holders holders = new Holders();
        Set<Thread> notYetWaiting = new HashSet<>();
        for (int i = 0; i < 64; i++) {
          RedisLock lock = i % 2 == 0 ? shared : lock(small, name);
          Crew.Started<Object> waiter =
              crew.start(
                  () -> {
                    try (Lease lease = lock.acquire(LONG)) {
                      holders.hold(lease);
                    }
                    return null;
                  });
          notYetWaiting.add(waiter.thread());
        }
        await()
            .pollInterval(Duration.ofMillis(1))
            .until(
                () -> {
                  notYetWaiting.removeIf(LockLoadIT::isWaiting);
                  // Those who have a connection wait in Redis.
                  return notYetWaiting.size() <= WaitingConnections.MOST;
                });
        long start = System.nanoTime();
        held.close();
        assertThat(System.nanoTime() - start, is(lessThan(millis(5_000))));
        crew.join();
        holders.assertExclusive(64);
        assertThat(small.borrowed(), is(0));
      }
    }
  }

  private static Void takeTurns(RedisLock lock, int turns, Holders holders)
      throws InterruptedException {
    for (int turn = 0; turn < turns; turn++) {
      try (Lease lease = lock.acquire(LONG)) {
        holders.hold(lease);
      }
    }
    return null;
  }

  private double commandsPerSecond(Duration time) {
    long before = commands();
    long start = System.nanoTime();
    await().pollDelay(time).until(() -> true);
    return (commands() - before) / ((System.nanoTime() - start) / 1e9);
  }

  private long waitersUntil(String name) {
    return Locks.state(redis, name).waitersMicros();
  }

  private static boolean isWaiting(Thread thread) {
    Thread.State state = thread.getState();
    return state == Thread.State.TIMED_WAITING || state == Thread.State.WAITING;
  }

  private void awaitBlocked(int waiters) {
    Primaries.awaitBlocked(redis, waiters);
  }

  private long commands() {
    return redis.calls("evalsha") + redis.calls("blpop");
  }

  private static RedisLock lock(TestRedis redis, String name) {
    return Locks.lock(redis, name, LEASE);
  }

  private static long millis(long millis) {
    return TimeUnit.MILLISECONDS.toNanos(millis);
  }
}
