package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How far a subscription is; waits go by a clock that only the test moves. */
@Timeout(60)
class LifeTest {

  private static final String WAITING = "life-test";
  private static final long HOUR = Duration.ofHours(1).toNanos();

  /** Where {@link System#nanoTime} overflows soon. */
  private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1);

  private final Life life = new Life(nanos::get);
  private boolean ready;

  @Test
  void itOnlyEverGoesOn() {
    assertThat(life.isOpen(), is(true));
    assertThat(life.isClosed(), is(false));
    life.beginClose();
    assertThat(life.isOpen(), is(false));
    assertThat(life.isClosed(), is(false));
    assertThat(life.close(), is(true));
    assertThat(life.isClosed(), is(true));
    life.beginClose();
    assertThat(life.isClosed(), is(true));
    assertThat("it has come to its end before", life.close(), is(false));
  }

  @Test
  void whatIsSoAlreadyIsNotWaitedFor() throws InterruptedException {
    assertThat(life.await(nanos.get() - HOUR, () -> true), is(true));
    assertThat(life.await(nanos.get(), () -> false), is(false));
    assertThat(life.await(nanos.get() - 1, () -> false), is(false));
  }

  @Test
  void whoWaitsLooksAgainAfterAChangeAndNotBefore() throws Exception {
    Waiting<Boolean> waiting = waits(() -> life.await(nanos.get() + HOUR, () -> ready));
    life.change(() -> ready = true);
    assertThat(waiting.result(), is(true));
  }

  @Test
  void onlyWhoWaitsForItIsWokenByAChange() throws Exception {
    AtomicInteger looks = new AtomicInteger();
    Waiting<Boolean> other =
        waits(
            () ->
                life.await(
                    nanos.get() + HOUR,
                    () -> {
                      looks.addAndGet(Thread.currentThread().getName().equals(WAITING) ? 1 : 0);
                      return !life.isOpen();
                    }));
    int before = looks.get();
    Waiting<Boolean> waiting = waits(() -> life.await(nanos.get() + HOUR, () -> ready));
    life.change(() -> ready = true);
    assertThat(waiting.result(), is(true));
    other.awaitWait();
    assertThat(looks.get(), is(before));
    life.beginClose();
    assertThat(other.result(), is(true));
  }

  @Test
  void aChangeThatFailsLeavesTheLockFree() throws Exception {
    assertThrows(
        IllegalStateException.class,
        () ->
            life.change(
                () -> {
                  throw new IllegalStateException("as intended");
                }));
    assertThrows(
        IllegalStateException.class,
        () ->
            life.locked(
                () -> {
                  throw new IllegalStateException("as intended");
                }));
    Waiting<Boolean> another = new Waiting<>(life::isOpen);
    assertThat(another.result(), is(true));
  }

  @Test
  void aPauseEndsWhenTheEndBegins() throws Exception {
    Waiting<?> pausing = waits(this::pauseForAnHour);
    life.beginClose();
    pausing.result();
    pauseForAnHour();
  }

  @Test
  void aPauseEndsWithTheLife() throws Exception {
    Waiting<?> pausing = waits(this::pauseForAnHour);
    assertThat(life.close(), is(true));
    pausing.result();
    pauseForAnHour();
  }

  @Test
  void aPauseEndsByItsClock() throws Exception {
    Waiting<?> pausing =
        waits(
            () -> {
              life.pause(TimeUnit.MILLISECONDS.toNanos(2));
              return null;
            });
    nanos.addAndGet(TimeUnit.MILLISECONDS.toNanos(1));
    pausing.awaitWait();
    nanos.addAndGet(TimeUnit.MILLISECONDS.toNanos(1));
    pausing.result();
  }

  private Void pauseForAnHour() throws InterruptedException {
    life.pause(HOUR);
    return null;
  }

  private static <R> Waiting<R> waits(Callable<R> what) throws Exception {
    Waiting<R> waiting = new Waiting<>(what);
    waiting.awaitWait();
    return waiting;
  }

  /** Somebody who waits on another thread. */
  private static final class Waiting<R> {

    private final FutureTask<R> task;
    private final Thread thread;

    Waiting(Callable<R> what) {
      task = new FutureTask<>(what);
      thread = new Thread(task, WAITING);
      thread.setDaemon(true);
      thread.start();
    }

    /** Returns once it waits; fails if it has not to. */
    void awaitWait() throws InterruptedException {
      while (thread.getState() != Thread.State.TIMED_WAITING) {
        assertThat("it goes on", task.isDone(), is(false));
        TimeUnit.MILLISECONDS.sleep(1);
      }
    }

    @CanIgnoreReturnValue
    R result() throws Exception {
      return task.get(20, TimeUnit.SECONDS);
    }
  }
}
