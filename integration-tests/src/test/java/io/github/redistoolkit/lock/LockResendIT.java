package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Replies that are lost, for a client that then sends the request again and does not say so, as
 * that of a Cluster does.
 */
@EachClient(topologies = Topology.CLUSTER)
class LockResendIT extends LockFaultSuite {

  LockResendIT(TestRedis redis) {
    super(redis);
  }

  @Test
  void anAcquisitionThatIsSentAgainIsGrantedOnce() {
    String name = prepared("acquire");
    RedisLock lock = Locks.lock(faulty, name, LEASE);
    for (Then then : Then.values()) {
      FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, then);
      long sent = proxy.requests("EVALSHA");
      try (Lease lease = lock.tryAcquire().orElseThrow()) {
        assertThat(loss.happened(), is(true));
        assertThat(proxy.requests("EVALSHA") - sent, is(2L));
        String token = String.valueOf(Locks.state(redis, name).token());
        assertThat(token, is(String.valueOf(lease.token())));
        // Counted from before the first request, so that what it believes is true.
        long inRedis = Locks.millisLeft(redis, name);
        assertThat(lease.remaining().toMillis(), is(lessThan(inRedis)));
      }
      assertThat(Locks.isHeld(redis, name), is(false));
    }
  }

  @Test
  @Proves("lock.nothing-overtakes")
  void aReleaseThatIsSentAgainIsNoLossThoughOthersHaveComeAndGone() throws Exception {
    String name = prepared("release");
    Lease lease = Locks.lock(faulty, name, LEASE).tryAcquire().orElseThrow();
    lease.keepAlive(LEASE, losses::incrementAndGet);
    FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, Then.SILENCE);
    try (Crew crew = new Crew()) {
      Crew.Started<Boolean> release = crew.start(lease::release);
      loss.await();
      for (int i = 0; i < 200; i++) {
        Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow().close();
      }
      try (Lease successor = Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow()) {
        assertThat(release.get(), is(true));
        assertThat(successor.extend(LEASE), is(true));
      }
    }
    assertThat(losses.get(), is(0));
  }

  @Test
  void anExtensionThatIsSentAgainSetsTheSameEnd() {
    String name = prepared("extend");
    try (Lease lease = Locks.lock(faulty, name, LEASE).tryAcquire().orElseThrow()) {
      for (int minutes : List.of(10, 5)) {
        FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, Then.CUT);
        assertThat(lease.extend(Duration.ofMinutes(minutes)), is(true));
        assertThat(loss.happened(), is(true));
        assertThat(lease.remaining(), is(greaterThan(Duration.ofMinutes(minutes - 1))));
        long inRedis = Locks.millisLeft(redis, name);
        assertThat(lease.remaining().toMillis(), is(lessThan(inRedis)));
      }
    }
  }

  @Test
  void aRenewalThatIsSentAgainKeepsTheLease() {
    String name = prepared("renew");
    Lease lease = Locks.lock(faulty, name, Duration.ofSeconds(12)).tryAcquire().orElseThrow();
    lease.keepAlive(LEASE, losses::incrementAndGet);
    // The first renewal is due when a third of the lease is over, or of what is left of it.
    assertThat(lease.extend(Duration.ofSeconds(4)), is(true));
    FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, Then.CUT);
    await().until(loss::happened);
    await().until(() -> lease.remaining().compareTo(Duration.ofSeconds(8)) > 0);
    assertThat(lease.release(), is(true));
    assertThat(losses.get(), is(0));
  }

  @Test
  void aWaiterThatIsInterruptedBetweenTwoSendingsLeavesNothingHeld() throws Exception {
    for (int round = 0; round < 5; round++) {
      String name = prepared("interrupted");
      RedisLock lock = Locks.lock(faulty, name, LEASE);
      FaultProxy.Loss first = proxy.loseReply("EVALSHA", 1, Then.CUT);
      FaultProxy.Loss second = proxy.loseReply("EVALSHA", 1, Then.CUT);
      try (Crew crew = new Crew()) {
        Crew.Started<Optional<Lease>> waiter =
            crew.start(
                () -> {
                  try {
                    return lock.tryAcquire(LEASE);
                  } catch (InterruptedException e) {
                    return Optional.empty();
                  }
                });
        first.await();
        second.await();
        // After two failures the client sleeps before its next try, for up to a second.
        waiter.thread().interrupt();
        waiter.get().ifPresent(Lease::close);
      }
      assertThat("round " + round, Locks.isHeld(redis, name), is(false));
    }
  }

  @Test
  void anAttemptThatTheClientGivesUpThrowsAndWhatItGotIsGivenBack() {
    String name = prepared("attempt");
    try (TestRedis hasty = faulty.retryingFor(Duration.ofMillis(500))) {
      for (int i = 0; i < 20; i++) {
        FaultProxy.Loss unused = proxy.loseReply(LockResendIT::isAcquisition, 1, Then.CUT);
      }
      JedisException e =
          assertThrows(JedisException.class, Locks.lock(hasty, name, LEASE)::tryAcquire);
      assertThat(e.getSuppressed().length, is(0));
      assertThat(Locks.isHeld(redis, name), is(false));
    }
  }

  /** Of all requests it has the memory in the third of the script's arguments, and most of them. */
  private static boolean isAcquisition(FaultProxy.Request request) {
    List<String> arguments = request.arguments();
    return request.name().equals("EVALSHA")
        && arguments.size() == 2 + 1 + 6 + 1
        && arguments.get(2 + 1 + 2).equals(String.valueOf(LockCommands.MEMORY_MILLIS));
  }

  @Test
  void aReleaseWithoutRedisThrowsAndTheKeyExpiresByItself() {
    String name = prepared("down");
    try (TestRedis hasty = faulty.retryingFor(Duration.ofMillis(500))) {
      Lease lease = Locks.lock(hasty, name, Duration.ofSeconds(3)).tryAcquire().orElseThrow();
      lease.keepAlive(LEASE, losses::incrementAndGet);
      proxy.refuse();
      assertThrows(JedisException.class, lease::close);
      assertThat(lease.isHeld(), is(false));
      proxy.accept();
      await().until(() -> !Locks.isHeld(redis, name));
      // It was held when the release was tried.
      assertThat(lease.release(), is(true));
      assertThat(losses.get(), is(0));
    }
  }

  @Test
  void theReleaseOfALostLeaseIsFalseAlsoWithoutRedis() {
    String name = prepared("false");
    try (TestRedis hasty = faulty.retryingFor(Duration.ofMillis(500))) {
      Lease lease = Locks.lock(hasty, name, Duration.ofSeconds(2)).tryAcquire().orElseThrow();
      proxy.refuse();
      await().until(() -> !lease.isHeld());
      assertThat(lease.release(), is(false));
      assertThrows(LockLostException.class, lease::close);
    }
  }

  @Test
  void aRedisThatIsDownIsThrown() {
    String name = redis.unique("down");
    RedisLock lock = Locks.lock(faulty, name, LEASE);
    assertThat(lock.isLocked(), is(false));
    proxy.refuse();
    assertThrows(JedisException.class, lock::tryAcquire);
  }
}
