package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** The locks of several names at once: all, or none, and nobody waits in a ring. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class SeveralLocksIT extends LockFaultSuite {

  private static final int TURNS = Matrix.size(15, 200);
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** Of which a third is over soon, and the rest not, however slow the machine is. */
  private static final Duration SLOW = Duration.ofSeconds(6);

  SeveralLocksIT(TestRedis redis) {
    super(redis);
  }

  @Test
  @Proves("several-locks.all-or-none")
  void allAreHadOrNone() throws Exception {
    List<String> names = names("c", "a", "b");
    RedisLocks locks = locks(redis);
    Lease other = locks.lock(names.get(2), LEASE).tryAcquire().orElseThrow();
    assertThat(locks.tryAcquireAll(names, LEASE).isPresent(), is(false));
    assertThat(locks.tryAcquireAll(names, LEASE, Duration.ofMillis(100)).isPresent(), is(false));
    LockTimeoutException e =
        assertThrows(
            LockTimeoutException.class,
            () -> locks.acquireAll(names, LEASE, Duration.ofMillis(20)));
    assertThat(e.getMessage(), is("3 locks were not free together within PT0.02S"));
    assertThat(held(names), is(Set.of(names.get(2))));
    other.close();
    try (Leases all = locks.acquireAll(names, LEASE, PATIENCE)) {
      assertThat(held(names), is(new HashSet<>(names)));
      assertThat(all.isHeld(), is(true));
      assertThat(all.remaining(), is(greaterThan(LEASE.dividedBy(2))));
      List<String> inOrder = new ArrayList<>(names);
      Collections.sort(inOrder);
      assertThat(new ArrayList<>(all.names()), is(inOrder));
      long token = Locks.state(redis, names.get(0)).token();
      assertThat(all.lease(names.get(0)).token(), is(token));
      assertThat(all.extend(LEASE.multipliedBy(2)), is(true));
      assertThat(all.remaining(), is(greaterThan(LEASE)));
      assertThrows(IllegalArgumentException.class, () -> all.lease("another"));
    }
    assertThat(held(names), is(Set.of()));
  }

  @Test
  void aNameThatComesTwiceCountsOnceAndWrongArgumentsAreRefusedBeforeAnyRequest() throws Exception {
    RedisLocks locks = locks(redis);
    String name = redis.unique("twice");
    try (Leases all = locks.acquireAll(List.of(name, name), LEASE, PATIENCE)) {
      assertThat(all.names(), is(Set.of(name)));
    }
    long before = redis.calls("evalsha");
    assertRefused("the number of names must be from 1 to 100, but is 0", List.of());
    List<String> many = new ArrayList<>();
    for (int i = 0; i < 101; i++) {
      many.add("name-" + i);
    }
    assertRefused("the number of names must be from 1 to 100, but is 101", many);
    assertRefused("name must not be empty", List.of("a", ""));
    assertThrows(NullPointerException.class, () -> locks.acquireAll(null, LEASE, PATIENCE));
    assertThrows(NullPointerException.class, () -> locks.acquireAll(List.of(name), null, PATIENCE));
    assertThrows(NullPointerException.class, () -> locks.acquireAll(List.of(name), LEASE, null));
    assertThrows(
        NullPointerException.class,
        () -> locks.acquireAll(Collections.singletonList(null), LEASE, PATIENCE));
    assertThat(redis.calls("evalsha"), is(before));
  }

  private void assertRefused(String message, Collection<String> names) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> locks(redis).acquireAll(names, LEASE, PATIENCE));
    assertThat(e.getMessage(), is(message));
  }

  @Test
  void allTogetherAreOneRoundTripForEachNameAndOneForEachRelease() throws Exception {
    List<String> names = names("a", "b", "c", "d");
    RedisLocks locks = locks(redis);
    locks.acquireAll(names, LEASE, PATIENCE).close();
    long before = redis.calls("evalsha");
    locks.acquireAll(names, LEASE, PATIENCE).close();
    assertThat(redis.calls("evalsha") - before, is(8L));
  }

  @Test
  @Proves("several-locks.any-order")
  void callersThatNameTheSameInAnyOrderAllHaveTheirTurnsAndNoTwoAtATime() throws Exception {
    List<String> names = names("a", "b", "c", "d", "e");
    History history = new History();
    try (Crew crew = new Crew()) {
      for (int caller = 0; caller < 6; caller++) {
        RedisLocks locks = locks(redis);
        Random random = new Random(caller);
        crew.start(
            () -> {
              for (int turn = 0; turn < TURNS; turn++) {
                List<String> some = new ArrayList<>(names);
                Collections.shuffle(some, random);
                takeTurn(locks, some.subList(0, 2 + random.nextInt(3)), history);
              }
              return null;
            });
      }
      crew.join();
    }
    assertThat(history.overlaps("held"), is(List.of()));
    assertThat(history.events("held").size(), is(greaterThanOrEqualTo(6 * TURNS * 2)));
    assertThat(held(names), is(Set.of()));
  }

  private static void takeTurn(RedisLocks locks, List<String> names, History history)
      throws InterruptedException {
    try (Leases all = locks.acquireAll(names, LEASE, PATIENCE)) {
      long from = System.nanoTime();
      LockSupport.parkNanos(200_000);
      long to = System.nanoTime();
      assertThat(all.isHeld(), is(true));
      names.forEach(name -> history.add("held", name, "", from, to));
    }
  }

  @Test
  void theSameInTheOrderThatEachCallerNamesWouldBeADeadlock() throws Exception {
    List<String> names = names("a", "b");
    CyclicBarrier together = new CyclicBarrier(2);
    try (Crew crew = new Crew()) {
      List<Crew.Started<Boolean>> callers = new ArrayList<>();
      for (int caller = 0; caller < 2; caller++) {
        String first = names.get(caller);
        String second = names.get(1 - caller);
        callers.add(
            crew.start(
                () -> {
                  try (Lease had = Locks.lock(redis, first, LEASE).tryAcquire().orElseThrow()) {
                    together.await();
                    Optional<Lease> other =
                        Locks.lock(redis, second, LEASE).tryAcquire(Duration.ofMillis(300));
                    together.await();
                    other.ifPresent(Lease::close);
                    return other.isPresent() && had.isHeld();
                  }
                }));
      }
      assertThat(callers.get(0).get(), is(false));
      assertThat(callers.get(1).get(), is(false));
    }
  }

  @Test
  void thoseThatAreHadAreKeptWhileTheLastIsWaitedForBeyondTheLease() throws Exception {
    List<String> names = names("a", "b", "c");
    Duration lease = Duration.ofSeconds(3);
    Lease last = Locks.lock(redis, names.get(2), LEASE).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Leases> waiter =
          crew.start(() -> locks(redis).acquireAll(names, lease, PATIENCE));
      await().until(() -> held(names).size() == 3);
      long token = Locks.state(redis, names.get(0)).token();
      await().pollDelay(lease.plusMillis(500)).until(() -> true);
      last.close();
      try (Leases all = waiter.get()) {
        assertThat(all.lease(names.get(0)).token(), is(token));
        assertThat(all.remaining(), is(greaterThan(Duration.ZERO)));
        assertThat(all.extend(LEASE), is(true));
      }
    }
    assertThat(held(names), is(Set.of()));
  }

  @Test
  void ifOneIsLostWhileTheLastIsWaitedForItBeginsAgain() throws Exception {
    List<String> names = names("a", "b");
    Lease last = Locks.lock(redis, names.get(1), LEASE).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Leases> waiter =
          crew.start(() -> locks(redis).acquireAll(names, Duration.ofSeconds(3), PATIENCE));
      await().until(() -> held(names).size() == 2);
      long token = Locks.state(redis, names.get(0)).token();
      redis.admin().del(Locks.key(names.get(0)));
      await().until(() -> Locks.state(redis, names.get(0)).token() > token);
      last.close();
      try (Leases all = waiter.get()) {
        assertThat(all.lease(names.get(0)).token(), is(greaterThan(token)));
        assertThat(all.isHeld(), is(true));
      }
    }
  }

  @Test
  void aRedisThatIsAwayForAWhileDoesNotEndTheWait() throws Exception {
    List<String> names = names("a", "b");
    Lease last = Locks.lock(redis, names.get(1), LEASE).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Leases> waiter =
          crew.start(() -> locks(faulty).acquireAll(names, Duration.ofSeconds(3), PATIENCE));
      await().until(() -> held(names).size() == 2);
      proxy.refuse();
      // For longer than a part of the wait, and than the lease.
      await().pollDelay(Duration.ofSeconds(4)).until(() -> !waiter.result().isDone());
      proxy.accept();
      last.close();
      Leases all = waiter.get();
      assertThat(all.isHeld(), is(true));
      await()
          .pollDelay(Duration.ZERO)
          .ignoreExceptionsInstanceOf(JedisException.class)
          .until(all::release);
    }
    assertThat(held(names), is(Set.of()));
  }

  @Test
  @Proves("several-locks.all-or-none")
  void whicheverReplyIsLostAllAreHadOrNone() throws Exception {
    List<String> names = List.of(prepared("a"), prepared("b"), prepared("c"));
    for (int request = 1; request <= 3; request++) {
      for (Then then : Then.values()) {
        var loss = proxy.loseReply("EVALSHA", request, then);
        try (Leases all = locks(faulty).acquireAll(names, LEASE, Duration.ZERO)) {
          // By a client that sends again.
          assertThat(held(names), is(new HashSet<>(names)));
          assertThat(all.isHeld(), is(true));
        } catch (JedisException e) {
          assertThat(e.getSuppressed().length, is(0));
        }
        assertThat(loss.happened(), is(true));
        assertThat(held(names), is(Set.of()));
      }
    }
  }

  @Test
  void ifOneReleaseFailsTheOthersAreReleasedAndItMayBeTriedAgain() throws Exception {
    List<String> names = List.of(prepared("a"), prepared("b"), prepared("c"));
    Leases all = locks(faulty).acquireAll(names, LEASE, PATIENCE);
    var loss = proxy.loseReply("EVALSHA", 2, Then.CUT);
    try {
      assertThat(all.release(), is(true));
    } catch (JedisException e) {
      assertThat(all.isHeld(), is(false));
    }
    assertThat(loss.happened(), is(true));
    assertThat(held(names), is(Set.of()));
    assertThat(all.release(), is(true));
    all.close();
  }

  @Test
  void aWaiterThatIsInterruptedHoldsNothing() throws Exception {
    List<String> names = names("a", "b");
    Lease last = Locks.lock(redis, names.get(1), LEASE).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Boolean> waiter =
          crew.start(
              () -> {
                assertThrows(
                    InterruptedException.class,
                    () -> locks(redis).acquireAll(names, LEASE, PATIENCE));
                return true;
              });
      Primaries.awaitBlocked(redis, 1);
      waiter.thread().interrupt();
      assertThat(waiter.get(), is(true));
    }
    assertThat(held(names), is(Set.of(names.get(1))));
    last.close();
  }

  @Test
  void theLossOfOneIsToldOnceAndTheOthersStayUntilTheyAreReleased() throws Exception {
    List<String> names = names("a", "b", "c");
    Leases all = locks(redis).acquireAll(names, Duration.ofSeconds(3), PATIENCE);
    all.keepAlive(PATIENCE, losses::incrementAndGet);
    assertThrows(IllegalStateException.class, () -> all.keepAlive(PATIENCE, () -> {}));
    await().pollDelay(Duration.ofMillis(3_500)).until(() -> true);
    assertThat(all.isHeld(), is(true));
    redis.admin().del(Locks.key(names.get(0)));
    redis.admin().del(Locks.key(names.get(2)));
    await().until(() -> losses.get() == 1);
    assertThat(all.isHeld(), is(false));
    assertThat(all.remaining(), is(Duration.ZERO));
    assertThat(all.extend(LEASE), is(false));
    assertThat(held(names), is(Set.of(names.get(1))));
    assertThat(all.release(), is(false));
    assertThrows(LockLostException.class, all::close);
    assertThat(held(names), is(Set.of()));
    assertThat(losses.get(), is(1));
  }

  @Test
  void ifOneCannotBeKeptAliveNoneIs() throws Exception {
    List<String> names = names("a", "b");
    try (Leases all = locks(redis).acquireAll(names, LEASE, PATIENCE)) {
      all.lease(names.get(1)).keepAlive(PATIENCE, () -> {});
      assertThrows(IllegalStateException.class, () -> all.keepAlive(PATIENCE, () -> {}));
      all.lease(names.get(0)).keepAlive(PATIENCE, () -> {});
    }
    try (Leases all = locks(redis).acquireAll(names, LEASE, PATIENCE)) {
      all.lease(names.get(1)).close();
      assertThrows(IllegalStateException.class, () -> all.keepAlive(PATIENCE, () -> {}));
      all.lease(names.get(0)).keepAlive(PATIENCE, () -> {});
    }
  }

  @Test
  void anInterruptedThreadTriesForAllAndStaysInterrupted() {
    List<String> names = names("a", "b");
    try (TestRedis small = redis.withMaxTotal(1)) {
      RedisLocks locks = locks(small);
      Lease other = locks.lock(names.get(1), LEASE).tryAcquire().orElseThrow();
      Thread.currentThread().interrupt();
      assertThat(locks.tryAcquireAll(names, LEASE).isPresent(), is(false));
      assertThat(other.release(), is(true));
      Leases all = locks.tryAcquireAll(names, LEASE).orElseThrow();
      assertThat(all.release(), is(true));
      assertThrows(
          InterruptedException.class, () -> locks.tryAcquireAll(names, LEASE, Duration.ZERO));
      assertThat(Thread.interrupted(), is(false));
    }
    assertThat(held(names), is(Set.of()));
  }

  @Test
  void withoutRedisItThrowsAndAWaitEndsInItsTime() {
    List<String> names = names("a", "b");
    try (TestRedis hasty = faulty.retryingFor(Duration.ofMillis(500))) {
      RedisLocks locks = locks(hasty);
      proxy.refuse();
      assertThrows(JedisException.class, () -> locks.tryAcquireAll(names, LEASE));
      long start = System.nanoTime();
      assertThrows(
          JedisException.class, () -> locks.acquireAll(names, LEASE, Duration.ofMillis(200)));
      assertThat(System.nanoTime() - start, is(lessThan(Duration.ofSeconds(20).toNanos())));
    }
  }

  @Test
  void theListenerIsToldOfEachName() throws Exception {
    List<String> names = names("a", "b");
    List<String> told = Collections.synchronizedList(new ArrayList<>());
    RedisLocks locks = locks(new Told(told, name -> {}));
    Lease last = Locks.lock(redis, names.get(1), LEASE).tryAcquire().orElseThrow();
    // In several waits, of which it hears once.
    assertThat(
        locks.tryAcquireAll(names, Duration.ofSeconds(3), Duration.ofMillis(2_500)).isPresent(),
        is(false));
    last.close();
    assertThat(
        told,
        contains(
            "acquired " + names.get(0), "refused " + names.get(1), "released " + names.get(0)));
  }

  @Test
  void theListenerIsToldAtWhichNameItFailed() throws Exception {
    List<String> names = names("a", "b", "c");
    List<String> told = Collections.synchronizedList(new ArrayList<>());
    redis.admin().set(Locks.key(names.get(1)), "no state of a lock");
    assertThrows(
        LockStateException.class,
        () -> locks(new Told(told, name -> {})).acquireAll(names, LEASE, PATIENCE));
    assertThat(
        told,
        contains("acquired " + names.get(0), "failed " + names.get(1), "released " + names.get(0)));
  }

  @Test
  void ifThoseBeforeCannotBeExtendedTheOneHadLastIsReleasedToo() throws Exception {
    List<String> names = names("a", "b");
    List<String> told = Collections.synchronizedList(new ArrayList<>());
    Told listener =
        new Told(
            told,
            name -> {
              if (name.equals(names.get(1))) {
                Locks.put(redis, names.get(0), "theirs");
                sleep(SLOW.dividedBy(3).plusMillis(100));
              }
            });
    assertThrows(LockStateException.class, () -> locks(listener).acquireAll(names, SLOW, PATIENCE));
    assertThat(
        told,
        contains(
            "acquired " + names.get(0), "acquired " + names.get(1), "released " + names.get(1)));
    redis.admin().del(Locks.key(names.get(0)));
    assertThat(held(names), is(Set.of()));
  }

  @Test
  void theListenerIsToldThatOneWasHadBeforeItIsToldThatItIsReleasedAsAnotherWasLost()
      throws Exception {
    List<String> names = names("a", "b");
    List<String> told = Collections.synchronizedList(new ArrayList<>());
    AtomicInteger passes = new AtomicInteger();
    Told listener =
        new Told(
            told,
            name -> {
              if (name.equals(names.get(1)) && passes.incrementAndGet() == 1) {
                redis.admin().del(Locks.key(names.get(0)));
                sleep(SLOW.dividedBy(3).plusMillis(100));
              }
            });
    locks(listener).acquireAll(names, SLOW, PATIENCE).close();
    assertThat(
        told,
        contains(
            "acquired " + names.get(0),
            "acquired " + names.get(1),
            "released " + names.get(1),
            "acquired " + names.get(0),
            "acquired " + names.get(1),
            "released " + names.get(1),
            "released " + names.get(0)));
  }

  @Test
  void itPausesBeforeItBeginsAgainAfterOneWasLost() throws Exception {
    List<String> names = names("a", "b");
    Duration lease = Duration.ofMillis(300);
    AtomicInteger losses = new AtomicInteger();
    AtomicLong lostAt = new AtomicLong();
    List<Duration> pauses = new ArrayList<>();
    Told listener =
        new Told(
            new ArrayList<>(),
            name -> {
              if (name.equals(names.get(0)) && pauses.size() < losses.get()) {
                pauses.add(Duration.ofNanos(System.nanoTime() - lostAt.get()));
              } else if (name.equals(names.get(1)) && losses.get() < 3) {
                sleep(lease.plusMillis(20));
                losses.incrementAndGet();
                lostAt.set(System.nanoTime());
              }
            });
    boolean unused = locks(listener).acquireAll(names, lease, PATIENCE).release();
    assertThat(pauses.size(), is(3));
    // However slow the machine is.
    assertThat(Collections.min(pauses), is(greaterThanOrEqualTo(Duration.ofMillis(10))));
  }

  /** Writes down what it is told, and does something when a lock was acquired. */
  private record Told(List<String> told, Consumer<String> whenAcquired) implements LockListener {
    @Override
    public void onAcquired(String name, Duration waited) {
      told.add("acquired " + name);
      whenAcquired.accept(name);
    }

    @Override
    public void onRefused(String name, Duration waited) {
      told.add("refused " + name);
    }

    @Override
    public void onFailed(String name, Duration waited, Throwable failure) {
      told.add("failed " + name);
    }

    @Override
    public void onReleased(String name, Duration heldFor) {
      told.add("released " + name);
    }
  }

  private static void sleep(Duration time) {
    try {
      Thread.sleep(time.toMillis());
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private RedisLocks locks(LockListener listener) {
    return redis.over(RedisLocks::builder, RedisLocks::builder).listener(listener).build();
  }

  /** Names whose order is that of these texts. */
  private List<String> names(String... texts) {
    String prefix = redis.unique("all-");
    return Stream.of(texts).map(text -> prefix + text).toList();
  }

  /** Those of the names that anybody holds. */
  private Set<String> held(List<String> names) {
    Set<String> held = new HashSet<>(names);
    held.removeIf(name -> !Locks.isHeld(redis, name));
    return held;
  }

  private static RedisLocks locks(TestRedis redis) {
    return redis.over(RedisLocks::over, RedisLocks::over);
  }
}
