package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** What a lock leaves behind: nothing here, and nothing in Redis that does not expire. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class LockFootprintIT {

  private static final int NAMES =
      "full".equals(System.getProperty("redis.matrix")) ? 100_000 : 10_000;

  private final TestRedis redis;

  LockFootprintIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void namesThatAreUsedOnceLeaveTheHeapFlat() {
    String prefix = redis.unique("once");
    use(prefix + "warm", 1_000);
    long before = usedHeap();
    use(prefix, NAMES);
    long grown = usedHeap() - before;
    // A registry would keep far more than this for each of them.
    assertThat("bytes for each name", grown / NAMES, is(lessThan(100L)));
  }

  @Test
  void namesThatAreUsedOnceLeaveNoKeyWithoutATimeToLive() {
    String prefix = redis.unique("keys");
    use(prefix, 100);
    for (int i = 0; i < 100; i++) {
      String key = "lock:{" + prefix + i + "}";
      assertThat(redis.admin().exists(key), is(false));
      assertThat(redis.admin().exists(key + ":q"), is(false));
      assertThat(redis.admin().pttl(key + ":s") > 0, is(true));
    }
  }

  private void use(String prefix, int names) {
    Duration lease = Duration.ofSeconds(30);
    for (int i = 0; i < names; i++) {
      String name = prefix + i;
      redis
          .over(p -> new RedisLock(p, name, lease), c -> new RedisLock(c, name, lease))
          .tryAcquire()
          .orElseThrow()
          .close();
    }
  }

  private static long usedHeap() {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }
}
