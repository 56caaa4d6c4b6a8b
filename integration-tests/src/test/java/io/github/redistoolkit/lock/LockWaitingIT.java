package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
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
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** How long waiters wait, in which order, and what ends it; their cost is in {@link LockLoadIT}. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class LockWaitingIT {

  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final Duration LONG = Duration.ofSeconds(60);

  /** In nanoseconds; far less than a lease, and than what a waiter waits for. */
  private static final long SOON = Duration.ofSeconds(10).toNanos();

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
    for (int round = 0; round < 20; round++) {
      try (Primaries primaries = Primaries.of(redis);
          Crew crew = new Crew()) {
        Lease held = lock(name).tryAcquire().orElseThrow();
        long start = System.nanoTime();
        AtomicInteger acquired = new AtomicInteger();
        for (int i = 0; i < 5; i++) {
          RedisLock lock = lock(name);
          crew.start(
              () -> {
                Optional<Lease> lease = acquireOrBeInterrupted(lock);
                lease.ifPresent(unused -> acquired.incrementAndGet());
                return lease;
              });
        }
        primaries.awaitBlocked(5);
        long before = primaries.commands();
        held.close();
        await().pollInterval(Duration.ofMillis(2)).until(() -> acquired.get() == 1);
        long sent = primaries.commands() - before;
        boolean sooner = System.nanoTime() - start < millis(490);
        crew.interrupt();
        awaitBlocked(0);
        redis.admin().del(Locks.key(name));
        // Later than that, waiters that were not woken ask again.
        if (sooner) {
          // The release, and the request of the one that it woke; newer servers count its BLPOP
          // when it ends.
          assertThat(sent, is(lessThanOrEqualTo(3L)));
          return;
        }
      }
    }
    throw new AssertionError("five threads did not wait and wake within 490 ms, in twenty rounds");
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
      List<Integer> order = new ArrayList<>();
      long start;
      try (Primaries primaries = Primaries.of(redis);
          Crew crew = new Crew()) {
        start = System.nanoTime();
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
          primaries.awaitBlocked(i + 1);
        }
        held.close();
        crew.join();
      }
      // One that has waited for longer asks again, and then is behind those that came after it.
      if (System.nanoTime() - start < millis(490)) {
        assertThat(order, is(List.of(0, 1, 2, 3)));
        return;
      }
    }
    throw new AssertionError("four threads did not begin to wait within 490 ms, in twenty rounds");
  }

  @Test
  void aWaiterWhoseWakeUpIsLostAsksAgainByItself() throws Exception {
    String name = redis.unique("lost");
    Lease held = lock(name).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Long> waiter = crew.start(() -> acquiredAt(lock(name)));
      awaitBlocked(1);
      long freed = System.nanoTime();
      redis.admin().del(Locks.key(name));
      assertThat(waiter.get() - freed, is(lessThan(SOON)));
      assertThat(held.release(), is(false));
    }
  }

  @Test
  void theLockOfADeadHolderIsTakenWhenItsLeaseIsOver() throws Exception {
    // Two blocks of the usual 500 ms would be longer.
    Duration lease = Duration.ofMillis(900);
    String name = redis.unique("dead");
    try (Blocks blocks = Blocks.at(redis)) {
      long start = System.nanoTime();
      Lease dead = Locks.lock(redis, name, lease).tryAcquire().orElseThrow();
      try (Lease next = lock(blocks.redis(), name).acquire(LONG)) {
        long takenAfter = System.nanoTime() - start;
        assertThat(takenAfter, is(greaterThanOrEqualTo(lease.toNanos())));
        assertThat(takenAfter, is(lessThan(SOON)));
        assertThat(dead.isHeld(), is(false));
        assertThat(next.token(), is(greaterThan(dead.token())));
      }
      assertThat("blocks", blocks.count(), is(greaterThan(0)));
      assertThat(blocks.total(), is(lessThanOrEqualTo(lease)));
    }
  }

  @Test
  void aWaitReturnsWhenItsTimeIsOver() throws Exception {
    String name = redis.unique("wait");
    Lease held = lock(name).tryAcquire().orElseThrow();
    for (int millis : List.of(20, 100, 3_200)) {
      try (Blocks blocks = Blocks.at(redis)) {
        Duration most = Duration.ofMillis(millis);
        long start = System.nanoTime();
        assertThat(lock(blocks.redis(), name).tryAcquire(most), is(Optional.empty()));
        long waited = System.nanoTime() - start;
        assertThat(waited, is(greaterThanOrEqualTo(most.toNanos())));
        assertThat(waited, is(lessThan(SOON)));
        // Redis may end a block a tenth of a second late, so so short a time is not spent in one,
        // nor is what is left in the end.
        assertThat(blocks.count() > 0, is(millis > 100));
        assertThat(blocks.total(), is(lessThanOrEqualTo(most)));
      }
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
  void theQueueIsForThoseWhoWaitAndNotForThoseWhoHold() throws Exception {
    String name = redis.unique("holds");
    RedisLock lock = lock(name);
    Lease held = lock.acquire(LONG);
    long before = commands();
    assertThat(lock.tryAcquire(Duration.ofMillis(20)), is(Optional.empty()));
    assertThat("commands of one who waits behind a holder", commands() > before, is(true));
    redis.admin().del(Locks.key(name));
    lock.acquire(LONG).close();
    assertThat(held.release(), is(false));
  }

  @Test
  void anInterruptInTheLocalQueueEndsTheWaitAtOnce() throws Exception {
    RedisLock lock = lock(redis.unique("queue"));
    Lease held = lock.tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> first = startBlocked(crew, lock);
      Crew.Started<Lease> second = crew.start(() -> lock.acquire(LONG));
      await().until(() -> second.thread().getState() == Thread.State.TIMED_WAITING);
      assertThat(nanosUntilInterrupted(second), is(lessThan(SOON)));
      held.close();
      first.get().close();
    }
  }

  @Test
  void anInterruptOfAThreadThatIsBlockedInRedisEndsTheWaitSoonAndNothingIsHeld() throws Exception {
    RedisLock lock = lock(redis.unique("blocked"));
    Lease held = lock.tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      assertThat(nanosUntilInterrupted(startBlocked(crew, lock)), is(lessThan(SOON)));
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
    int acquired = 0;
    int interrupted = 0;
    // Sooner and later than the release that lets it through, until it went both ways.
    for (int round = 0; round < 30 || (round < 300 && acquired * interrupted == 0); round++) {
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
        TimeUnit.MICROSECONDS.sleep(100L * (round % 60));
        waiter.thread().interrupt();
        assertThat(releaser.get(), is(true));
        Optional<Lease> lease = waiter.get();
        lease.ifPresent(Lease::close);
        acquired += lease.isPresent() ? 1 : 0;
        interrupted += lease.isPresent() ? 0 : 1;
      }
      assertThat("round " + round, lock.isLocked(), is(false));
    }
    assertThat("acquired", acquired, is(greaterThan(0)));
    assertThat("interrupted", interrupted, is(greaterThan(0)));
  }

  private static Optional<Lease> acquireOrBeInterrupted(RedisLock lock) {
    try {
      return Optional.of(lock.acquire(LONG));
    } catch (InterruptedException e) {
      return Optional.empty();
    }
  }

  private static long nanosUntilInterrupted(Crew.Started<Lease> waiter) {
    long start = System.nanoTime();
    waiter.thread().interrupt();
    ExecutionException e = assertThrows(ExecutionException.class, waiter::get);
    assertThat(e.getCause() instanceof InterruptedException, is(true));
    return System.nanoTime() - start;
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
