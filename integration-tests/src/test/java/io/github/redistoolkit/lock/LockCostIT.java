package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;

/** What a lock leaves behind: nothing here, and nothing in Redis that does not expire. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class LockCostIT {

  private static final int NAMES = Matrix.size(5_000, 100_000);

  private final TestRedis redis;

  LockCostIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void namesThatAreUsedOnceLeaveTheHeapFlat() {
    String prefix = redis.unique("once");
    use(prefix + "warm", 1_000);
    // A registry would keep far more than this for each of them, every time; what else this JVM
    // does grows its heap only now and then.
    long bound = 100L;
    long grown = Long.MAX_VALUE;
    for (int round = 0; round < 5 && grown >= bound; round++) {
      long before = usedHeap();
      use(prefix + round, NAMES);
      grown = (usedHeap() - before) / NAMES;
    }
    assertThat("bytes for each name", grown, is(lessThan(bound)));
  }

  @Test
  void namesThatAreUsedOnceLeaveNoKeyWithoutATimeToLive() {
    String prefix = redis.unique("keys");
    use(prefix, NAMES);
    long keys = 0;
    for (HostAndPort primary : redis.primaries()) {
      try (Jedis jedis = redis.open(primary)) {
        Matcher line =
            Pattern.compile("keys=(\\d+),expires=(\\d+),avg_ttl=(\\d+)")
                .matcher(jedis.info("keyspace"));
        while (line.find()) {
          keys += Long.parseLong(line.group(1));
          assertThat("keys that expire", line.group(2), is(line.group(1)));
        }
      }
    }
    // Of each name at most the state, until it is forgotten; nobody was to be woken.
    assertThat(keys, is(lessThanOrEqualTo((long) NAMES)));
    assertThat(keys, is(greaterThan(0L)));
    for (int i = 0; i < NAMES; i += NAMES / 100) {
      long ttl = redis.admin().pttl(Locks.key(prefix + i));
      assertThat(ttl, is(allOf(not(-1L), lessThanOrEqualTo(LockCommands.MEMORY_MILLIS))));
    }
  }

  @Test
  void aNameThatIsUsedOnceLeavesAHundredBytesAtMost() {
    // The name itself is not counted in.
    String name = redis.unique("n");
    use(name, 1);
    long bytes = redis.admin().memoryUsage(Locks.key(name + 0));
    assertThat(bytes - Locks.key(name + 0).length(), is(lessThanOrEqualTo(100L)));
  }

  @Test
  void aNameWhoseTimeIsOverLeavesNoKey() {
    String name = redis.unique("over");
    RedisLock lock = Locks.lock(redis, name, Duration.ofSeconds(30));
    Lease lease = lock.tryAcquire().orElseThrow();
    // False if it is over by the time of the answer.
    boolean unused = lease.extend(Duration.ofMillis(200));
    // As if the time had passed for which it is remembered.
    assertThat(redis.admin().pexpire(Locks.key(name), 300), is(1L));
    await().until(() -> !redis.admin().exists(Locks.key(name)));
    assertThat(lease.isHeld(), is(false));
    try (Lease next = lock.tryAcquire().orElseThrow()) {
      assertThat(next.token(), is(greaterThan(lease.token())));
    }
  }

  private void use(String prefix, int names) {
    Duration lease = Duration.ofSeconds(30);
    for (int i = 0; i < names; i++) {
      String name = prefix + i;
      Locks.lock(redis, name, lease).tryAcquire().orElseThrow().close();
    }
  }

  private static long usedHeap() {
    for (int i = 0; i < 3; i++) {
      System.gc();
    }
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }
}
