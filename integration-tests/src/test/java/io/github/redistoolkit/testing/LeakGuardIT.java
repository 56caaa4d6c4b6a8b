package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.KeyValue;

@LeavesServerAlone
@Tag("bed")
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class LeakGuardIT {

  private static final Duration SHORT_PATIENCE = Duration.ofMillis(200);
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private final TestRedis redis;
  private final LeakGuard guard;

  LeakGuardIT(TestRedis redis) {
    this.redis = redis;
    this.guard = LeakGuard.of(redis).threads("redis-test-.*").patience(PATIENCE);
  }

  @Test
  void aThreadOfTheToolkitThatWorksIsFoundAndAnIdleOneOfAPoolIsNot() throws Exception {
    CountDownLatch end = new CountDownLatch(1);
    ExecutorService pool =
        Executors.newSingleThreadExecutor(task -> new Thread(task, "redis-test-pool"));
    try {
      Future<?> work =
          pool.submit(
              () -> {
                end.await();
                return null;
              });
      Awaitility.await().until(guard::workingThreads, hasItem("redis-test-pool"));
      end.countDown();
      work.get();
      Awaitility.await().until(guard::workingThreads, not(hasItem("redis-test-pool")));
    } finally {
      pool.shutdown();
    }
  }

  @Test
  void threadsOfOtherNamesAreNoneOfItsBusiness() throws Exception {
    CountDownLatch end = new CountDownLatch(1);
    FutureTask<Void> waiting =
        new FutureTask<>(
            () -> {
              end.await();
              return null;
            });
    new Thread(waiting, "redis-test-other").start();
    try {
      assertThat(guard.workingThreads(), hasItem("redis-test-other"));
      LeakGuard.of(redis).check();
    } finally {
      end.countDown();
    }
    waiting.get();
  }

  @Test
  void aConnectionThatIsStillOpenIsFound() {
    String name = redis.unique("leak");
    try (Jedis jedis = redis.open(redis.address())) {
      jedis.clientSetname(name);
      AssertionError leak =
          assertThrows(
              AssertionError.class, () -> guard.connections(name).patience(SHORT_PATIENCE).check());
      assertThat(leak.getMessage(), containsString("name=" + name));
    }
    guard.connections(name).check();
  }

  @Test
  void theConnectionsOfANamedClientAreFoundByThatName() {
    String name = redis.unique("orders");
    try (TestRedis named = redis.named(name)) {
      assertThat(named.clientName(), is(name));
      named.client().set(redis.unique("key"), "value");
      AssertionError leak =
          assertThrows(
              AssertionError.class, () -> guard.connections(name).patience(SHORT_PATIENCE).check());
      assertThat(leak.getMessage(), containsString("name=" + name));
    }
    guard.connections(name).check();
    assertThrows(IllegalArgumentException.class, () -> redis.named("two words"));
  }

  @Test
  void aTimerThatHasSomethingToDoLaterIsFoundAndOneThatHasNotMayEnd() {
    ScheduledThreadPoolExecutor timer =
        new ScheduledThreadPoolExecutor(1, task -> new Thread(task, "redis-test-timer"));
    timer.setRemoveOnCancelPolicy(true);
    timer.setKeepAliveTime(10, TimeUnit.MILLISECONDS);
    timer.allowCoreThreadTimeOut(true);
    try {
      Future<?> later = timer.schedule(() -> {}, 1, TimeUnit.HOURS);
      AssertionError leak =
          assertThrows(AssertionError.class, () -> guard.patience(SHORT_PATIENCE).check());
      assertThat(leak.getMessage(), containsString("redis-test-timer"));
      later.cancel(false);
      guard.check();
    } finally {
      timer.shutdownNow();
    }
  }

  @Test
  void proxiesDisturbancesAndChildrenThatAreNotClosedAreFound() {
    try (FaultProxy proxy = redis.proxy();
        Disturbance disturbance = Disturbance.every(Duration.ofMinutes(1), () -> {});
        ChildJvms jvms = ChildJvms.start(redis, 1, Idle.class)) {
      assertThat(proxy.connections(), is(0));
      assertThat(jvms.get(0).isAlive(), is(true));
      Awaitility.await().until(disturbance::times, is(1));
      assertThat(
          guard.workingThreads(),
          hasItems(
              "fault-proxy-" + proxy.address(redis.nodes().get(0)),
              "disturbance",
              "child-0-reader"));
    }
    guard.check();
  }

  /** Does nothing until its parent ends it. */
  static final class Idle {

    private Idle() {}

    public static void main(String... args) throws InterruptedException {
      Child.of(args).receive();
    }
  }

  @Test
  void whatASuiteLeavesBehindFailsItsClass() {
    TestRedis leaking = TestRedis.started(redis.kind());
    CountDownLatch end = new CountDownLatch(1);
    FutureTask<Void> waiting =
        new FutureTask<>(
            () -> {
              end.await();
              return null;
            });
    LeakGuard ofLeaking = LeakGuard.of(leaking).threads("redis-test-.*").patience(SHORT_PATIENCE);
    new Thread(waiting, "redis-test-left").start();
    try {
      AssertionError leak = assertThrows(AssertionError.class, () -> leaking.afterClass(ofLeaking));
      assertThat(leak.getMessage(), containsString("redis-test-left"));
    } finally {
      end.countDown();
    }
  }

  @Test
  void whatIsBorrowedIsCounted() throws Exception {
    assertIsCountedWhileItBlocks(redis);
  }

  @Test
  void whatIsBorrowedThroughAVariantIsCountedToo() throws Exception {
    try (TestRedis variant = redis.withMaxTotal(2)) {
      assertIsCountedWhileItBlocks(variant);
    }
  }

  private void assertIsCountedWhileItBlocks(TestRedis used) throws Exception {
    assertThat(used.borrowed(), is(0));
    assertThat(redis.leftBorrowed(), is(empty()));
    String queue = redis.unique("queue");
    UnifiedJedis client = used.client();
    ExecutorService thread = Executors.newSingleThreadExecutor();
    try {
      Future<KeyValue<String, String>> waiting = thread.submit(() -> client.blpop(5.0, queue));
      Awaitility.await().until(used::borrowed, is(1));
      assertThat(redis.leftBorrowed(), hasItem(containsString(used.clientName())));
      redis.admin().rpush(queue, "end");
      assertThat(waiting.get().getValue(), is("end"));
    } finally {
      thread.shutdown();
    }
    assertThat(used.borrowed(), is(0));
    assertThat(redis.leftBorrowed(), is(empty()));
  }
}
