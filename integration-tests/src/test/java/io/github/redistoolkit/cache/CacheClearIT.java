package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;

/** Clearing a cache that is a small part of a large keyspace. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class CacheClearIT {

  private static final Duration HOUR = Duration.ofHours(1);
  private static final int BATCH = 10_000;

  private final TestRedis redis;
  private final ExecutorService threads = Executors.newCachedThreadPool();

  CacheClearIT(TestRedis redis) {
    this.redis = redis;
  }

  @AfterEach
  void endsItsThreads() {
    threads.shutdownNow();
  }

  private CacheService<Integer> cache(String name) {
    return Fixtures.builder(redis, redis.unique(name), Integer.class).build();
  }

  private static void fill(CacheService<Integer> cache, int count) {
    for (int from = 0; from < count; from += BATCH) {
      Map<String, Integer> batch = new HashMap<>();
      for (int i = from; i < Math.min(from + BATCH, count); i++) {
        batch.put(String.valueOf(i), i);
      }
      cache.setAll(batch, HOUR);
    }
  }

  @Test
  void clearingAmongManyForeignKeysHoldsNobodyUpAndUsesNoCommandThatBlocks(TestReporter reporter)
      throws Exception {
    int foreign = Matrix.size(50_000, 1_000_000);
    int own = 20_000;
    CacheService<Integer> others = cache("foreign:");
    fill(others, foreign);
    CacheService<Integer> cache = cache("own:");
    fill(cache, own);
    long forbidden = blockingCommands();
    long idleMicros = p99MicrosWhile(CacheClearIT::awaitOneSecond);
    long scans = redis.calls("scan");
    long scripts = redis.calls("evalsha") + redis.calls("eval");
    long start = System.nanoTime();
    long micros = p99MicrosWhile(() -> assertThat(cache.clear(), is((long) own)));
    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
    assertThat(blockingCommands(), is(forbidden));
    // In small steps, between which the server answers others.
    assertThat(redis.calls("scan") - scans, is(greaterThan((foreign + own) / 2000L)));
    long steps = redis.calls("evalsha") + redis.calls("eval") - scripts;
    assertThat(steps, is(greaterThan(own / 300L)));
    assertThat(present(others, 0), is(BATCH));
    assertThat(present(others, foreign - BATCH), is(BATCH));
    reporter.publishEntry(
        "clear among " + foreign + " foreign keys",
        millis + " ms, p99 of PING " + micros + " us, without it " + idleMicros + " us");
    // Some milliseconds alone; what else the machine does counts as well.
    assertThat(micros, is(lessThan(TimeUnit.SECONDS.toMicros(1))));
  }

  private static void awaitOneSecond() {
    long start = System.nanoTime();
    Awaitility.await().until(() -> System.nanoTime() - start > TimeUnit.SECONDS.toNanos(1));
  }

  /** How long 99 of 100 other clients wait at most for an answer while something is done. */
  private long p99MicrosWhile(Runnable what) throws Exception {
    AtomicBoolean done = new AtomicBoolean();
    List<Future<List<Long>>> pings = new ArrayList<>();
    for (HostAndPort primary : redis.primaries()) {
      pings.add(threads.submit(() -> ping(primary, done)));
    }
    what.run();
    done.set(true);
    List<Long> nanos = new ArrayList<>();
    for (Future<List<Long>> ping : pings) {
      nanos.addAll(ping.get());
    }
    nanos.sort(null);
    return TimeUnit.NANOSECONDS.toMicros(nanos.get(nanos.size() * 99 / 100));
  }

  private long blockingCommands() {
    return redis.calls("keys") + redis.calls("flushdb") + redis.calls("flushall");
  }

  private List<Long> ping(HostAndPort primary, AtomicBoolean end) {
    List<Long> nanos = new ArrayList<>();
    try (Jedis jedis = redis.open(primary)) {
      do {
        long start = System.nanoTime();
        assertThat(jedis.ping(), is("PONG"));
        nanos.add(System.nanoTime() - start);
        LockSupport.parkNanos(200_000);
      } while (!end.get());
    }
    return nanos;
  }

  private static int present(CacheService<Integer> cache, int from) {
    return cache
        .getAll(IntStream.range(from, from + BATCH).mapToObj(String::valueOf).toList())
        .size();
  }
}
