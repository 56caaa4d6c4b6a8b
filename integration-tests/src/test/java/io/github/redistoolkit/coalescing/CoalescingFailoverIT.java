package io.github.redistoolkit.coalescing;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;

/** Another server becomes the primary while many callers share lanes. */
@EachClient(topologies = Topology.SENTINEL)
class CoalescingFailoverIT {

  private static final int CALLERS = 24;
  private static final int LANES = 2;

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final UnifiedJedis client;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  CoalescingFailoverIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
    this.client = redis.over(pool -> Coalescing.over(pool, LANES), c -> Coalescing.over(c, LANES));
  }

  @AfterEach
  void endThreads() throws Exception {
    threads.shutdownNow();
    assertThat(threads.awaitTermination(30, TimeUnit.SECONDS), is(true));
  }

  @Test
  void callersGoOnWithTheNewPrimary() throws Exception {
    String key = redis.unique("counter");
    servers.awaitReplicated(key);
    HostAndPort before = servers.primaryOf(key).address();
    AtomicBoolean go = new AtomicBoolean(true);
    AtomicLongArray written = new AtomicLongArray(CALLERS);
    AtomicInteger borrowed = new AtomicInteger();
    List<Future<?>> callers = new ArrayList<>();
    for (int i = 0; i < CALLERS; i++) {
      int caller = i;
      callers.add(
          threads.submit(
              () -> {
                while (go.get()) {
                  try {
                    client.set(key + caller, Long.toString(written.get(caller) + 1));
                    written.incrementAndGet(caller);
                  } catch (JedisException passing) {
                    LockSupport.parkNanos(5_000_000);
                  }
                  borrowed.accumulateAndGet(redis.borrowed(), Math::max);
                }
              }));
    }
    servers.failOver(key);
    for (int i = 0; i < CALLERS; i++) {
      int caller = i;
      long seen = written.get(caller);
      await().atMost(Duration.ofMinutes(1)).until(() -> written.get(caller) > seen + 10);
    }
    go.set(false);
    for (Future<?> caller : callers) {
      caller.get(60, TimeUnit.SECONDS);
    }
    HostAndPort after = servers.primaryOf(key).address();
    assertThat(after, is(not(before)));
    try (Jedis jedis = redis.open(after)) {
      for (int i = 0; i < CALLERS; i++) {
        assertThat(jedis.get(key + i), is(Long.toString(written.get(i))));
      }
    }
    assertThat(borrowed.get(), is(lessThanOrEqualTo(LANES)));
    assertThat(redis.borrowed(), is(0));
  }
}
