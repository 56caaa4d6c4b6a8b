package io.github.redistoolkit.coalescing;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
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
  private final String key;
  private final AtomicBoolean go = new AtomicBoolean(true);
  private final AtomicInteger borrowed = new AtomicInteger();
  private final Queue<String> wrong = new ConcurrentLinkedQueue<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final List<Caller> callers = IntStream.range(0, CALLERS).mapToObj(Caller::new).toList();

  CoalescingFailoverIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
    this.client = redis.over(pool -> Coalescing.over(pool, LANES), c -> Coalescing.over(c, LANES));
    this.key = shared.unique("caller");
  }

  @BeforeEach
  void awaitReplica() {
    servers.awaitReplicated(key);
  }

  @AfterEach
  void endThreads() throws Exception {
    go.set(false);
    threads.shutdownNow();
    assertThat(threads.awaitTermination(30, TimeUnit.SECONDS), is(true));
  }

  /** Writes one value after another to a key of its own, and looks at what was there before. */
  private final class Caller implements Runnable {

    private final int id;
    private volatile long tried;
    private volatile long written;
    private final AtomicInteger acknowledged = new AtomicInteger();
    private final AtomicInteger failed = new AtomicInteger();

    Caller(int id) {
      this.id = id;
    }

    @Override
    public void run() {
      for (long next = 1; go.get(); next++) {
        tried = next;
        try {
          check(client.setGet(key + id, id + ":" + next), next);
          written = next;
          acknowledged.incrementAndGet();
        } catch (JedisException passing) {
          failed.incrementAndGet();
          LockSupport.parkNanos(5_000_000);
        }
        borrowed.accumulateAndGet(redis.borrowed(), Math::max);
      }
    }

    /** It was another caller's reply, or the command was sent twice, unless it is older. */
    private void check(@Nullable String previous, long next) {
      if (previous != null && !(previous.startsWith(id + ":") && number(previous) < next)) {
        wrong.add(previous + " was there before " + id + ":" + next);
      }
    }

    long number(String value) {
      return Long.parseLong(value.substring(value.indexOf(':') + 1));
    }
  }

  /** No connection is lost: both servers answer until everybody knows the new primary. */
  @Test
  void callersGoOnWithTheNewPrimary() throws Exception {
    List<Future<?>> running = start();
    RedisServer before = servers.primaryOf(key);
    servers.failOver(key);
    goOnWithAnother(before, running);
  }

  @Test
  void callersWhosePrimaryDiesAreToldAndGoOnWithTheNewOne() throws Exception {
    List<Future<?>> running = start();
    RedisServer before = servers.primaryOf(key);
    before.kill();
    try {
      servers.awaitFailover(key, before.address());
      goOnWithAnother(before, running);
    } finally {
      before.start();
    }
    for (Caller caller : callers) {
      assertThat("failed calls of " + caller.id, caller.failed.get(), is(greaterThan(0)));
    }
  }

  private List<Future<?>> start() {
    List<Future<?>> running = callers.stream().<Future<?>>map(threads::submit).toList();
    awaitAcknowledged();
    return running;
  }

  /** Each caller is told of some more writes. */
  private void awaitAcknowledged() {
    for (Caller caller : callers) {
      int seen = caller.acknowledged.get();
      await("caller " + caller.id)
          .atMost(Duration.ofMinutes(1))
          .until(() -> caller.acknowledged.get() > seen + 10);
    }
  }

  private void goOnWithAnother(RedisServer before, List<Future<?>> running) throws Exception {
    awaitAcknowledged();
    go.set(false);
    for (Future<?> each : running) {
      each.get(60, TimeUnit.SECONDS);
    }
    RedisServer after = servers.primaryOf(key);
    assertThat(after.address(), is(not(before.address())));
    try (Jedis jedis = redis.open(after.address())) {
      for (Caller caller : callers) {
        assertThat(
            caller.number(jedis.get(key + caller.id)),
            is(allOf(greaterThanOrEqualTo(caller.written), lessThanOrEqualTo(caller.tried))));
      }
    }
    assertThat("the first of " + wrong.size(), wrong.stream().limit(5).toList(), is(empty()));
    assertThat(borrowed.get(), is(lessThanOrEqualTo(LANES)));
    assertThat(redis.borrowed(), is(0));
  }
}
