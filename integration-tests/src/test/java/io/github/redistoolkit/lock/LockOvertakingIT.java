package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.lock.LockCommands.Claim;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** Requests that arrive late, or twice, change nothing that a later one has settled. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class LockOvertakingIT {

  private static final Duration LEASE = Duration.ofSeconds(30);

  private final TestRedis redis;

  LockOvertakingIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  @Proves("lock.nothing-overtakes")
  void anAttemptThatIsHeldUpOnItsWayIsNotGrantedOnceItWasGivenUpOrReleased() throws Exception {
    String name = Locks.prepared(redis, "held-up");
    try (FaultProxy proxy = redis.proxy();
        TestRedis faulty = redis.through(proxy);
        TestRedis hasty = faulty.with(config -> config.timeoutMillis(300));
        Crew crew = new Crew()) {
      RedisLock lock = Locks.lock(hasty, name, LEASE);
      assertThat(lock.isLocked(), is(false)); // and a connection is there
      long sent = proxy.requests("EVALSHA");
      long before = redis.calls("evalsha");
      proxy.latency(Duration.ofSeconds(3)); // half of it each way
      Crew.Started<Boolean> attempt = crew.start(() -> isGivenUpOrReleased(lock));
      Awaitility.await()
          .pollInterval(Duration.ofMillis(1))
          .until(() -> proxy.requests("EVALSHA") > sent);
      proxy.latency(Duration.ZERO);
      assertThat(attempt.get(), is(true));
      // All that was sent has come by then, the late one as well.
      Awaitility.await()
          .until(() -> redis.calls("evalsha") - before >= proxy.requests("EVALSHA") - sent);
      assertThat(Locks.isHeld(redis, name), is(false));
      Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow().close();
    }
  }

  /** One that gives it up throws; one that sends it again by itself gets the lock. */
  private static boolean isGivenUpOrReleased(RedisLock lock) {
    try {
      return lock.tryAcquire().orElseThrow().release();
    } catch (JedisException e) {
      return e.getSuppressed().length == 0;
    }
  }

  @Test
  void whoeverWasGivenUpIsRefusedAlsoIfItNeverHeldTheLock() {
    String name = redis.unique("withdrawn");
    Requests requests = new Requests(redis, name);
    assertThat(requests.commands().withdraw("given-up"), is(false));
    assertThat(requests.acquire("given-up", 30_000), is(-1L));
    assertThat(Locks.isHeld(redis, name), is(false));
    // Whatever has happened since, and also for one who waited while another held it.
    for (int i = 0; i < 50; i++) {
      Lease lease = Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow();
      assertThat(requests.commands().withdraw("waiter-" + (char) ('A' + i % 20) + i), is(false));
      assertThat(lease.release(), is(true));
    }
    assertThat(requests.acquire("given-up", 30_000), is(-1L));
    assertThat(requests.acquire("waiter-A0", 30_000), is(-1L));
  }

  @Test
  void whatIsRememberedIsForgottenAfterItsTime() {
    String name = redis.unique("memory");
    Requests requests = new Requests(redis, name);
    assertThat(requests.commands().withdraw("given-up"), is(false));
    StoredState state = Locks.state(redis, name);
    assertThat(state.marks().size(), is(1));
    long until = Long.parseLong(state.marks().get(0).replaceAll(".*:", ""));
    assertThat(until - state.now() / 1_000, is(lessThanOrEqualTo(LockCommands.MEMORY_MILLIS)));
    // As if the time had passed.
    long past = state.now() / 1_000 - 1;
    Locks.put(redis, name, state.token() + " 0 - 0 0 0 tgiven-up:" + past + " tsecond-o:" + past);
    Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow().close();
    assertThat(Locks.state(redis, name).marks(), is(List.of()));
  }

  @Test
  void aTokenThatIsAheadOfTheClockKeepsNoMarkFromBeingForgotten() {
    String name = redis.unique("ahead");
    long now = Locks.state(redis, name).now();
    long token = now + 3_600_000_000L;
    long past = now / 1_000 - 1;
    String ahead = "a:" + (token / 1_000 + 1);
    Locks.put(redis, name, token + " 0 - 0 0 0 " + ahead + " tgiven-up:" + past);
    try (Lease lease = Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow()) {
      assertThat(lease.token(), is(token + 1));
    }
    assertThat(Locks.state(redis, name).marks(), is(List.of(ahead)));
    // Once the clock is there.
    Locks.put(redis, name, now - 1 + " 0 - 0 0 0 a:" + past);
    Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow().close();
    assertThat(Locks.state(redis, name).marks(), is(List.of()));
  }

  @Test
  void aReleaseThatWasSentOnceAndAnsweredTellsWhetherItHeldTheLock() {
    String name = redis.unique("once");
    Requests requests = new Requests(redis, name);
    long token = requests.acquire("first", 30_000);
    assertThat(requests.release("first", token), is(true));
    assertThat(requests.release("first", token), is(false));
    Lease held = Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow();
    assertThat(requests.release("first", token), is(false));
    assertThat(held.extend(LEASE), is(true));
    held.close();
  }

  @Test
  void anOwnerOfWhomARequestMayBeUnderWayIsRefusedAfterItsRelease() {
    String name = redis.unique("suspect");
    Requests requests = new Requests(redis, name);
    long token = requests.acquire("suspect", 30_000);
    assertThat(requests.commands().release(new Claim("suspect", token, false, true), 0), is(true));
    assertThat(requests.acquire("suspect", 30_000), is(-1L));
    assertThat(Locks.isHeld(redis, name), is(false));
  }

  @Test
  void theUsualReleaseLeavesNoMark() throws Exception {
    String name = redis.unique("usual");
    RedisLock lock = Locks.lock(redis, name, LEASE);
    Lease held = lock.tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> waiter = crew.start(() -> lock.acquire(LEASE));
      Primaries.awaitBlocked(redis, 1);
      held.close();
      waiter.get().close();
    }
    assertThat(Locks.state(redis, name).marks(), is(List.of()));
  }
}
