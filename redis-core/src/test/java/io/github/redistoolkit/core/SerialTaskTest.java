package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class SerialTaskTest {

  /** Numbers to be worked off in order. */
  private static class Numbers implements SerialTask.Work {
    final Queue<Integer> queue = new ConcurrentLinkedQueue<>();
    final List<Integer> done = new ArrayList<>();
    final AtomicInteger atWork = new AtomicInteger();
    final AtomicInteger mostAtWork = new AtomicInteger();

    @Override
    public boolean doNext() {
      mostAtWork.accumulateAndGet(atWork.incrementAndGet(), Math::max);
      Integer next = queue.poll();
      if (next != null) {
        done.add(next);
      }
      atWork.decrementAndGet();
      return next != null;
    }

    @Override
    public boolean isEmpty() {
      return queue.isEmpty();
    }
  }

  private final RecordedLog recorded = new RecordedLog();

  private SerialTask task(Executor executor, SerialTask.Work work) {
    return new SerialTask(executor, work, recorded.log, recorded.nowNanos::get);
  }

  @Test
  void worksOffEverythingInOrderAndOneAtATimeOnManyThreads() throws Exception {
    Numbers numbers = new Numbers();
    ExecutorService executor = Executors.newFixedThreadPool(4);
    SerialTask task = task(executor, numbers);
    int count = 100_000;
    for (int i = 0; i < count; i++) {
      numbers.queue.add(i);
      task.wake();
    }
    while (!numbers.isEmpty()) {
      Thread.onSpinWait();
    }
    executor.shutdown();
    assertThat(executor.awaitTermination(10, TimeUnit.SECONDS), is(true));
    assertThat(numbers.done, is(IntStream.range(0, count).boxed().toList()));
    assertThat(numbers.mostAtWork.get(), is(1));
  }

  @Test
  void givesWayToOthersAfterSoManyEntries() {
    Numbers numbers = new Numbers();
    Queue<Runnable> tasks = new ArrayDeque<>();
    SerialTask task = task(tasks::add, numbers);
    IntStream.range(0, 1000).forEach(numbers.queue::add);
    task.wake();
    int runs = 0;
    for (Runnable next = tasks.poll(); next != null; next = tasks.poll()) {
      int before = numbers.done.size();
      next.run();
      runs++;
      assertThat(numbers.done.size() - before, is(lessThanOrEqualTo(SerialTask.YIELD_AFTER)));
    }
    assertThat(numbers.done.size(), is(1000));
    assertThat(runs, is(4));
  }

  @Test
  void goesOnWithTheNextWakeAfterTheExecutorRefused() {
    Numbers numbers = new Numbers();
    AtomicInteger refusals = new AtomicInteger();
    SerialTask task =
        task(
            run -> {
              if (refusals.incrementAndGet() <= 3) {
                throw new RejectedExecutionException("on purpose");
              }
              run.run();
            },
            numbers);
    numbers.queue.add(1);
    for (int i = 0; i < 4; i++) {
      task.wake();
    }
    assertThat(numbers.done, is(List.of(1)));
  }

  @Test
  void missesNoEntryThatComesWhileItEnds() throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(2);
    for (int round = 0; round < 20_000; round++) {
      CountDownLatch both = new CountDownLatch(2);
      Queue<Integer> queue = new ConcurrentLinkedQueue<>();
      SerialTask task =
          task(
              executor,
              new SerialTask.Work() {
                @Override
                public boolean doNext() {
                  if (queue.poll() == null) {
                    return false;
                  }
                  both.countDown();
                  return true;
                }

                @Override
                public boolean isEmpty() {
                  return queue.isEmpty();
                }
              });
      queue.add(1);
      task.wake();
      queue.add(2);
      task.wake();
      assertThat(both.await(10, TimeUnit.SECONDS), is(true));
    }
    executor.shutdown();
  }

  /** Numbers whose handler may fail or be interrupted. */
  private static Numbers handled(IntConsumer handler) {
    return new Numbers() {
      @Override
      public boolean doNext() {
        Integer next = queue.poll();
        if (next == null) {
          return false;
        }
        done.add(next);
        handler.accept(next);
        return true;
      }
    };
  }

  private static List<Integer> upTo(int count) {
    return IntStream.range(0, count).boxed().toList();
  }

  @Test
  void goesOnWhateverAnEntryOrTheLogThrows() {
    recorded.failing = true;
    Numbers numbers =
        handled(
            number -> {
              throw new StackOverflowError("on purpose");
            });
    numbers.queue.addAll(upTo(600));
    task(Runnable::run, numbers).wake();
    assertThat(numbers.done, is(upTo(600)));
  }

  @Test
  void runsNothingTwiceWhenTheExecutorThrowsAfterItTookTheTask() {
    Queue<Runnable> taken = new ArrayDeque<>();
    AtomicBoolean throwing = new AtomicBoolean(true);
    Numbers numbers = new Numbers();
    SerialTask task =
        task(
            run -> {
              taken.add(run);
              if (throwing.get()) {
                throw new OutOfMemoryError("unable to create native thread, on purpose");
              }
            },
            numbers);
    numbers.queue.addAll(upTo(3));
    task.wake();
    throwing.set(false);
    task.wake();
    assertThat(taken.size(), is(2));
    taken.remove().run();
    assertThat("what was refused counts for nothing", numbers.done, is(List.of()));
    taken.remove().run();
    assertThat(numbers.done, is(upTo(3)));
  }

  @Test
  void runsNothingTwiceWhenTheExecutorThrowsAfterItRanTheTask() {
    Numbers numbers = new Numbers();
    SerialTask task =
        task(
            run -> {
              run.run();
              throw new RejectedExecutionException("on purpose");
            },
            numbers);
    for (int i = 0; i < 1000; i++) {
      numbers.queue.add(i);
      task.wake();
    }
    assertThat(numbers.done, is(upTo(1000)));
    assertThat(numbers.mostAtWork.get(), is(1));
  }

  @Test
  void anInterruptIsFeltByOneEntryAlone() throws Exception {
    ExecutorService executor = Executors.newSingleThreadExecutor();
    List<Integer> interrupted = new CopyOnWriteArrayList<>();
    CountDownLatch all = new CountDownLatch(1000);
    Numbers numbers =
        handled(
            number -> {
              if (Thread.currentThread().isInterrupted()) {
                interrupted.add(number);
              }
              if (number == 10) {
                Thread.currentThread().interrupt();
              }
              all.countDown();
            });
    numbers.queue.addAll(upTo(1000));
    task(executor, numbers).wake();
    assertThat(all.await(10, TimeUnit.SECONDS), is(true));
    executor.shutdown();
    assertThat(interrupted, is(List.of()));
    assertThat(numbers.done, is(upTo(1000)));
  }

  /** As CallerRunsPolicy does when a pool is full. */
  @Test
  void nestsNoDeeperHoweverMuchIsRunByTheThreadThatHandsItOver() {
    int[] deepest = {0};
    Numbers numbers =
        handled(
            number ->
                deepest[0] = Math.max(deepest[0], Thread.currentThread().getStackTrace().length));
    numbers.queue.addAll(upTo(1));
    SerialTask task = task(Runnable::run, numbers);
    task.wake();
    int alone = deepest[0];
    numbers.queue.addAll(upTo(5_000));
    task.wake();
    assertThat(numbers.done.size(), is(5_001));
    assertThat(deepest[0], is(alone));
  }

  @Test
  void aTaskThatTheExecutorLostIsReplacedAndCountsNoMoreIfItComesBack() {
    Queue<Runnable> kept = new ArrayDeque<>();
    Numbers numbers = new Numbers();
    SerialTask task = task(kept::add, numbers);
    numbers.queue.addAll(upTo(2));
    task.wake();
    Runnable lost = kept.remove();
    recorded.pass(29);
    task.revive();
    assertThat("not lost yet", kept.size(), is(0));
    recorded.pass(1);
    task.revive();
    task.revive();
    assertThat(kept.size(), is(1));
    lost.run();
    assertThat(numbers.done, is(List.of()));
    kept.remove().run();
    assertThat(numbers.done, is(upTo(2)));
  }

  @Test
  void saysOnceThatTheExecutorRefuses() {
    Numbers numbers = new Numbers();
    SerialTask task =
        task(
            run -> {
              throw new RejectedExecutionException("on purpose");
            },
            numbers);
    numbers.queue.add(1);
    for (int i = 0; i < 1000; i++) {
      task.wake();
    }
    assertThat(recorded.lines.size(), is(1));
  }

  /** Refuses now and then, before or after it took the task, while many threads fill the queue. */
  @Test
  void worksOffEverythingOnceWithAnExecutorThatFailsAtRandom() throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(4);
    Numbers numbers = new Numbers();
    AtomicInteger submissions = new AtomicInteger();
    SerialTask task =
        task(
            run -> {
              int number = submissions.incrementAndGet();
              if (number % 5 == 0) {
                throw new RejectedExecutionException("before");
              }
              threads.execute(run);
              if (number % 7 == 0) {
                throw new RejectedExecutionException("after");
              }
            },
            numbers);
    int count = 50_000;
    for (int i = 0; i < count; i++) {
      numbers.queue.add(i);
      task.wake();
    }
    while (!numbers.isEmpty()) {
      task.revive();
    }
    threads.shutdown();
    assertThat(threads.awaitTermination(10, TimeUnit.SECONDS), is(true));
    assertThat(numbers.done, is(upTo(count)));
    assertThat(numbers.mostAtWork.get(), is(1));
  }
}
