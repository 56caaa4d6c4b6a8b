package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** A client of its own, whose sockets give up before Redis answers. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class LockSocketTimeoutIT {

  private static final Duration LEASE = Duration.ofSeconds(30);

  private final TestRedis redis;

  LockSocketTimeoutIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void aWaiterCopesWithASocketTimeoutThatIsShorterThanItsBlocks() throws Exception {
    String name = redis.unique("timeout");
    try (TestRedis hasty = hasty(redis)) {
      RedisLock lock = Locks.lock(hasty, name, LEASE);
      Lease held = Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow();
      long start = System.nanoTime();
      waitInVain(lock);
      assertThat(
          System.nanoTime() - start,
          is(allOf(greaterThanOrEqualTo(seconds(2)), lessThan(seconds(20)))));
      try (Crew crew = new Crew()) {
        Crew.Started<Lease> waiter = crew.start(() -> lock.acquire(LEASE));
        Primaries.awaitBlocked(redis, 1);
        held.close();
        waiter.get().close();
      }
      // Of the connections that timed out, none is used again.
      assertThat(hasty.borrowed(), is(0));
    }
  }

  @Test
  void requestsThatArriveLateHurtNoOne() throws Exception {
    String name = Locks.prepared(redis, "late");
    try (FaultProxy proxy = redis.proxy();
        TestRedis faulty = redis.through(proxy);
        TestRedis once = faulty.retryingFor(Duration.ofSeconds(1))) {
      RedisLock lock = Locks.lock(once, name, Duration.ofSeconds(1));
      assertThat(lock.isLocked(), is(false)); // and a connection is there
      proxy.blackHole(Direction.TO_SERVER);
      assertThrows(JedisException.class, lock::tryAcquire);
      Lease next = Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow();
      long before = redis.calls("evalsha");
      proxy.heal();
      await().until(() -> redis.calls("evalsha") > before);
      assertThat(next.extend(LEASE), is(true));
      assertThat(next.release(), is(true));
      Locks.lock(redis, name, LEASE).acquire(Duration.ofSeconds(10)).close();
    }
  }

  private static void waitInVain(RedisLock lock) throws InterruptedException {
    try {
      assertThat(lock.tryAcquire(Duration.ofSeconds(3)), is(Optional.empty()));
    } catch (JedisException e) {
      // On a busy machine the last question is not always answered in half a second.
      assertThat(
          Stream.iterate((Throwable) e, Objects::nonNull, Throwable::getCause).toList(),
          hasItem(instanceOf(SocketTimeoutException.class)));
    }
  }

  private static TestRedis hasty(TestRedis redis) {
    return redis.retryingFor(Duration.ofSeconds(1)).with(config -> config.timeoutMillis(500));
  }

  private static long seconds(long seconds) {
    return TimeUnit.SECONDS.toNanos(seconds);
  }
}
