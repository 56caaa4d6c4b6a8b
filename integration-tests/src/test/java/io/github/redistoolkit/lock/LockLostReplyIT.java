package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Replies that are lost, and servers that are away, for clients that send a request once and throw
 * if it fails; one that sends again is in {@link LockResendIT}.
 */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL},
    notByDefault = Topology.SENTINEL)
class LockLostReplyIT extends LockFaultSuite {

  LockLostReplyIT(TestRedis redis) {
    super(redis);
  }

  @ParameterizedTest
  @EnumSource
  void anAttemptWhoseReplyIsLostThrowsAndWhatItGotIsGivenBack(Then then) {
    String name = prepared("reply");
    RedisLock lock = Locks.lock(faulty, name, LEASE);
    FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, then);
    assertThrows(JedisException.class, lock::tryAcquire);
    assertThat(loss.happened(), is(true));
    assertThat(Locks.isHeld(redis, name), is(false));
  }

  @Test
  void aWaiterThatCannotGiveBackALateGrantGoesOnAsAnotherOwner() throws Exception {
    String name = prepared("late");
    RedisLock lock = Locks.lock(faulty, name, Duration.ofMillis(400));
    assertThat(lock.isLocked(), is(false)); // and a connection is there
    FaultProxy.Loss loss = proxy.loseReply(LockLostReplyIT::isRelease, 1, Then.CUT);
    proxy.latency(Duration.ofMillis(600));
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> waiter = crew.start(() -> lock.acquire(LEASE));
      loss.await();
      proxy.latency(Duration.ZERO);
      // As the one whose release was executed, it would be refused for good.
      assertThat(waiter.get().token(), is(greaterThan(0L)));
    }
  }

  private static boolean isRelease(FaultProxy.Request request) {
    return request.arguments().contains("ask");
  }

  @Test
  void anAttemptThatCannotEvenGiveBackThrowsAndLeavesNothingBeyondOneLease() throws Exception {
    String name = prepared("orphan");
    Duration lease = Duration.ofSeconds(2);
    RedisLock lock = Locks.lock(faulty, name, lease);
    FaultProxy.Loss loss = proxy.loseReply("EVALSHA", 1, Then.SILENCE);
    try (Crew crew = new Crew()) {
      Crew.Started<Optional<Lease>> attempt = crew.start(lock::tryAcquire);
      loss.await();
      proxy.refuse();
      Throwable thrown = assertThrows(ExecutionException.class, attempt::get).getCause();
      assertThat(thrown, is(instanceOf(JedisException.class)));
      assertThat(thrown.getSuppressed().length, is(greaterThan(0)));
    }
    assertThat(
        Locks.millisLeft(redis, name),
        is(allOf(greaterThan(0L), lessThanOrEqualTo(lease.toMillis()))));
    await().atMost(lease.plusSeconds(5)).until(() -> !Locks.isHeld(redis, name));
  }

  @Test
  void aReleaseWhoseReplyIsLostThrowsAndSucceedsWhenTriedAgain() {
    String name = prepared("release");
    Lease lease = Locks.lock(faulty, name, LEASE).tryAcquire().orElseThrow();
    lease.keepAlive(LEASE, losses::incrementAndGet);
    proxy.loseReply("EVALSHA", 1, Then.CUT);
    assertThrows(JedisException.class, lease::release);
    assertThat(lease.isHeld(), is(false));
    assertThat(Locks.isHeld(redis, name), is(false));
    for (int i = 0; i < 20; i++) {
      Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow().close();
    }
    assertThat(lease.release(), is(true));
    lease.close();
    assertThat(losses.get(), is(0));
  }

  @Test
  void aReleaseWithoutRedisThrowsAndTheKeyExpiresByItself() {
    String name = prepared("down");
    Lease lease = Locks.lock(faulty, name, Duration.ofSeconds(3)).tryAcquire().orElseThrow();
    lease.keepAlive(LEASE, losses::incrementAndGet);
    proxy.refuse();
    assertThrows(JedisException.class, lease::close);
    assertThat(lease.isHeld(), is(false));
    proxy.accept();
    await().atMost(Duration.ofSeconds(10)).until(() -> !Locks.isHeld(redis, name));
    assertThat(losses.get(), is(0));
  }

  @Test
  void anExtensionWhoseReplyIsLostThrowsAndTheEarlierEndCounts() {
    String name = prepared("extend");
    Lease lease = Locks.lock(faulty, name, LEASE).tryAcquire().orElseThrow();
    proxy.loseReply("EVALSHA", 1, Then.CUT);
    assertThrows(JedisException.class, () -> lease.extend(Duration.ofMinutes(10)));
    assertThat(lease.remaining(), is(lessThan(LEASE)));
    assertThat(lease.isHeld(), is(true));
    proxy.loseReply("EVALSHA", 1, Then.CUT);
    assertThrows(JedisException.class, () -> lease.extend(Duration.ofSeconds(5)));
    assertThat(lease.remaining(), is(lessThan(Duration.ofSeconds(5))));
    lease.close();
  }

  @Test
  void theReleaseOfALostLeaseIsFalseAlsoWithoutRedis() {
    String name = prepared("false");
    Lease lease = Locks.lock(faulty, name, Duration.ofSeconds(2)).tryAcquire().orElseThrow();
    proxy.refuse();
    await().until(() -> !lease.isHeld());
    assertThat(lease.release(), is(false));
    assertThrows(LockLostException.class, lease::close);
  }

  @Test
  void aRedisThatIsDownIsThrownByEveryCallThatNeedsIt() {
    String name = redis.unique("down");
    proxy.refuse();
    RedisLock lock = Locks.lock(faulty, name, LEASE);
    assertThrows(JedisException.class, lock::tryAcquire);
    assertThrows(JedisException.class, () -> lock.tryAcquire(Duration.ofMillis(200)));
    assertThrows(JedisException.class, () -> lock.acquire(Duration.ofMillis(200)));
    assertThrows(JedisException.class, lock::isLocked);
  }

  @Test
  void aConnectionLostInAnAttemptIsThrownAndNothingIsHeld() {
    try (TestRedis small = redis.withMaxTotal(1)) {
      String name = small.unique("killed");
      RedisLock lock = Locks.lock(small, name, LEASE);
      assertThat(lock.isLocked(), is(false));
      assertThat(small.killClients("normal"), is(1));
      assertThrows(JedisException.class, lock::tryAcquire);
      assertThat(Locks.isHeld(redis, name), is(false));
      lock.tryAcquire().orElseThrow().close();
    }
  }

  @Test
  void aClosedPoolEndsAWaitAtOnce() {
    TestRedis closed = redis.withMaxTotal(4);
    RedisLock lock = Locks.lock(closed, redis.unique("closed"), LEASE);
    closed.close();
    long start = System.nanoTime();
    assertThrows(JedisException.class, () -> lock.acquire(LEASE));
    assertThat(System.nanoTime() - start, is(lessThan(TimeUnit.SECONDS.toNanos(5))));
  }

  @Test
  void aReleaseThatNeverReachedRedisSucceedsWhenTriedAgainThoughTheLeaseHasPassed()
      throws Exception {
    assertReleasedAtTheSecondTry(Duration.ofSeconds(4), true);
  }

  @Test
  void aReleaseThatNeverReachedRedisIsNoneIfTheLockWasLostBefore() throws Exception {
    assertReleasedAtTheSecondTry(LEASE, false);
  }

  /** Tries it when the pool gives nothing, and again once the lock has expired or was deleted. */
  private void assertReleasedAtTheSecondTry(Duration duration, boolean expires) throws Exception {
    String name = prepared("second");
    try (TestRedis small = redis.withMaxTotal(1);
        // Impatient for a connection only, and not for replies.
        TestRedis single =
            small.impatient(Duration.ofMillis(200)).with(config -> config.timeoutMillis(2_000));
        Crew crew = new Crew()) {
      Lease lease = Locks.lock(single, name, duration).tryAcquire().orElseThrow();
      UnifiedJedis client = single.client();
      String busy = Locks.key(name) + ":busy";
      crew.start(() -> client.blpop(20.0, busy));
      Primaries.awaitBlocked(redis, 1);
      if (!expires) {
        redis.admin().del(Locks.key(name));
      }
      assertThat(lease.isHeld(), is(true));
      long before = redis.calls("evalsha");
      assertThrows(JedisException.class, lease::release);
      assertThat(redis.calls("evalsha"), is(before));
      await().until(() -> !Locks.isHeld(redis, name));
      redis.admin().rpush(busy, "enough");
      crew.join();
      assertThat(lease.release(), is(expires));
    }
  }
}
