package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** How long waiters wait, in which order, at what cost, and what ends it. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class LockWaitingIT {

  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final Duration LONG = Duration.ofSeconds(60);

  private final TestRedis redis;

  LockWaitingIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void aReleaseWakesAWaiterAtOnce() throws Exception {
    String name = redis.unique("wake");
    long fastest = Long.MAX_VALUE;
    for (int round = 0; round < 5; round++) {
      Lease held = lock(name).tryAcquire().orElseThrow();
      try (Crew crew = new Crew()) {
        Crew.Started<Long> waiter = crew.start(() -> acquiredAt(lock(name)));
        awaitBlocked(1);
        long released = System.nanoTime();
        held.close();
        fastest = Math.min(fastest, waiter.get() - released);
      }
    }
    assertThat(fastest, is(lessThan(millis(100))));
  }

  @Test
  void aReleaseWakesOneWaiterAndLeavesTheOthersAsleep() throws Exception {
    String name = redis.unique("one");
    Lease held = lock(name).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      AtomicInteger acquired = new AtomicInteger();
      for (int i = 0; i < 5; i++) {
        RedisLock lock = lock(name);
        crew.start(
            () -> {
              Lease lease = lock.acquire(LONG);
              acquired.incrementAndGet();
              return lease;
            });
      }
      awaitBlocked(5);
      long before = commands();
      long start = System.nanoTime();
      held.close();
      await().pollInterval(Duration.ofMillis(2)).until(() -> acquired.get() == 1);
      long sent = commands() - before;
      // The release, and the request of the one that it woke. What others send is due to time.
      long turns = 1 + (System.nanoTime() - start) / millis(500);
      assertThat(sent, is(lessThanOrEqualTo(2 + 2 * 4 * turns)));
      crew.interrupt();
      awaitBlocked(0);
    }
  }

  @Test
  void threadsOfOneObjectAreServedInTheirOrder() throws Exception {
    RedisLock lock = lock(redis.unique("order"));
    Lease held = lock.tryAcquire().orElseThrow();
    List<Integer> order = new ArrayList<>();
    try (Crew crew = new Crew()) {
      for (int i = 0; i < 10; i++) {
        int number = i;
        Crew.Started<Object> waiter =
            crew.start(
                () -> {
                  try (Lease lease = lock.acquire(LONG)) {
                    assertThat(lease.isHeld(), is(true));
                    order.add(number);
                  }
                  return null;
                });
        if (i == 0) {
          awaitBlocked(1);
        } else {
          await().until(() -> waiter.thread().getState() == Thread.State.TIMED_WAITING);
        }
      }
      held.close();
      crew.join();
    }
    assertThat(order, is(IntStream.range(0, 10).boxed().toList()));
  }

  @Test
  void waitersOfSeveralObjectsAreServedInTheirOrder() throws Exception {
    String name = redis.unique("order");
    for (int round = 0; round < 20; round++) {
      Lease held = lock(name).tryAcquire().orElseThrow();
      long start = System.nanoTime();
      List<Integer> order = new ArrayList<>();
      try (Crew crew = new Crew()) {
        for (int i = 0; i < 4; i++) {
          int number = i;
          RedisLock lock = lock(name);
          crew.start(
              () -> {
                try (Lease lease = lock.acquire(LONG)) {
                  assertThat(lease.isHeld(), is(true));
                  order.add(number);
                }
                return null;
              });
          awaitBlocked(i + 1);
        }
        held.close();
        crew.join();
      }
      // One that has waited for longer asks again, and then is behind those that came after it.
      if (System.nanoTime() - start < millis(450)) {
        assertThat(order, is(List.of(0, 1, 2, 3)));
        return;
      }
    }
    throw new AssertionError("four threads did not begin to wait within 450 ms, in twenty rounds");
  }

  @Test
  void aWaiterWhoseWakeUpIsLostAsksAgainByItself() throws Exception {
    List<Long> waits = new ArrayList<>();
    for (int round = 0; round < 2; round++) {
      String name = redis.unique("lost");
      Lease held = lock(name).tryAcquire().orElseThrow();
      try (Crew crew = new Crew()) {
        Crew.Started<Long> waiter = crew.start(() -> acquiredAt(lock(name)));
        awaitBlocked(1);
        long freed = System.nanoTime();
        redis.admin().del("lock:{" + name + "}");
        waits.add(waiter.get() - freed);
      }
      assertThat(held.release(), is(false));
    }
    assertThat(Collections.min(waits), is(lessThan(millis(2_000))));
    assertThat(Collections.max(waits), is(lessThan(millis(5_000))));
  }

  @Test
  void theLockOfADeadHolderIsTakenWhenItsLeaseIsOver() throws Exception {
    List<Long> takenAfter = new ArrayList<>();
    for (int round = 0; round < 2; round++) {
      String name = redis.unique("dead");
      Duration lease = Duration.ofMillis(400);
      long start = System.nanoTime();
      Lease dead = Locks.lock(redis, name, lease).tryAcquire().orElseThrow();
      try (Lease next = lock(name).acquire(LONG)) {
        takenAfter.add(System.nanoTime() - start);
        assertThat(dead.isHeld(), is(false));
        assertThat(next.token() > dead.token(), is(true));
      }
    }
    assertThat(
        Collections.min(takenAfter),
        is(allOf(greaterThanOrEqualTo(millis(400)), lessThan(millis(1_500)))));
    assertThat(Collections.max(takenAfter), is(lessThan(millis(5_000))));
  }

  @Test
  void aWaitReturnsWhenItsTimeIsOver() throws Exception {
    String name = redis.unique("wait");
    Lease held = lock(name).tryAcquire().orElseThrow();
    for (int millis : List.of(20, 100, 300)) {
      List<Long> waits = new ArrayList<>();
      for (int round = 0; round < 2; round++) {
        long start = System.nanoTime();
        assertThat(lock(name).tryAcquire(Duration.ofMillis(millis)), is(Optional.empty()));
        waits.add(System.nanoTime() - start);
      }
      assertThat(
          Collections.min(waits),
          is(allOf(greaterThanOrEqualTo(millis(millis)), lessThan(millis(millis + 250)))));
      assertThat(Collections.max(waits), is(lessThan(millis(millis + 2_000))));
    }
    held.close();
  }

  @Test
  void aWaitOfNothingIsOneAttempt() throws Exception {
    String name = redis.unique("nothing");
    RedisLock lock = lock(name);
    Lease held = lock.tryAcquire().orElseThrow();
    long before = commands();
    assertThat(lock.tryAcquire(Duration.ZERO), is(Optional.empty()));
    assertThat(lock.tryAcquire(Duration.ofSeconds(Long.MIN_VALUE)), is(Optional.empty()));
    assertThrows(LockTimeoutException.class, () -> lock.acquire(Duration.ofNanos(-1)));
    assertThat(commands() - before, is(3L));
    held.close();
    lock.acquire(Duration.ZERO).close();
  }

  @Test
  void aWaitBeyondAllClocksHasNoEnd() throws Exception {
    String name = redis.unique("endless");
    Lease held = lock(name).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      RedisLock lock = lock(name);
      Crew.Started<Lease> waiter =
          crew.start(() -> lock.acquire(Duration.ofSeconds(Long.MAX_VALUE)));
      awaitBlocked(1);
      held.close();
      waiter.get().close();
    }
  }

  @Test
  void anInterruptInTheLocalQueueEndsTheWaitAtOnce() throws Exception {
    RedisLock lock = lock(redis.unique("queue"));
    Lease held = lock.tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> first = startBlocked(crew, lock);
      Crew.Started<Lease> second = crew.start(() -> lock.acquire(LONG));
      await().until(() -> second.thread().getState() == Thread.State.TIMED_WAITING);
      assertInterruptEndsItWithin(Duration.ofSeconds(3), second);
      held.close();
      first.get().close();
    }
  }

  @Test
  void anInterruptOfAThreadThatIsBlockedInRedisEndsTheWaitSoonAndNothingIsHeld() throws Exception {
    RedisLock lock = lock(redis.unique("blocked"));
    Lease held = lock.tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> waiter = startBlocked(crew, lock);
      assertInterruptEndsItWithin(Duration.ofSeconds(5), waiter);
    }
    held.close();
    assertThat(lock.isLocked(), is(false));
    assertThat(redis.borrowed(), is(0));
    lock.acquire(Duration.ofMillis(500)).close();
  }

  @Test
  void anInterruptedThreadDoesNotBeginToWait() {
    RedisLock lock = lock(redis.unique("before"));
    long before = commands();
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, () -> lock.acquire(LONG));
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, () -> lock.tryAcquire(Duration.ZERO));
    assertThat(Thread.interrupted(), is(false));
    assertThat(commands() - before, is(0L));
  }

  @Test
  void anInterruptedThreadTriesExtendsReleasesAndClosesAndStaysInterrupted() {
    try (TestRedis small = redis.withMaxTotal(1)) {
      RedisLock lock = lock(small, small.unique("kept"));
      Thread.currentThread().interrupt();
      Lease lease = lock.tryAcquire().orElseThrow();
      assertThat(lease.extend(LEASE), is(true));
      assertThat(lease.release(), is(true));
      lock.tryAcquire().orElseThrow().close();
      assertThat(Thread.interrupted(), is(true));
      assertThat(lock.isLocked(), is(false));
    }
  }

  @Test
  void interruptsAtAnyMomentLeaveNothingHeldThatNobodyKnowsOf() throws Exception {
    String name = redis.unique("storm");
    for (int round = 0; round < 30; round++) {
      RedisLock lock = lock(name);
      Lease held = lock.tryAcquire().orElseThrow();
      try (Crew crew = new Crew()) {
        Crew.Started<Optional<Lease>> waiter = crew.start(() -> acquireOrBeInterrupted(lock));
        Crew.Started<Boolean> releaser =
            crew.start(
                () -> {
                  TimeUnit.MICROSECONDS.sleep(300);
                  return held.release();
                });
        TimeUnit.MICROSECONDS.sleep(100L * round);
        waiter.thread().interrupt();
        assertThat(releaser.get(), is(true));
        waiter.get().ifPresent(Lease::close);
      }
      assertThat("round " + round, lock.isLocked(), is(false));
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
        for (int i = 0; i < 64; i++) {
          RedisLock lock = i % 2 == 0 ? shared : lock(small, name);
          crew.start(
              () -> {
                try (Lease lease = lock.acquire(LONG)) {
                  holders.hold(lease);
                }
                return null;
              });
        }
        await().until(() -> held.remaining().compareTo(LEASE.minusMillis(400)) < 0);
        long start = System.nanoTime();
        held.close();
        assertThat(System.nanoTime() - start, is(lessThan(millis(5_000))));
        crew.join();
        holders.assertExclusive(64);
        assertThat(small.borrowed(), is(0));
      }
    }
  }

  @Test
  void aWaiterSendsNoMoreThanFiveCommandsASecondWhileItWaits() throws Exception {
    String name = redis.unique("idle");
    Lease held = lock(name).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> waiter = startBlocked(crew, lock(name));
      long before = commands();
      long start = System.nanoTime();
      await()
          .pollDelay(Duration.ofSeconds(2))
          .until(() -> commands() > before && !waiter.result().isDone());
      double sent = commands() - before;
      double seconds = (System.nanoTime() - start) / 1e9;
      assertThat(sent / seconds, is(lessThanOrEqualTo(5.0)));
      held.close();
      waiter.get().close();
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
      double perAcquisition = (commands() - before) / (3 * 180.0);
      assertThat(clients + " clients", perAcquisition, is(lessThanOrEqualTo(5.0)));
      pools.forEach(TestRedis::close);
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

  private static Optional<Lease> acquireOrBeInterrupted(RedisLock lock) {
    try {
      return Optional.of(lock.acquire(LONG));
    } catch (InterruptedException e) {
      return Optional.empty();
    }
  }

  private static void assertInterruptEndsItWithin(Duration limit, Crew.Started<Lease> waiter) {
    long start = System.nanoTime();
    waiter.thread().interrupt();
    ExecutionException e = assertThrows(ExecutionException.class, waiter::get);
    assertThat(e.getCause() instanceof InterruptedException, is(true));
    assertThat(System.nanoTime() - start, is(lessThan(limit.toNanos())));
  }

  private static long acquiredAt(RedisLock lock) throws InterruptedException {
    try (Lease lease = lock.acquire(LONG)) {
      assertThat(lease.isHeld(), is(true));
      return System.nanoTime();
    }
  }

  /** A waiter that is the only one, and is blocked in Redis already. */
  private Crew.Started<Lease> startBlocked(Crew crew, RedisLock lock) {
    Crew.Started<Lease> waiter = crew.start(() -> lock.acquire(LONG));
    awaitBlocked(1);
    return waiter;
  }

  private void awaitBlocked(int waiters) {
    Primaries.awaitBlocked(redis, waiters);
  }

  private long commands() {
    return redis.calls("evalsha") + redis.calls("blpop");
  }

  private RedisLock lock(String name) {
    return lock(redis, name);
  }

  private static RedisLock lock(TestRedis redis, String name) {
    return Locks.lock(redis, name, LEASE);
  }

  private static long millis(long millis) {
    return TimeUnit.MILLISECONDS.toNanos(millis);
  }
}
