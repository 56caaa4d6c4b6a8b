package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import redis.clients.jedis.exceptions.JedisException;

/** Replies that are lost, requests that come late, connections that break. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class ReadWriteFaultIT extends LockFaultSuite {

  ReadWriteFaultIT(TestRedis redis) {
    super(redis);
  }

  @ParameterizedTest
  @EnumSource
  void anAcquisitionWhoseReplyIsLostTakesOneLeaseOrNone(Then then) {
    for (Side side : Side.values()) {
      String name = ReadWriteState.prepared(redis, "acquire");
      RedisReadWriteLock lock = lock(faulty, name);
      FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, then);
      try {
        // A client that sends it again by itself gets what was granted to the first.
        Lease lease = side.tryAcquire(lock).orElseThrow();
        assertThat(held(name), is(1));
        lease.close();
      } catch (JedisException e) {
        assertThat(e.getSuppressed().length, is(0));
      }
      assertThat(loss.happened(), is(true));
      assertThat(held(name), is(0));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aReleaseWhoseReplyIsLostEndsOneLeaseAndSucceedsAtLast(Side side) throws Exception {
    String name = ReadWriteState.prepared(redis, "release");
    Lease lease = side.tryAcquire(lock(faulty, name)).orElseThrow();
    lease.keepAlive(LEASE, losses::incrementAndGet);
    proxy.loseReply("EVALSHA", 1, Then.CUT);
    releaseAtLast(lease);
    assertThat(held(name), is(0));
    for (int i = 0; i < 20; i++) {
      side.tryAcquire(lock(redis, name)).orElseThrow().close();
    }
    assertThat(lease.release(), is(true));
    assertThat(losses.get(), is(0));
    try (Lease next = lock(redis, name).writeLock().tryAcquire().orElseThrow()) {
      assertThat(lease.release(), is(true));
      assertThat(next.extend(LEASE), is(true));
    }
  }

  @ParameterizedTest
  @EnumSource
  void anExtensionWhoseReplyIsLostLeavesTheEarlierEndOrSetsTheNew(Side side) {
    String name = ReadWriteState.prepared(redis, "extend");
    Lease lease = side.tryAcquire(lock(faulty, name)).orElseThrow();
    proxy.loseReply("EVALSHA", 1, Then.CUT);
    try {
      assertThat(lease.extend(Duration.ofMinutes(10)), is(true));
    } catch (JedisException e) {
      assertThat(lease.remaining(), is(lessThan(LEASE)));
    }
    ReadWriteState state = ReadWriteState.of(redis, name);
    assertThat(state.last() - state.now(), is(greaterThan(lease.remaining().toNanos() / 1_000)));
    assertThat(lease.isHeld(), is(true));
    lease.close();
  }

  @ParameterizedTest
  @EnumSource
  void anAttemptThatIsHeldUpOnItsWayTakesNothingOnceItWasGivenUpOrReleased(Side side)
      throws Exception {
    String name = ReadWriteState.prepared(redis, "held-up");
    try (TestRedis hasty = faulty.with(config -> config.timeoutMillis(1_000));
        Crew crew = new Crew()) {
      RedisReadWriteLock lock = lock(hasty, name);
      assertThat(side.isLocked(lock), is(false)); // and a connection is there
      long sent = proxy.requests("EVALSHA");
      long before = redis.calls("evalsha");
      proxy.latency(Duration.ofSeconds(3)); // half of it each way
      Crew.Started<Boolean> attempt =
          crew.start(
              () -> {
                try {
                  return side.tryAcquire(lock).orElseThrow().release();
                } catch (JedisException e) {
                  return e.getSuppressed().length == 0;
                }
              });
      await().pollInterval(Duration.ofMillis(1)).until(() -> proxy.requests("EVALSHA") > sent);
      proxy.latency(Duration.ZERO);
      assertThat(attempt.get(), is(true));
      // All that was sent has come by then, the late one as well.
      await().until(() -> redis.calls("evalsha") - before >= proxy.requests("EVALSHA") - sent);
      assertThat(held(name), is(0));
    }
  }

  @ParameterizedTest
  @EnumSource
  void anAttemptInVainThatIsHeldUpOnItsWayTakesNothingWhenItArrives(Side side) throws Exception {
    try (TestRedis hasty = hasty()) {
      String name = ReadWriteState.prepared(redis, "in-vain");
      RedisReadWriteLock lock = lock(hasty, name);
      assertThat(side.isLocked(lock), is(false)); // and a connection is there
      Duration maxWait = Duration.ofMillis(side == Side.WRITE ? 800 : 0);
      heldUpInVain(
          lock(faulty, name).writeLock().tryAcquire().orElseThrow(),
          () -> side.tryAcquire(lock, maxWait));
      assertThat(held(name), is(0));
      ReadWriteState state = ReadWriteState.of(redis, name);
      assertThat(state.waitingReaders() + state.waitingWriters(), is(0L));
    }
  }

  @Test
  void aWriterThatWaitsInVainWhoseReplyIsLostKeepsNobodyOut() throws Exception {
    String name = ReadWriteState.prepared(redis, "waiting");
    try (Lease reader = lock(redis, name).readLock().tryAcquire().orElseThrow();
        TestRedis hasty = faulty.retryingFor(Duration.ofMillis(500))) {
      RedisReadWriteLock lock = lock(hasty, name);
      FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, Then.CUT);
      try {
        assertThat(lock.writeLock().tryAcquire(Duration.ofMillis(300)), is(Optional.empty()));
      } catch (JedisException e) {
        assertThat(e.getSuppressed().length, is(0));
      }
      assertThat(loss.happened(), is(true));
      assertThat(ReadWriteState.of(redis, name).writers().size(), is(0));
      lock(redis, name).readLock().tryAcquire().orElseThrow().close();
      assertThat(reader.isHeld(), is(true));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aGrantThatArrivesAfterItsLeaseIsGivenBack(Side side) throws Exception {
    String name = ReadWriteState.prepared(redis, "late");
    Duration lease = Duration.ofMillis(300);
    try (TestRedis patient = faulty.with(config -> config.timeoutMillis(20_000));
        Crew crew = new Crew()) {
      RedisReadWriteLock lock = ReadWriteState.lock(patient, name, lease);
      assertThat(side.isLocked(lock), is(false));
      proxy.blackHole(Direction.TO_SERVER);
      long before = proxy.requests("EVALSHA");
      Crew.Started<Optional<Lease>> attempt = crew.start(() -> side.tryAcquire(lock));
      await().until(() -> proxy.requests("EVALSHA") > before);
      await().pollDelay(lease).until(() -> true);
      proxy.heal();
      assertThat(attempt.get(), is(Optional.empty()));
      assertThat(held(name), is(0));
    }
  }

  @ParameterizedTest
  @EnumSource
  void aRenewalWhoseReplyIsLostIsMadeAgainAndARedisThatIsAwayForATimeLosesNoLease(Side side) {
    String name = ReadWriteState.prepared(redis, "renew");
    Lease lease =
        side.tryAcquire(ReadWriteState.lock(faulty, name, Duration.ofSeconds(6))).orElseThrow();
    lease.keepAlive(LEASE, losses::incrementAndGet);
    FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, Then.CUT);
    await().until(loss::happened);
    await().until(() -> lease.remaining().compareTo(Duration.ofSeconds(5)) > 0);
    proxy.refuse();
    await().pollDelay(Duration.ofSeconds(2)).until(() -> true);
    proxy.accept();
    await().until(() -> lease.remaining().compareTo(Duration.ofSeconds(5)) > 0);
    assertThat(losses.get(), is(0));
    releaseAtLast(lease);
  }

  @ParameterizedTest
  @EnumSource
  void withoutRedisEveryCallThrowsAndTheLeaseIsLostInItsTime(Side side) {
    String name = ReadWriteState.prepared(redis, "down");
    try (TestRedis hasty = faulty.retryingFor(Duration.ofMillis(500))) {
      RedisReadWriteLock lock = ReadWriteState.lock(hasty, name, Duration.ofSeconds(2));
      Lease lease = side.tryAcquire(lock).orElseThrow();
      lease.keepAlive(LEASE, losses::incrementAndGet);
      proxy.refuse();
      assertThrows(JedisException.class, () -> side.tryAcquire(lock));
      assertThrows(JedisException.class, () -> side.acquire(lock, Duration.ofMillis(200)));
      assertThrows(JedisException.class, () -> side.isLocked(lock));
      await().until(() -> losses.get() == 1);
      assertThat(lease.isHeld(), is(false));
      assertThat(lease.release(), is(false));
      assertThrows(LockLostException.class, lease::close);
    }
    await().until(() -> lock(redis, name).writeLock().tryAcquire().isPresent());
    assertThat(losses.get(), is(1));
  }

  @ParameterizedTest
  @EnumSource
  void aWaiterThatIsInterruptedHoldsNothingAndKeepsNobodyOut(Side side) throws Exception {
    String name = redis.unique("interrupted");
    RedisReadWriteLock other = lock(redis, name);
    try (Lease held =
            side == Side.READ
                ? other.writeLock().tryAcquire().orElseThrow()
                : other.readLock().tryAcquire().orElseThrow();
        Crew crew = new Crew()) {
      Crew.Started<Boolean> waiter =
          crew.start(
              () -> {
                assertThrows(
                    InterruptedException.class, () -> side.acquire(lock(redis, name), LEASE));
                return Thread.interrupted();
              });
      Primaries.awaitBlocked(redis, 1);
      waiter.thread().interrupt();
      assertThat("the flag is cleared", waiter.get(), is(false));
      ReadWriteState state = ReadWriteState.of(redis, name);
      assertThat(state.waitingReaders() + state.waitingWriters(), is(0L));
      assertThat(state.ends().size(), is(1));
      assertThat(held.isHeld(), is(true));
    }
    assertThat(held(name), is(0));
  }

  @ParameterizedTest
  @EnumSource
  void aWaiterThatIsInterruptedIsToldSoAlsoIfItCannotSayThatItLeaves(Side side) throws Exception {
    String name = redis.unique("spoilt");
    Lease held = lock(redis, name).writeLock().tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Throwable> waiter =
          crew.start(
              () ->
                  assertThrows(
                      InterruptedException.class, () -> side.acquire(lock(redis, name), LEASE)));
      Primaries.awaitBlocked(redis, 1);
      // It notices when it is blocked no longer, and finds what is no state of a lock.
      waiter.thread().interrupt();
      assertThat(redis.admin().hset(ReadWriteState.key(name), "s", "theirs"), is(0L));
      for (Throwable suppressed : waiter.get().getSuppressed()) {
        assertThat(suppressed, is(instanceOf(LockStateException.class)));
      }
    }
    redis.admin().del(ReadWriteState.key(name));
    assertThat(held.release(), is(false));
  }

  /** As often as it fails: its connection may be one that was cut. */
  private static void releaseAtLast(Lease lease) {
    await()
        .pollDelay(Duration.ZERO)
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(lease::release);
  }

  private int held(String name) {
    ReadWriteState state = ReadWriteState.of(redis, name);
    state.assertSound();
    return state.ends().size();
  }

  private static RedisReadWriteLock lock(TestRedis redis, String name) {
    return ReadWriteState.lock(redis, name, LEASE);
  }
}
