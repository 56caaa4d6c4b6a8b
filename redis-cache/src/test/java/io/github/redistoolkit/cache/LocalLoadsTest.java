package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Loads that take turns, whose callers give up; no server is needed for that. */
@Timeout(20)
class LocalLoadsTest {

  private static final Patience LONG = Patience.of(Duration.ofHours(1), Ticker.system());

  private final Counters counters = new Counters(new CacheListener() {});
  private final LocalLoads<Integer> loads = localLoads();
  private final CountDownLatch firstMayEnd = new CountDownLatch(1);

  private LocalLoads<Integer> localLoads() {
    Codec<Integer> codec = new Codec<>(Json.standard(), TypeToken.get(Integer.class));
    return new LocalLoads<>(new LoaderRuns<>(codec, counters, Ticker.system()), counters);
  }

  @Test
  void whoComesAfterAnInterruptedCallerStillWaitsForTheLoadThatIsUnderWay() throws Exception {
    FutureTask<Integer> first = firstLoad();
    assertInterrupted();
    FutureTask<Integer> next = waiting(2);
    firstMayEnd.countDown();
    assertThat(first.get(), is(1));
    assertThat(next.get(), is(2));
  }

  @Test
  void anInterruptedCallerLeavesItsTurnToOthersWhoWaitForIt() throws Exception {
    FutureTask<Integer> first = firstLoad();
    FutureTask<Integer> before = waiting(2);
    assertInterrupted();
    FutureTask<Integer> after = waiting(3);
    firstMayEnd.countDown();
    assertThat(first.get(), is(1));
    assertThat("they share one load", before.get(), is(after.get()));
  }

  @Test
  void aTurnThatEveryoneHasLeftIsForgotten() throws Exception {
    FutureTask<Integer> first = firstLoad();
    assertInterrupted();
    assertInterrupted();
    firstMayEnd.countDown();
    assertThat(first.get(), is(1));
    assertThat(loads.isIdle(), is(true));
    assertThat(loads.get("k", () -> 2, LONG), is(2));
    assertThat(loads.get("k", () -> 3, LONG), is(3));
  }

  @Test
  void thoseWhoComeWhileOneLoadsShareTheNextLoad() throws Exception {
    FutureTask<Integer> first = firstLoad();
    List<FutureTask<Integer>> next = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      next.add(waiting(100 + i));
    }
    assertThat(loads.isIdle(), is(false));
    firstMayEnd.countDown();
    assertThat(first.get(), is(1));
    for (FutureTask<Integer> each : next) {
      assertThat(each.get(), is(next.get(0).get()));
    }
    assertThat(counters.uncachedLoads.sum(), is(2L));
    assertThat(loads.isIdle(), is(true));
  }

  @Test
  void aLoadThatFailsFailsForThoseWhoWaitForItAndIsForgotten() throws Exception {
    FutureTask<Integer> first = firstLoad();
    FutureTask<Integer> second = failing();
    FutureTask<Integer> third = failing();
    firstMayEnd.countDown();
    assertThat(first.get(), is(1));
    for (FutureTask<Integer> each : List.of(second, third)) {
      ExecutionException e = assertThrows(ExecutionException.class, each::get);
      assertThat(e.getCause(), is(instanceOf(IllegalStateException.class)));
    }
    assertThat(loads.isIdle(), is(true));
    assertThat(loads.get("k", () -> 2, LONG), is(2));
  }

  private FutureTask<Integer> failing() throws InterruptedException {
    FutureTask<Integer> load =
        new FutureTask<>(
            () ->
                loads.get(
                    "k",
                    () -> {
                      throw new IllegalStateException("on purpose");
                    },
                    LONG));
    Thread unused = startAndAwaitWaiting(load);
    return load;
  }

  private FutureTask<Integer> firstLoad() throws InterruptedException {
    CountDownLatch begun = new CountDownLatch(1);
    FutureTask<Integer> load =
        new FutureTask<>(
            () ->
                loads.get(
                    "k",
                    () -> {
                      begun.countDown();
                      firstMayEnd.await();
                      return 1;
                    },
                    LONG));
    new Thread(load).start();
    begun.await();
    return load;
  }

  private void assertInterrupted() throws InterruptedException {
    FutureTask<Integer> load = new FutureTask<>(() -> loads.get("k", () -> -1, LONG));
    startAndAwaitWaiting(load).interrupt();
    ExecutionException e = assertThrows(ExecutionException.class, load::get);
    assertThat(e.getCause(), is(instanceOf(CompletionException.class)));
  }

  private FutureTask<Integer> waiting(int value) throws InterruptedException {
    FutureTask<Integer> load = new FutureTask<>(() -> loads.get("k", () -> value, LONG));
    Thread unused = startAndAwaitWaiting(load);
    return load;
  }

  /** Fails by the suite's time-out if the load does not wait. */
  private static Thread startAndAwaitWaiting(FutureTask<Integer> load) throws InterruptedException {
    Thread thread = new Thread(load);
    thread.start();
    while (thread.getState() != Thread.State.TIMED_WAITING) {
      Thread.sleep(1);
    }
    return thread;
  }
}
