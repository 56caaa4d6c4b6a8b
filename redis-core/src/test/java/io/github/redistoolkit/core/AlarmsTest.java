package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class AlarmsTest {

  private final ManualTime time = new ManualTime();
  private final List<String> run = new ArrayList<>();

  @Test
  void tasksRunInTheOrderOfTheirTimesAlsoWhereTheClockOverflows() {
    // The clock overflows after a second.
    at(1_500, "third");
    at(900, "first");
    at(900, "second");
    time.pass(899);
    assertThat(run, is(empty()));
    time.pass(1);
    assertThat(run, contains("first", "second"));
    time.jump(10_000);
    assertThat(run, contains("first", "second", "third"));
  }

  @Test
  void whatIsCancelledDoesNotRun() {
    at(1, "kept");
    Alarms.Alarm cancelled = at(1, "cancelled");
    cancelled.cancel();
    cancelled.cancel();
    time.pass(5);
    assertThat(run, contains("kept"));
  }

  @Test
  void aTaskThatFailsHarmsNoOther() {
    var unused =
        time.alarms.at(
            time.nanoTime(),
            () -> {
              throw new IllegalStateException("from the task, as intended");
            });
    at(0, "after it");
    time.pass(1);
    assertThat(run, contains("after it"));
  }

  @Test
  void theThreadRunsWhatIsDueAndWhatComesEarlierThanItWaitedFor() throws Exception {
    Alarms alarms = new Alarms(Ticker.system(), Daemons.named("alarms-test-"));
    CountDownLatch late = new CountDownLatch(1);
    CountDownLatch soon = new CountDownLatch(1);
    AtomicLong ranAt = new AtomicLong();
    long start = System.nanoTime();
    Alarms.Alarm unreached = alarms.at(start + TimeUnit.HOURS.toNanos(1), late::countDown);
    var unused =
        alarms.at(
            start + TimeUnit.MILLISECONDS.toNanos(50),
            () -> {
              ranAt.set(System.nanoTime());
              soon.countDown();
            });
    assertTrue(soon.await(10, TimeUnit.SECONDS));
    assertThat(ranAt.get() - start, is(greaterThanOrEqualTo(TimeUnit.MILLISECONDS.toNanos(50))));
    assertThat(late.getCount(), is(1L));
    unreached.cancel();
  }

  @Test
  void theThreadEndsWhenNothingIsPendingAndAnotherOneIsStartedThen() throws Exception {
    AtomicReference<Thread> started = new AtomicReference<>();
    List<Thread> all = new ArrayList<>();
    Alarms alarms =
        new Alarms(
            Ticker.system(),
            task -> {
              Thread thread = Daemons.named("alarms-test-").newThread(task);
              started.set(thread);
              all.add(thread);
              return thread;
            });
    for (int round = 1; round <= 2; round++) {
      CountDownLatch ran = new CountDownLatch(1);
      var unused = alarms.at(System.nanoTime(), ran::countDown);
      assertTrue(ran.await(10, TimeUnit.SECONDS));
      assertTrue(started.get().isDaemon());
      started.get().join(TimeUnit.SECONDS.toMillis(20));
      assertThat(started.get().isAlive(), is(false));
      assertThat(all, hasSize(round));
    }
  }

  @Test
  void theThreadDoesNotWaitForWhatWasCancelled() throws Exception {
    AtomicReference<Thread> started = new AtomicReference<>();
    Alarms alarms =
        new Alarms(
            Ticker.system(),
            task -> {
              Thread thread = Daemons.named("alarms-test-").newThread(task);
              started.set(thread);
              return thread;
            });
    Alarms.Alarm alarm = alarms.at(System.nanoTime() + TimeUnit.HOURS.toNanos(1), () -> {});
    while (started.get().getState() != Thread.State.TIMED_WAITING) {
      Thread.onSpinWait();
    }
    alarm.cancel();
    started.get().join(TimeUnit.SECONDS.toMillis(20));
    assertThat(started.get().isAlive(), is(false));
  }

  @Test
  void whoeverIsToldThatThereIsNoThreadIsNotCalledBack() {
    boolean[] none = {true};
    Alarms alarms =
        new Alarms(
            time,
            task -> {
              if (none[0]) {
                throw new OutOfMemoryError("no thread, as intended");
              }
              return null;
            });
    assertThrows(
        OutOfMemoryError.class, () -> alarms.at(time.nanoTime(), () -> run.add("refused")));
    none[0] = false;
    var unused = alarms.at(time.nanoTime(), () -> run.add("taken"));
    alarms.runDue();
    assertThat(run, contains("taken"));
  }

  @CanIgnoreReturnValue
  private Alarms.Alarm at(long millis, String what) {
    return time.alarms.at(
        time.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis), () -> run.add(what));
  }
}
