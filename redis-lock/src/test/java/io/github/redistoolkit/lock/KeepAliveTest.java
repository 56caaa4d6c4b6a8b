package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.core.RedisAccess;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.RedisClient;

/** A JVM that is out of threads, and callbacks that fail: there is no Redis here. */
class KeepAliveTest {

  private static final long LEASE_MILLIS = 300;

  private final RedisClient client = RedisClient.builder().hostAndPort("127.0.0.1", 1).build();
  private final Hold hold =
      new Hold(
          new LockCommands(RedisAccess.of(client), "name"),
          "owner",
          1,
          LEASE_MILLIS,
          System.nanoTime());
  private final Lease lease = new Lease(hold);
  private final AtomicInteger refused = new AtomicInteger();
  private final AtomicInteger losses = new AtomicInteger();
  private final CountDownLatch told = new CountDownLatch(1);

  @AfterEach
  void close() {
    client.close();
  }

  @Test
  void renewalsForWhichThereIsNoThreadAreTriedAgainAndTheLossIsStillToldOnce() throws Exception {
    // Once for the renewal that is due after a third of the lease, then after each tenth.
    keepAlive(refusing(4), this::tell);
    awaitTold();
    assertThat(refused.get(), is(4));
    assertThat(hold.isHeld(), is(false));
  }

  @Test
  void aCallbackForWhichThereIsNoThreadIsToldOnceThereIsOne() throws Exception {
    Executor workers = refusing(3);
    KeepAlive keepAlive =
        new KeepAlive(hold, lease, TimeUnit.MILLISECONDS.toNanos(10), this::tell, workers);
    hold.keepAlive(keepAlive);
    awaitTold();
    assertThat(refused.get(), is(3));
    keepAlive.lost("of the test");
    assertThat(losses.get(), is(1));
  }

  @Test
  void anErrorThatTheCallbackThrowsIsLoggedAndGoesNoFurther() throws Exception {
    CountDownLatch ended = new CountDownLatch(1);
    AtomicInteger escaped = new AtomicInteger();
    Executor workers =
        task -> {
          try {
            task.run();
          } catch (Throwable e) {
            escaped.incrementAndGet();
          } finally {
            ended.countDown();
          }
        };
    hold.lose("of the test");
    keepAlive(
        workers,
        () -> {
          throw new AssertionError("from the callback, as intended");
        });
    assertThat(ended.await(20, TimeUnit.SECONDS), is(true));
    assertThat(escaped.get(), is(0));
  }

  private void keepAlive(Executor workers, Runnable onLost) {
    hold.keepAlive(new KeepAlive(hold, lease, TimeUnit.MINUTES.toNanos(1), onLost, workers));
  }

  /** Runs tasks like the JVM does that has reached its limit of threads so many times. */
  private Executor refusing(int times) {
    return task -> {
      if (refused.get() < times) {
        refused.incrementAndGet();
        throw new OutOfMemoryError("unable to create native thread, as intended");
      }
      RenewalThreads.run(task);
    };
  }

  private void tell() {
    losses.incrementAndGet();
    told.countDown();
  }

  private void awaitTold() throws InterruptedException {
    assertThat(told.await(20, TimeUnit.SECONDS), is(true));
    assertThat(losses.get(), is(1));
    assertThat(refused.get(), is(greaterThan(0)));
  }
}
