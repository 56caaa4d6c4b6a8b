package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What keeping alive costs, and what it does with its threads. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class LockRenewalIT {

  private static final Duration LONG = Duration.ofMinutes(1);

  private final TestRedis redis;
  private final AtomicInteger losses = new AtomicInteger();

  LockRenewalIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void aCallbackThatHangsOrThrowsHarmsNoOtherLease() {
    CountDownLatch hang = new CountDownLatch(1);
    Lease hanging =
        acquire(redis.unique("hanging"), 30_000)
            .keepAlive(
                Duration.ofMillis(1),
                () -> {
                  losses.incrementAndGet();
                  awaitUninterruptibly(hang);
                });
    Lease throwing =
        acquire(redis.unique("throwing"), 30_000)
            .keepAlive(
                Duration.ofMillis(1),
                () -> {
                  losses.incrementAndGet();
                  throw new IllegalStateException("from the callback, as intended");
                });
    await().until(() -> losses.get() == 2);
    String name = redis.unique("unharmed");
    Lease unharmed = acquire(name, 30_000).keepAlive(LONG, losses::incrementAndGet);
    try {
      // Is renewed after a third of that, to a whole lease.
      assertThat(unharmed.extend(Duration.ofSeconds(4)), is(true));
      await().until(() -> unharmed.remaining().compareTo(Duration.ofSeconds(5)) > 0);
      assertThat(unharmed.release(), is(true));
    } finally {
      hang.countDown();
    }
    assertThat(hanging.release(), is(false));
    assertThat(throwing.release(), is(false));
    assertThat(losses.get(), is(2));
  }

  @Test
  void theThreadsEndWhenNothingIsKeptAlive() {
    try (Lease lease = acquire(redis.unique("threads"), 4_000).keepAlive(LONG, () -> {})) {
      await().until(() -> renewalThreads() >= 2);
      assertThat(lease.isHeld(), is(true));
    }
    await().atMost(Duration.ofSeconds(20)).until(() -> renewalThreads() == 0);
  }

  @Test
  void keepingAliveCostsThreeRenewalsPerLease() throws Exception {
    String name = redis.unique("cost");
    long before = redis.calls("evalsha");
    long start = System.nanoTime();
    try (Lease lease = acquire(name, 4_000).keepAlive(LONG, losses::incrementAndGet)) {
      await().atMost(Duration.ofSeconds(20)).until(() -> redis.calls("evalsha") - before >= 1 + 3);
      long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
      assertThat(millis, is(greaterThanOrEqualTo(3_700L)));
      assertThat(lease.isHeld(), is(true));
    }
  }

  @Test
  void aLeaseIsKeptAliveOnceAndNotAfterItsRelease() {
    Lease lease = acquire(redis.unique("once"), 30_000).keepAlive(LONG, losses::incrementAndGet);
    assertThrows(IllegalStateException.class, () -> lease.keepAlive(LONG, () -> {}));
    lease.close();
    assertThrows(IllegalStateException.class, () -> lease.keepAlive(LONG, () -> {}));
    Lease released = acquire(redis.unique("released"), 30_000);
    released.close();
    assertThrows(IllegalStateException.class, () -> released.keepAlive(LONG, () -> {}));
    assertThat(losses.get(), is(0));
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      assertThat(latch.await(1, TimeUnit.MINUTES), is(true));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static long renewalThreads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("redis-toolkit-"))
        .count();
  }

  private Lease acquire(String name, long leaseMillis) {
    return Locks.lock(redis, name, Duration.ofMillis(leaseMillis)).tryAcquire().orElseThrow();
  }
}
