package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.util.Pool;

/** Claims that cannot be taken back, as nobody listens where this client connects. */
@Timeout(60)
class WithdrawalsTest {

  private static final Duration HOUR = Duration.ofHours(1);

  @SuppressWarnings("deprecation") // JedisPool is what most code holds
  private final Pool<Jedis> pool = new JedisPool("127.0.0.1", 1);

  /** Begins where the clock overflows soon. */
  private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1);

  /** The clock is read each time that one could not be taken back. */
  private final AtomicLong reads = new AtomicLong();

  private final Withdrawals withdrawals =
      new Withdrawals(
          new Records(RedisAccess.of(pool, "redis-idempotency"), Alarms.shared()),
          () -> {
            reads.incrementAndGet();
            return nanos.get();
          });

  @AfterEach
  void closePool() {
    pool.close();
  }

  private static boolean isAtWork() {
    return Thread.getAllStackTraces().keySet().stream()
        .anyMatch(thread -> thread.getName().equals("redis-idempotency-withdrawals"));
  }

  @Test
  void afterAnHourTheyAreLeftToTheirLeasesAndNotBefore() throws InterruptedException {
    withdrawals.add("key", "owner", 1_000);
    nanos.addAndGet(HOUR.toNanos());
    long before = reads.get();
    while (reads.get() < before + 2) {
      TimeUnit.MILLISECONDS.sleep(1);
    }
    assertThat(isAtWork(), is(true));
    nanos.addAndGet(1);
    while (isAtWork()) {
      TimeUnit.MILLISECONDS.sleep(1);
    }
  }
}
