package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/** What may be chosen for a lock, the factory, and work that runs while a lock is held. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class LockOptionsIT {

  private static final Duration LEASE = Duration.ofSeconds(30);

  private final TestRedis redis;

  LockOptionsIT(TestRedis redis) {
    this.redis = redis;
  }

  /** Notes what it is told, in words. */
  private static final class Notes implements LockListener {

    private final List<String> all = new CopyOnWriteArrayList<>();

    @Override
    public void onAcquired(String name, Duration waited) {
      all.add("acquired " + name + (waited.isNegative() ? " before" : ""));
    }

    @Override
    public void onRefused(String name, Duration waited) {
      all.add("refused " + name + (waited.isNegative() ? " before" : ""));
    }

    @Override
    public void onFailed(String name, Duration waited, Throwable failure) {
      all.add("failed " + name + (waited.isNegative() ? " before: " : ": ") + failure);
    }

    @Override
    public void onLost(String name, String why) {
      all.add("lost " + name + ": " + why);
    }

    @Override
    public void onReleased(String name, Duration heldFor) {
      all.add("released " + name + (heldFor.isNegative() ? " before" : ""));
    }
  }

  @Test
  void allKeysAreBelowThePrefixAndDifferentPrefixesAreDifferentLocks() throws Exception {
    String name = redis.unique("tenant");
    String prefix = redis.unique("a:");
    try (TestRedis restricted = redis.ours().withKeys(prefix + "*")) {
      RedisLock ours = builder(restricted, name).prefix(prefix).build();
      Lease held = ours.tryAcquire().orElseThrow();
      assertThat(redis.ours().admin().exists(prefix + Locks.key(name)), is(true));
      assertThat(builder(restricted, name).prefix(prefix).build().tryAcquire().isEmpty(), is(true));
      try (Crew crew = new Crew()) {
        // With all that waking takes.
        Crew.Started<Lease> waiter = crew.start(() -> ours.acquire(LEASE));
        Primaries.awaitBlocked(redis.ours(), 1);
        held.close();
        waiter.get().close();
      }
      assertThrows(JedisDataException.class, builder(restricted, name).build()::tryAcquire);
    }
    Lease one = builder(redis, name).prefix("a:").build().tryAcquire().orElseThrow();
    builder(redis, name).prefix("b:").build().tryAcquire().orElseThrow().close();
    one.close();
  }

  @Test
  void aLockIsKeptAtLeastForItsTimeThoughItIsReleased() throws Exception {
    String name = redis.unique("job");
    RedisLock job = builder(redis, name).keepAtLeast(Duration.ofMillis(1_500)).build();
    long start = System.nanoTime();
    Lease lease = job.tryAcquire().orElseThrow();
    lease.keepAlive(LEASE, () -> {});
    long had = System.nanoTime();
    assertThat(lease.release(), is(true));
    assertThat(lease.isHeld(), is(false));
    // The client of a late clock.
    assertThat(job.tryAcquire(), is(Optional.empty()));
    assertThat(job.isLocked(), is(true));
    try (Lease next = job.acquire(LEASE)) {
      assertThat(System.nanoTime() - start, is(greaterThanOrEqualTo(nanos(1_500))));
      assertThat(System.nanoTime() - had, is(lessThan(nanos(10_000))));
      assertThat(next.token(), is(greaterThan(lease.token())));
    }
    assertThat("sent again", lease.release(), is(true));
  }

  @Test
  void aLockThatWasHeldForLongerThanItsLeastTimeIsFreeAtOnce() {
    String name = redis.unique("job");
    RedisLock job = builder(redis, name).keepAtLeast(Duration.ofMillis(1)).build();
    Lease lease = job.tryAcquire().orElseThrow();
    await().pollDelay(Duration.ofMillis(20)).until(() -> true);
    lease.close();
    assertThat(job.isLocked(), is(false));
  }

  @Test
  void theListenerIsToldOfEachAcquisitionRefusalReleaseAndLoss() throws Exception {
    String name = redis.unique("told");
    Notes notes = new Notes();
    RedisLock lock = builder(redis, name).listener(notes).build();
    Lease lease = lock.tryAcquire().orElseThrow();
    assertThat(lock.tryAcquire(), is(Optional.empty()));
    assertThat(lock.tryAcquire(Duration.ofMillis(20)), is(Optional.empty()));
    assertThat(lease.release(), is(true));
    assertThat(lease.release(), is(true));
    assertThat(
        notes.all,
        contains("acquired " + name, "refused " + name, "refused " + name, "released " + name));
    Lease lost = lock.acquire(LEASE);
    redis.admin().del(Locks.key(name));
    assertThat(lost.extend(LEASE), is(false));
    await().until(() -> notes.all.contains("lost " + name + ": Redis has it no more"));
    assertThat(lost.release(), is(false));
    Lease taken = lock.acquire(LEASE);
    redis.admin().del(Locks.key(name));
    assertThat(taken.release(), is(false));
    await().until(() -> notes.all.stream().filter(note -> note.startsWith("lost")).count() == 2);
  }

  @Test
  void theListenerIsToldOnceOfEachAttemptThatFailedAndWhatItsCallerWasThrown() {
    String name = redis.unique("failed");
    Notes notes = new Notes();
    List<String> thrown = new ArrayList<>();
    try (FaultProxy proxy = redis.proxy();
        TestRedis behindProxy = redis.through(proxy)) {
      RedisLock lock = builder(behindProxy, name).listener(notes).build();
      lock.tryAcquire().orElseThrow().close();
      notes.all.clear();
      proxy.refuse();
      thrown.add(assertThrows(JedisException.class, lock::tryAcquire).toString());
      thrown.add(
          assertThrows(JedisException.class, () -> lock.tryAcquire(Duration.ofMillis(20)))
              .toString());
      thrown.add(
          assertThrows(JedisException.class, () -> lock.acquire(Duration.ofMillis(20))).toString());
    }
    redis.admin().set(Locks.key(name), "no state of a lock");
    RedisLock corrupt = builder(redis, name).listener(notes).build();
    thrown.add(assertThrows(LockStateException.class, corrupt::tryAcquire).toString());
    assertThat(notes.all, is(thrown.stream().map(e -> "failed " + name + ": " + e).toList()));
  }

  @Test
  void theListenerIsToldNeitherOfAnInterruptNorOfAnArgumentThatIsRefused() {
    Notes notes = new Notes();
    RedisLock lock = builder(redis, redis.unique("interrupted")).listener(notes).build();
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, () -> lock.acquire(LEASE));
    assertThrows(NullPointerException.class, () -> lock.acquire(null));
    assertThat(notes.all, is(List.of()));
  }

  @Test
  void whatTheListenerThrowsGoesNoFurther() {
    RedisLock lock =
        builder(redis, redis.unique("throws"))
            .listener(
                new LockListener() {
                  @Override
                  public void onAcquired(String name, Duration waited) {
                    throw new IllegalStateException("from the listener, as intended");
                  }

                  @Override
                  public void onReleased(String name, Duration heldFor) {
                    throw new AssertionError("from the listener, as intended");
                  }
                })
            .build();
    assertThat(lock.tryAcquire().orElseThrow().release(), is(true));
  }

  @Test
  void wrongOptionsAreRefusedByTheirName() {
    RedisLock.Builder builder = builder(redis, redis.unique("wrong"));
    for (String prefix : List.of("{", "a}", "{x}:")) {
      assertThat(
          assertThrows(IllegalArgumentException.class, () -> builder.prefix(prefix)).getMessage(),
          containsString("prefix must not have braces"));
    }
    assertThat(
        assertThrows(IllegalArgumentException.class, () -> builder.prefix("orders")).getMessage(),
        is("prefix must end with ':', as in 'app:', but is orders"));
    for (Duration minimum : List.of(Duration.ZERO, LEASE.plusMillis(1))) {
      assertThat(
          assertThrows(IllegalArgumentException.class, () -> builder.keepAtLeast(minimum))
              .getMessage(),
          containsString("keepAtLeast must be from 1 ms to " + LEASE));
    }
    assertThrows(NullPointerException.class, () -> builder.prefix(null));
    assertThrows(NullPointerException.class, () -> builder.listener(null));
    assertThrows(NullPointerException.class, () -> builder.keepAtLeast(null));
  }

  @Test
  void locksOfTheFactoryShareWhatOrdersTheirThreads() throws Exception {
    String name = redis.unique("shared");
    RedisLocks locks = redis.over(RedisLocks::over, RedisLocks::over);
    Lease held = locks.lock(name, LEASE).tryAcquire().orElseThrow();
    Holders holders = new Holders();
    try (Crew crew = new Crew()) {
      for (int i = 0; i < 10; i++) {
        crew.start(
            () -> {
              for (int turn = 0; turn < 20; turn++) {
                try (Lease lease = locks.lock(name, LEASE).acquire(LEASE.multipliedBy(2))) {
                  holders.hold(lease);
                }
              }
              return null;
            });
      }
      // Of all objects of the name one waiter alone asks.
      Primaries.awaitBlocked(redis, 1);
      long before = redis.calls("evalsha") + redis.calls("blpop");
      held.close();
      crew.join();
      long commands = redis.calls("evalsha") + redis.calls("blpop") - before;
      assertThat(commands / 200.0, is(lessThanOrEqualTo(5.0)));
    }
    holders.assertExclusive(200);
  }

  @Test
  void theFactoryForgetsNamesThatAreNotInUse() {
    RedisLocks locks =
        redis.over(
            pool -> RedisLocks.builder(pool).prefix("f:").listener(new Notes()).build(),
            client -> RedisLocks.builder(client).prefix("f:").listener(new Notes()).build());
    String prefix = redis.unique("once");
    List<RedisLock> used = new ArrayList<>();
    for (int i = 0; i < 1_000; i++) {
      RedisLock lock = locks.lock(prefix + i, LEASE);
      if (i % 100 == 0) {
        used.add(lock);
      }
    }
    await()
        .until(
            () -> {
              System.gc();
              return locks.names() == used.size();
            });
    used.get(0).tryAcquire().orElseThrow().close();
  }

  @Test
  void workThatRunsWhileALockIsHeldReturnsItsResult() throws Exception {
    String name = redis.unique("work");
    try (Lease lease = lock(name, Duration.ofSeconds(1)).tryAcquire().orElseThrow()) {
      String result =
          lease.runWhileHeld(
              LEASE,
              () -> {
                await().pollDelay(Duration.ofMillis(1_300)).until(() -> true);
                return lease.isHeld() ? "done" : "lost";
              });
      assertThat(result, is("done"));
    }
    assertThat(Thread.interrupted(), is(false));
  }

  @Test
  void workIsInterruptedWhenTheLockIsLostAndTheFlagIsCleared() throws Exception {
    String name = redis.unique("interrupted");
    Lease lease = lock(name, Duration.ofSeconds(1)).tryAcquire().orElseThrow();
    CountDownLatch never = new CountDownLatch(1);
    redis.admin().del(Locks.key(name));
    LockLostException e =
        assertThrows(
            LockLostException.class,
            () -> lease.runWhileHeld(LEASE, () -> never.await(1, TimeUnit.MINUTES)));
    assertThat(e.getSuppressed()[0], is(instanceOf(InterruptedException.class)));
    assertThat(Thread.interrupted(), is(false));
    assertThat(lease.release(), is(false));
  }

  @Test
  void workThatReturnsThoughTheLockIsLostIsToldSo() {
    String name = redis.unique("returned");
    Lease lease = lock(name, LEASE).tryAcquire().orElseThrow();
    assertThrows(
        LockLostException.class,
        () ->
            lease.runWhileHeld(
                Duration.ofMillis(50),
                () -> {
                  while (lease.isHeld()) {
                    Thread.onSpinWait();
                  }
                  return "ignored";
                }));
    assertThat(Thread.interrupted(), is(false));
  }

  @Test
  void whatTheWorkThrowsPassesThroughAndNothingIsInterruptedAfterIt() {
    for (int round = 0; round < 50; round++) {
      String name = redis.unique("throws");
      Lease lease = lock(name, LEASE).tryAcquire().orElseThrow();
      // It ends at about the moment of the loss.
      Exception thrown =
          assertThrows(
              Exception.class,
              () ->
                  lease.runWhileHeld(
                      Duration.ofMillis(5),
                      () -> {
                        long start = System.nanoTime();
                        while (System.nanoTime() - start < nanos(4) + 40_000) {
                          Thread.onSpinWait();
                        }
                        throw new IllegalStateException("from the work, as intended");
                      }));
      assertThat(
          thrown instanceof IllegalStateException || thrown instanceof LockLostException, is(true));
      assertThat(Thread.interrupted(), is(false));
      boolean unused = lease.release();
    }
    assertThat(Thread.interrupted(), is(false));
  }

  @Test
  void theReleaseOfALostLeaseReturnsAtOnceThoughRedisHangs() {
    String name = redis.unique("hangs");
    try (FaultProxy proxy = redis.proxy();
        TestRedis hanging = redis.through(proxy)) {
      Lease lease = Locks.lock(hanging, name, Duration.ofSeconds(1)).tryAcquire().orElseThrow();
      proxy.blackHole();
      await().until(() -> !lease.isHeld());
      long start = System.nanoTime();
      assertThat(lease.release(), is(false));
      assertThat(System.nanoTime() - start, is(lessThan(nanos(1_000))));
      proxy.heal();
    }
  }

  @Test
  void whatIsLeftOfAnExtensionThatWasNotAnsweredIsClearedAwayInTheBackground() {
    String name = Locks.prepared(redis, "left");
    try (FaultProxy proxy = redis.proxy();
        TestRedis faulty = redis.through(proxy).retryingFor(Duration.ofMillis(1));
        TestRedis hasty = faulty.with(config -> config.timeoutMillis(300))) {
      Lease lease = Locks.lock(hasty, name, Duration.ofSeconds(1)).tryAcquire().orElseThrow();
      FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, FaultProxy.Then.CUT);
      try {
        boolean extended = lease.extend(LEASE);
        assertThat("a client that sends again", extended, is(true));
      } catch (JedisException e) {
        assertThat(loss.happened(), is(true));
        assertThat(
            Locks.millisLeft(redis, name), is(allOf(greaterThan(20_000L), lessThan(30_001L))));
        await().until(() -> !lease.isHeld());
        assertThat(lease.release(), is(false));
        await().until(() -> !Locks.isHeld(redis, name));
      }
    }
  }

  private RedisLock lock(String name, Duration lease) {
    return Locks.lock(redis, name, lease);
  }

  private static RedisLock.Builder builder(TestRedis redis, String name) {
    return redis.over(
        pool -> RedisLock.builder(pool, name, LEASE),
        client -> RedisLock.builder(client, name, LEASE));
  }

  private static long nanos(long millis) {
    return TimeUnit.MILLISECONDS.toNanos(millis);
  }
}
