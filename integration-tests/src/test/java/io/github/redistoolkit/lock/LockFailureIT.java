package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.util.Pool;

/** What callers are told when they, the network or Redis are at fault. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class LockFailureIT extends LockFaultSuite {

  private static final Duration YEAR = Duration.ofDays(365);

  LockFailureIT(TestRedis redis) {
    super(redis);
  }

  @Test
  void wrongArgumentsAreRefusedBeforeAnyRequest() {
    long before = redis.calls("evalsha") + redis.calls("eval");
    assertThrows(NullPointerException.class, () -> new RedisLock((Pool<Jedis>) null, "x", LEASE));
    assertThrows(NullPointerException.class, () -> new RedisLock((UnifiedJedis) null, "x", LEASE));
    assertThrows(NullPointerException.class, () -> lock(null, LEASE));
    assertThrows(NullPointerException.class, () -> lock("x", null));
    assertRefused("name must not be empty", () -> lock("", LEASE));
    assertRefused("name has an unpaired surrogate at index 1", () -> lock("a\ud800", LEASE));
    for (Duration wrong :
        List.of(
            Duration.ZERO,
            Duration.ofSeconds(-1),
            Duration.ofNanos(999_999),
            YEAR.plusNanos(1),
            Duration.ofSeconds(Long.MAX_VALUE))) {
      assertRefused("lease must be from 1 ms to PT8760H, but is " + wrong, () -> lock("x", wrong));
    }
    assertThat(redis.calls("evalsha") + redis.calls("eval"), is(before));
    assertThat(lock("x", YEAR).isLocked(), is(false));
    assertThat(lock("x", Duration.ofMillis(1)).isLocked(), is(false));
  }

  @Test
  void wrongArgumentsOfALeaseAreRefusedBeforeAnyRequest() {
    RedisLock lock = lock(redis.unique("arguments"), LEASE);
    assertThrows(NullPointerException.class, () -> lock.acquire(null));
    assertThrows(NullPointerException.class, () -> lock.tryAcquire(null));
    Lease lease = lock.tryAcquire().orElseThrow();
    long before = redis.calls("evalsha");
    assertThrows(NullPointerException.class, () -> lease.extend(null));
    assertThrows(NullPointerException.class, () -> lease.keepAlive(null, () -> {}));
    assertThrows(NullPointerException.class, () -> lease.keepAlive(LEASE, null));
    for (Duration wrong : List.of(Duration.ZERO, Duration.ofMillis(-1), YEAR.plusMillis(1))) {
      assertRefused("leaseFromNow must be from", () -> lease.extend(wrong));
      assertRefused("maxHold must be from", () -> lease.keepAlive(wrong, () -> {}));
    }
    assertThat(redis.calls("evalsha"), is(before));
    lease.close();
  }

  @Test
  void anAttemptInVainThatIsHeldUpOnItsWayTakesNothingWhenItArrives() throws Exception {
    try (TestRedis hasty = hasty()) {
      for (long maxWait : new long[] {0, 800}) {
        String name = prepared("in-vain");
        RedisLock lock = Locks.lock(hasty, name, LEASE);
        assertThat(lock.isLocked(), is(false)); // and a connection is there
        heldUpInVain(
            Locks.lock(faulty, name, LEASE).tryAcquire().orElseThrow(),
            () -> lock.tryAcquire(Duration.ofMillis(maxWait)));
        assertThat(Locks.isHeld(redis, name), is(false));
      }
    }
  }

  @Test
  void aKeyOfAForeignTypeIsReportedAndLeftUntouched() {
    String name = redis.unique("foreign");
    redis.admin().sadd(Locks.key(name), "theirs");
    RedisLock lock = lock(name, LEASE);
    assertThat(
        assertThrows(JedisDataException.class, lock::tryAcquire).getMessage(),
        startsWith("WRONGTYPE"));
    assertThrows(JedisDataException.class, () -> lock.acquire(LEASE));
    assertThat(redis.admin().smembers(Locks.key(name)).contains("theirs"), is(true));
    assertThat(redis.borrowed(), is(0));
  }

  @Test
  void aWakeListOfAForeignTypeIsReportedToWhoeverWaitsAndTheHolderReleasesAllTheSame() {
    String name = redis.unique("foreign");
    redis.admin().sadd(Locks.key(name) + ":q", "theirs");
    RedisLock lock = lock(name, LEASE);
    Lease lease = lock.tryAcquire().orElseThrow();
    assertThrows(JedisDataException.class, () -> lock.acquire(LEASE));
    assertThat(lease.release(), is(true));
    assertThat(redis.admin().smembers(Locks.key(name) + ":q").contains("theirs"), is(true));
    assertThat(redis.borrowed(), is(0));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "theirs",
        " 1",
        "1 ",
        "0x1",
        "9007199254740993",
        "inf",
        "abc 0 - 0 0 0",
        "inf 0 - 0 0 0",
        "nan 0 - 0 0 0",
        "-1 0 - 0 0 0",
        "9007199254740993 0 - 0 0 0",
        "9000000000000000000 0 - 0 0 0",
        "9e18 0 - 0 0 0",
        "1 9000000000000000000 owner 0 0 0",
        "1 5000000000000000 owner 0 0 0",
        "1 0",
        "1 0 - 0 0",
      })
  void whatCannotBeTheStateOfALockIsReportedAtOnceAndLeftUntouched(String stored) {
    String name = redis.unique("state");
    RedisLock lock = lock(name, LEASE);
    redis.admin().set(Locks.key(name), stored);
    LockStateException e = assertThrows(LockStateException.class, lock::tryAcquire);
    assertThat(e.getMessage(), containsString(Locks.key(name)));
    long start = System.nanoTime();
    assertThrows(LockStateException.class, () -> lock.acquire(LEASE));
    assertThat(System.nanoTime() - start, is(lessThan(LEASE.toNanos())));
    assertThat(redis.admin().get(Locks.key(name)), is(stored));
    redis.admin().del(Locks.key(name));
    lock.tryAcquire().orElseThrow().close();
  }

  @Test
  void aStateThatIsWrittenOverWhileItIsHeldIsReportedToTheHolder() {
    String name = redis.unique("state");
    Lease lease = lock(name, LEASE).tryAcquire().orElseThrow();
    redis.admin().set(Locks.key(name), "theirs");
    assertThrows(LockStateException.class, () -> lease.extend(LEASE));
    assertThrows(LockStateException.class, lease::release);
    assertThat(redis.admin().get(Locks.key(name)), is("theirs"));
  }

  @Test
  void aPromiseThatLiesAheadAfterTheClockWasSetBackRefusesNobody() throws Exception {
    String name = redis.unique("clock");
    long ahead = Locks.state(redis, name).now() + 60_000_000;
    Locks.put(redis, name, "5 0 - 0 " + ahead + " " + ahead);
    lock(name, LEASE).acquire(LEASE).close();
  }

  @Test
  void namesCannotForgeALineOfTheLog() {
    String name = redis.unique("forged") + "\n\u001b[31mWARN all is lost\u202e";
    Lease lease = lock(name, LEASE).tryAcquire().orElseThrow();
    LockTimeoutException e =
        assertThrows(
            LockTimeoutException.class, () -> lock(name, LEASE).acquire(Duration.ofMillis(20)));
    for (String text : List.of(String.valueOf(e.getMessage()), lease.toString())) {
      assertThat(text, containsString("\\u000A\\u001B[31mWARN all is lost\\u202E"));
      assertThat(text.chars().noneMatch(Character::isISOControl), is(true));
    }
    assertThat(lease.name(), is(name));
    lease.close();
  }

  @Test
  void aGrantThatArrivesAfterItsLeaseIsGivenBack() throws Exception {
    String name = prepared("late");
    long before = proxy.requests("EVALSHA");
    assertThat(whenTheFirstGrantIsLate(name, RedisLock::tryAcquire), is(Optional.empty()));
    assertThat("with a look and a release", proxy.requests("EVALSHA") - before, is(3L));
    assertThat(Locks.isHeld(redis, name), is(false));
  }

  @Test
  void aWaiterGoesOnAfterAGrantThatCameTooLate() throws Exception {
    String name = prepared("late");
    long before = proxy.requests("EVALSHA");
    long sent =
        whenTheFirstGrantIsLate(
            name,
            lock -> {
              Lease lease = lock.acquire(LEASE);
              long requests = proxy.requests("EVALSHA") - before;
              boolean unused = lease.release(); // it may be over on a busy machine
              return requests;
            });
    // A look; of the late one the request and the release; and at least one further request.
    assertThat(sent, is(greaterThanOrEqualTo(4L)));
  }

  private interface Acquiring<T> {
    T with(RedisLock lock) throws InterruptedException;
  }

  /** Lets the first request of a lock with a short lease reach Redis when that would be over. */
  private <T> T whenTheFirstGrantIsLate(String name, Acquiring<T> acquiring) throws Exception {
    Duration lease = Duration.ofMillis(300);
    try (TestRedis patient = faulty.with(config -> config.timeoutMillis(20_000));
        Crew crew = new Crew()) {
      RedisLock lock = Locks.lock(patient, name, lease);
      assertThat(lock.isLocked(), is(false)); // and a connection is there
      proxy.blackHole(Direction.TO_SERVER);
      long before = proxy.requests("EVALSHA");
      Crew.Started<T> attempt = crew.start(() -> acquiring.with(lock));
      await().until(() -> proxy.requests("EVALSHA") > before);
      await().pollDelay(lease).until(() -> true);
      proxy.heal();
      return attempt.get();
    }
  }

  @Test
  void aWaiterWhoseConnectionsAreKilledGoesOn() throws Exception {
    String name = redis.unique("killed");
    Lease held = lock(name, LEASE).tryAcquire().orElseThrow();
    assertWaiterOutlasts(
        3,
        Primaries::killBlocked,
        Primaries::killed,
        name,
        () -> redis.admin().del(Locks.key(name)));
    assertThat(held.isHeld(), is(true));
  }

  @Test
  void aWaiterThatIsUnblockedWithAnErrorGoesOn() throws Exception {
    String name = redis.unique("unblocked");
    Lease held = lock(name, LEASE).tryAcquire().orElseThrow();
    assertWaiterOutlasts(1, Primaries::unblockWithError, Primaries::unblocked, name, held::close);
  }

  /** Disturbs a waiter so many times, and then frees the lock. */
  private void assertWaiterOutlasts(
      int times,
      Consumer<Primaries> disturbance,
      ToLongFunction<Primaries> disturbed,
      String name,
      Runnable free)
      throws Exception {
    try (Primaries primaries = Primaries.of(redis);
        Crew crew = new Crew()) {
      RedisLock lock = lock(name, LEASE);
      Crew.Started<Lease> waiter = crew.start(() -> lock.acquire(LEASE));
      // What was seen blocked may not be so any more when it is to be disturbed.
      for (int i = 0; i < 20 * times && disturbed.applyAsLong(primaries) < times; i++) {
        primaries.awaitBlocked(1);
        disturbance.accept(primaries);
      }
      assertThat("disturbed", disturbed.applyAsLong(primaries), is((long) times));
      primaries.awaitBlocked(1);
      free.run();
      waiter.get().close();
    }
  }

  private static void assertRefused(String message, Supplier<?> call) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call::get);
    assertThat(e.getMessage(), startsWith(message));
  }

  private RedisLock lock(String name, Duration lease) {
    return Locks.lock(redis, name, lease);
  }
}
