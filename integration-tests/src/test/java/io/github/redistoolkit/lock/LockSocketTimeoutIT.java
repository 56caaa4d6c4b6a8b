package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.RedisClient;

/** A client of its own, whose sockets give up before Redis answers. */
@EachClient
class LockSocketTimeoutIT {

  private static final Duration LEASE = Duration.ofSeconds(30);

  private final TestRedis redis;

  LockSocketTimeoutIT(TestRedis redis) {
    this.redis = redis.ours();
  }

  @Test
  void aWaiterCopesWithASocketTimeoutThatIsShorterThanItsBlocks() throws Exception {
    String name = redis.unique("timeout");
    try (RedisClient hasty =
        RedisClient.builder()
            .hostAndPort(redis.address())
            .clientConfig(DefaultJedisClientConfig.builder().timeoutMillis(250).build())
            .build()) {
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

  private static long seconds(long seconds) {
    return TimeUnit.SECONDS.toNanos(seconds);
  }
}
