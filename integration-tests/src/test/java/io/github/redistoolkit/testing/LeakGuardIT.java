package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.PooledClient;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.KeyValue;

@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class LeakGuardIT {

  private final TestRedis redis;

  LeakGuardIT(TestRedis redis) {
    this.redis = redis;
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
      Awaitility.await().until(LeakGuard::workingThreads, hasItem("redis-test-pool"));
      end.countDown();
      work.get();
      Awaitility.await().until(LeakGuard::workingThreads, not(hasItem("redis-test-pool")));
    } finally {
      pool.shutdown();
    }
  }

  @Test
  void aConnectionThatIsStillOpenIsFound() {
    String name = redis.unique("leak");
    try (Jedis jedis = redis.open(redis.address())) {
      jedis.clientSetname(name);
      AssertionError leak =
          assertThrows(
              AssertionError.class, () -> LeakGuard.checkAfterClose(redis.deployment(), name));
      assertThat(leak.getMessage(), containsString("name=" + name));
    }
    LeakGuard.checkAfterClose(redis.deployment(), name);
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
    UnifiedJedis client = used.over(PooledClient::over, given -> given);
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
