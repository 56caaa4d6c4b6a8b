package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.UnifiedJedis;

/** What waiters ask of Redis, and of the pool that they share with the holder. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = ClientKind.CLIENT)
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
  void aWaiterDoesNotBlockWhileMoreThanHalfOfThePoolIsBorrowed() throws Exception {
    String name = redis.unique("busy");
    Lease held = lock(redis, name).tryAcquire().orElseThrow();
    try (TestRedis small = redis.withMaxTotal(8);
        Crew crew = new Crew()) {
      String busy = Locks.key(name) + ":busy";
      UnifiedJedis client = small.client();
      for (int i = 0; i < 5; i++) {
        crew.start(() -> client.blpop(20.0, busy));
      }
      awaitBlocked(5);
      Crew.Started<Lease> waiter = crew.start(() -> lock(small, name).acquire(LONG));
      assertAsksAgainEvery10To100Millis();
      awaitBlocked(5);
      for (int i = 0; i < 5; i++) {
        redis.admin().rpush(busy, "enough");
      }
      awaitBlocked(1);
      held.close();
      waiter.get().close();
      crew.join();
    }
  }

  @Test
  void aWaiterOverASmallPoolNeverBlocks() throws Exception {
    String name = redis.unique("poll");
    Lease held = lock(redis, name).tryAcquire().orElseThrow();
    try (TestRedis single = redis.withMaxTotal(1);
        Crew crew = new Crew()) {
      Crew.Started<Lease> waiter = crew.start(() -> lock(single, name).acquire(LONG));
      assertAsksAgainEvery10To100Millis();
      awaitBlocked(0);
      held.close();
      waiter.get().close();
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
  void aWakeUpThatNobodyHeardIsRemovedByTheNextAcquisition() throws Exception {
    String name = redis.unique("unheard");
    String wakeKey = Locks.key(name) + ":q";
    RedisLock lock = lock(redis, name);
    Lease held = lock.tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> waiter = crew.start(() -> lock.acquire(LONG));
      awaitBlocked(1);
      waiter.thread().interrupt();
      assertThrows(ExecutionException.class, waiter::get);
    }
    // As if it had only just begun to wait.
    String inAMinute = String.valueOf(System.currentTimeMillis() + 60_000);
    redis.admin().hset(Locks.key(name) + ":s", "waitersUntil", inAMinute);
    held.close();
    assertThat(redis.admin().llen(wakeKey), is(1L));
    try (Lease next = lock.tryAcquire().orElseThrow()) {
      assertThat(redis.admin().exists(wakeKey), is(false));
      assertThat(next.isHeld(), is(true));
    }
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
        int seats = connections / 4;
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
                  // Those who have a seat wait in Redis.
                  return notYetWaiting.size() <= seats;
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

  private void assertAsksAgainEvery10To100Millis() {
    // Some 18 are expected; so long a time that a busy machine may stand still for most of it.
    double perSecond = commandsPerSecond(Duration.ofSeconds(4));
    assertThat(perSecond, is(allOf(greaterThan(5.0), lessThanOrEqualTo(100.0))));
  }

  private double commandsPerSecond(Duration time) {
    long before = commands();
    long start = System.nanoTime();
    await().pollDelay(time).until(() -> true);
    return (commands() - before) / ((System.nanoTime() - start) / 1e9);
  }

  private long waitersUntil(String name) {
    return Long.parseLong(redis.admin().hget(Locks.key(name) + ":s", "waitersUntil"));
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
