package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.exceptions.JedisException;

/** A client of its own, whose sockets give up before Redis answers. */
@EachClient
class LockSocketTimeoutIT {

  private static final Duration LEASE = Duration.ofSeconds(30);

  private final TestRedis redis;

  LockSocketTimeoutIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void aWaiterCopesWithASocketTimeoutThatIsShorterThanItsBlocks() throws Exception {
    String name = redis.unique("timeout");
    try (RedisClient hasty = hasty(redis.address())) {
      RedisLock lock = new RedisLock(hasty, name, LEASE);
      Lease held = Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow();
      long start = System.nanoTime();
      assertThat(lock.tryAcquire(Duration.ofMillis(1_500)), is(Optional.empty()));
      assertThat(
          System.nanoTime() - start,
          is(allOf(greaterThanOrEqualTo(seconds(1)), lessThan(seconds(10)))));
      try (Crew crew = new Crew()) {
        Crew.Started<Lease> waiter = crew.start(() -> lock.acquire(LEASE));
        Primaries.awaitBlocked(redis, 1);
        held.close();
        waiter.get().close();
      }
      // Of the connections that timed out, none is used again.
      assertThat(hasty.getPool().getNumActive(), is(0));
    }
  }

  @Test
  void requestsThatArriveLateHurtNoOne() throws Exception {
    String name = Locks.prepared(redis, "late");
    try (FaultProxy proxy = redis.proxy();
        RedisClient hasty = hasty(proxy.address())) {
      RedisLock lock = new RedisLock(hasty, name, Duration.ofSeconds(1));
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

  private static RedisClient hasty(HostAndPort server) {
    return RedisClient.builder()
        .hostAndPort(server)
        .clientConfig(DefaultJedisClientConfig.builder().timeoutMillis(250).build())
        .build();
  }

  private static long seconds(long seconds) {
    return TimeUnit.SECONDS.toNanos(seconds);
  }
}
