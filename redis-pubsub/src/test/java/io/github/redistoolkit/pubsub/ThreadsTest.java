package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class ThreadsTest {

  private final Set<Thread> used = ConcurrentHashMap.newKeySet();

  @Test
  void runsAnyNumberOfTasksOnSoManyThreadsAtMost() throws Exception {
    ExecutorService handlers = Threads.handlers();
    CountDownLatch goOn = new CountDownLatch(1);
    CountDownLatch started = new CountDownLatch(Threads.MOST_HANDLERS);
    CountDownLatch done = new CountDownLatch(2000);
    for (int i = 0; i < 2000; i++) {
      handlers.execute(
          () -> {
            used.add(Thread.currentThread());
            started.countDown();
            awaitUninterruptibly(goOn);
            done.countDown();
          });
    }
    started.await();
    goOn.countDown();
    done.await();
    handlers.shutdown();
    assertThat(handlers.awaitTermination(10, TimeUnit.SECONDS), is(true));
    assertThat(used.size(), is(Threads.MOST_HANDLERS));
  }

  @Test
  void reusesAnIdleThread() throws Exception {
    ExecutorService handlers = Threads.handlers();
    for (int i = 0; i < 1000; i++) {
      CountDownLatch done = new CountDownLatch(1);
      handlers.execute(
          () -> {
            used.add(Thread.currentThread());
            done.countDown();
          });
      done.await();
    }
    handlers.shutdown();
    // The last one may not have begun to wait again.
    assertThat(used.size(), is(lessThanOrEqualTo(20)));
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
