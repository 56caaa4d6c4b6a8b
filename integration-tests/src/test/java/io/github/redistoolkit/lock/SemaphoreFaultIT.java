package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
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
class SemaphoreFaultIT extends LockFaultSuite {

  private static final int PERMITS = 2;

  SemaphoreFaultIT(TestRedis redis) {
    super(redis);
  }

  @ParameterizedTest
  @EnumSource
  void anAcquisitionWhoseReplyIsLostTakesOnePermitOrNone(Then then) {
    String name = PermitState.prepared(redis, "acquire");
    RedisSemaphore semaphore = semaphore(faulty, name);
    FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, then);
    try {
      // A client that sends it again by itself gets what was granted to the first.
      Lease lease = semaphore.tryAcquire().orElseThrow();
      assertThat(free(name), is(PERMITS - 1));
      lease.close();
    } catch (JedisException e) {
      assertThat(e.getSuppressed().length, is(0));
    }
    assertThat(loss.happened(), is(true));
    assertThat(free(name), is(PERMITS));
  }

  @Test
  void anAttemptInVainThatIsHeldUpOnItsWayTakesNothingWhenItArrives() throws Exception {
    try (TestRedis hasty = hasty()) {
      for (long maxWait : new long[] {0, 800}) {
        String name = PermitState.prepared(redis, "in-vain");
        RedisSemaphore semaphore = semaphore(hasty, name);
        assertThat(semaphore.availablePermits(), is(PERMITS)); // and a connection is there
        Lease other = semaphore(redis, name).tryAcquire().orElseThrow();
        heldUpInVain(
            semaphore(faulty, name).tryAcquire().orElseThrow(),
            () -> semaphore.tryAcquire(Duration.ofMillis(maxWait)));
        assertThat(free(name), is(PERMITS - 1));
        other.close();
      }
    }
  }

  @Test
  void aReleaseWhoseReplyIsLostFreesOnePermitAndSucceedsAtLast() throws Exception {
    String name = PermitState.prepared(redis, "release");
    Lease lease = semaphore(faulty, name).tryAcquire().orElseThrow();
    lease.keepAlive(LEASE, losses::incrementAndGet);
    Lease other = semaphore(redis, name).tryAcquire().orElseThrow();
    proxy.loseReply("EVALSHA", 1, Then.CUT);
    releaseAtLast(lease);
    assertThat(free(name), is(PERMITS - 1));
    for (int i = 0; i < 20; i++) {
      semaphore(redis, name).tryAcquire().orElseThrow().close();
    }
    assertThat(lease.release(), is(true));
    assertThat(other.extend(LEASE), is(true));
    other.close();
    assertThat(losses.get(), is(0));
    assertThat(free(name), is(PERMITS));
  }

  @Test
  void anExtensionWhoseReplyIsLostLeavesTheEarlierEndOrSetsTheNew() {
    String name = PermitState.prepared(redis, "extend");
    Lease lease = semaphore(faulty, name).tryAcquire().orElseThrow();
    proxy.loseReply("EVALSHA", 1, Then.CUT);
    try {
      assertThat(lease.extend(Duration.ofMinutes(10)), is(true));
    } catch (JedisException e) {
      assertThat(lease.remaining(), is(lessThan(LEASE)));
    }
    PermitState state = PermitState.of(redis, name);
    assertThat(state.last() - state.now(), is(greaterThan(lease.remaining().toNanos() / 1_000)));
    assertThat(lease.isHeld(), is(true));
    lease.close();
  }

  @Test
  void anAttemptThatIsHeldUpOnItsWayTakesNoPermitOnceItWasGivenUpOrReleased() throws Exception {
    String name = PermitState.prepared(redis, "held-up");
    try (TestRedis hasty = faulty.with(config -> config.timeoutMillis(1_000));
        Crew crew = new Crew()) {
      RedisSemaphore semaphore = semaphore(hasty, name);
      assertThat(semaphore.availablePermits(), is(PERMITS)); // and a connection is there
      long sent = proxy.requests("EVALSHA");
      long before = redis.calls("evalsha");
      proxy.latency(Duration.ofSeconds(3)); // half of it each way
      Crew.Started<Boolean> attempt =
          crew.start(
              () -> {
                try {
                  return semaphore.tryAcquire().orElseThrow().release();
                } catch (JedisException e) {
                  return e.getSuppressed().length == 0;
                }
              });
      await().pollInterval(Duration.ofMillis(1)).until(() -> proxy.requests("EVALSHA") > sent);
      proxy.latency(Duration.ZERO);
      assertThat(attempt.get(), is(true));
      // All that was sent has come by then, the late one as well.
      await().until(() -> redis.calls("evalsha") - before >= proxy.requests("EVALSHA") - sent);
      assertThat(free(name), is(PERMITS));
    }
  }

  @Test
  void aGrantThatArrivesAfterItsLeaseIsGivenBack() throws Exception {
    String name = PermitState.prepared(redis, "late");
    Duration lease = Duration.ofMillis(300);
    try (TestRedis patient = faulty.with(config -> config.timeoutMillis(20_000));
        Crew crew = new Crew()) {
      RedisSemaphore semaphore = PermitState.semaphore(patient, name, PERMITS, lease);
      assertThat(semaphore.availablePermits(), is(PERMITS));
      proxy.blackHole(Direction.TO_SERVER);
      long before = proxy.requests("EVALSHA");
      Crew.Started<Optional<Lease>> attempt = crew.start(semaphore::tryAcquire);
      await().until(() -> proxy.requests("EVALSHA") > before);
      await().pollDelay(lease).until(() -> true);
      proxy.heal();
      assertThat(attempt.get(), is(Optional.empty()));
      assertThat(PermitState.of(redis, name).ends().size(), is(0));
    }
  }

  @Test
  void aRenewalWhoseReplyIsLostIsMadeAgainAndARedisThatIsAwayForATimeLosesNoPermit() {
    String name = PermitState.prepared(redis, "renew");
    Lease lease =
        PermitState.semaphore(faulty, name, PERMITS, Duration.ofSeconds(6))
            .tryAcquire()
            .orElseThrow();
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

  @Test
  void withoutRedisEveryCallThrowsAndTheLeaseIsLostInItsTime() {
    String name = PermitState.prepared(redis, "down");
    try (TestRedis hasty = faulty.retryingFor(Duration.ofMillis(500))) {
      RedisSemaphore semaphore = PermitState.semaphore(hasty, name, PERMITS, Duration.ofSeconds(2));
      Lease lease = semaphore.tryAcquire().orElseThrow();
      lease.keepAlive(LEASE, losses::incrementAndGet);
      proxy.refuse();
      assertThrows(JedisException.class, semaphore::tryAcquire);
      assertThrows(JedisException.class, () -> semaphore.acquire(Duration.ofMillis(200)));
      assertThrows(JedisException.class, semaphore::availablePermits);
      await().until(() -> losses.get() == 1);
      assertThat(lease.isHeld(), is(false));
      assertThat(lease.release(), is(false));
      assertThrows(LockLostException.class, lease::close);
    }
    await().until(() -> free(name) == PERMITS);
    assertThat(losses.get(), is(1));
  }

  @Test
  void aWaiterThatIsInterruptedHoldsNothing() throws Exception {
    String name = redis.unique("interrupted");
    Lease one = semaphore(redis, name).tryAcquire().orElseThrow();
    Lease two = semaphore(redis, name).tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Boolean> waiter =
          crew.start(
              () -> {
                assertThrows(
                    InterruptedException.class, () -> semaphore(redis, name).acquire(LEASE));
                return true;
              });
      Primaries.awaitBlocked(redis, 1);
      waiter.thread().interrupt();
      assertThat(waiter.get(), is(true));
    }
    one.close();
    two.close();
    assertThat(free(name), is(PERMITS));
  }

  @Test
  void aReleaseThatWakesNobodyAnyMoreHoldsUpNobodyForLong() throws Exception {
    String name = redis.unique("unheard");
    Requests requests = PermitState.requests(redis, name, 1);
    RedisSemaphore single = PermitState.semaphore(redis, name, 1, LEASE);
    for (int i = 0; i < 3; i++) {
      Lease held = single.acquire(LEASE);
      // Somebody who waits, and has left by the time of the release.
      assertThat(requests.wait("gone", 30_000, 60_000), is(lessThan(0L)));
      held.close();
    }
    assertThat(redis.admin().llen(PermitState.key(name) + ":q"), is(lessThanOrEqualTo(1L)));
    long start = System.nanoTime();
    single.acquire(LEASE).close();
    assertThat(System.nanoTime() - start, is(lessThan(Duration.ofSeconds(5).toNanos())));
  }

  /** As often as it fails: its connection may be one that was cut. */
  private static void releaseAtLast(Lease lease) {
    await()
        .pollDelay(Duration.ZERO)
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(lease::release);
  }

  private int free(String name) {
    return semaphore(redis, name).availablePermits();
  }

  private static RedisSemaphore semaphore(TestRedis redis, String name) {
    return PermitState.semaphore(redis, name, PERMITS, LEASE);
  }
}
