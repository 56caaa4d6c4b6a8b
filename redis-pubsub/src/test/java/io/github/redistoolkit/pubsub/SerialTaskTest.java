package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class SerialTaskTest {

  /** Numbers to be worked off in order. */
  private static final class Numbers implements SerialTask.Work {
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

  @Test
  void worksOffEverythingInOrderAndOneAtATimeOnManyThreads() throws Exception {
    Numbers numbers = new Numbers();
    ExecutorService executor = Executors.newFixedThreadPool(4);
    SerialTask task = new SerialTask(executor, numbers);
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
    SerialTask task = new SerialTask(tasks::add, numbers);
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
        new SerialTask(
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
          new SerialTask(
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
}
