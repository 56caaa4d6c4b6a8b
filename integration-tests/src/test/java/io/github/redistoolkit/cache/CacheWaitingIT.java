package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.both;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy.Loss;
import io.github.redistoolkit.testing.FaultProxy.Request;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.params.SetParams;

/** What many callers of one JVM ask of Redis while one key is absent, and what comes between. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class CacheWaitingIT extends CacheFaultSuite {

  private static final int CALLERS = 50;

  private final String key;

  /** Waits for replies for as long as a busy machine takes to let every caller ask. */
  private final TestRedis patient;

  private final CacheService<Integer> cache;
  private final CacheService<Integer> otherJvm;
  private final AtomicInteger loads = new AtomicInteger();

  CacheWaitingIT(TestRedis redis) {
    super(redis);
    this.key = redis.unique("waiting");
    this.patient = behind.with(config -> config.socketTimeoutMillis(60_000));
    this.cache = Fixtures.cache(patient, Integer.class);
    this.otherJvm = Fixtures.cache(redis, Integer.class);
  }

  @AfterEach
  void closeCaches() {
    cache.close();
    otherJvm.close();
    patient.close();
  }

  private List<Future<Integer>> callers() {
    return callers(loads::incrementAndGet);
  }

  private List<Future<Integer>> callers(Loader<Integer> loader) {
    List<Future<Integer>> callers = new ArrayList<>();
    for (int i = 0; i < CALLERS; i++) {
      callers.add(threads.submit(() -> cache.getOrLoad(key, MINUTE, loader)));
    }
    return callers;
  }

  private static List<Integer> results(List<Future<Integer>> callers) throws Exception {
    List<Integer> results = new ArrayList<>();
    for (Future<Integer> caller : callers) {
      results.add(caller.get(60, TimeUnit.SECONDS));
    }
    return results;
  }

  @Test
  void oneCallerAsksForAllWhileAnotherJvmLoads() throws Exception {
    redis.admin().set(key, Fixtures.lease(Duration.ofMinutes(1)), SetParams.setParams().px(60_000));
    long getsBefore = network.requests("GET");
    long looksBefore = network.requests("GETRANGE");
    long start = System.nanoTime();
    List<Future<Integer>> callers = callers();
    Awaitility.await().until(() -> cache.stats().misses() == CALLERS);
    Awaitility.await()
        .pollDelay(Duration.ofMillis(400))
        .until(() -> Fixtures.waitingIn(Waits.class, "awaitEndOf") == CALLERS - 1);
    assertThat(network.requests("GET") - getsBefore, is((long) CALLERS));
    long looks = network.requests("GETRANGE") - looksBefore;
    long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
    // One of them after 1, 2, 4, 8, 16 and 32 ms, and every 50 ms from then on.
    long atMost = 7 + millis / 50;
    assertThat(looks, is(both(greaterThan(0L)).and(lessThanOrEqualTo(atMost))));
    otherJvm.set(key, 7);
    assertThat(results(callers), everyItem(is(7)));
    assertThat(loads.get(), is(0));
  }

  @Test
  void whoWaitsReadsTheLeaseAndNotWhatItKeeps() throws Exception {
    int kept = 1 << 20;
    redis
        .admin()
        .set(
            key,
            Fixtures.lease(Duration.ofMinutes(1)) + "\n" + "x".repeat(kept),
            SetParams.setParams().px(60_000));
    long before = network.repliedBytes();
    long looksBefore = network.requests("GETRANGE");
    Future<Integer> waiting =
        threads.submit(() -> cache.getOrLoad(key, MINUTE, loads::incrementAndGet));
    Awaitility.await().until(() -> network.requests("GETRANGE") - looksBefore >= 10);
    otherJvm.set(key, 7);
    assertThat(waiting.get(60, TimeUnit.SECONDS), is(7));
    assertThat(loads.get(), is(0));
    // All of it once, to see that there is no value.
    assertThat(network.repliedBytes() - before, is(lessThan(2L * kept)));
  }

  @Test
  void oneCallerClaimsForAllWhoMiss() throws Exception {
    AtomicInteger claims = new AtomicInteger();
    CountDownLatch missing = new CountDownLatch(CALLERS);
    network.loseReply(
        request -> {
          if (isRead(request)) {
            // All miss before one of them claims.
            missing.countDown();
            await(missing);
          } else if (CacheScriptsIT.isRunOf(Scripts.CLAIM, request)) {
            claims.incrementAndGet();
            // It is under way for as long as it takes all the others to need it.
            Awaitility.await()
                .atMost(Duration.ofSeconds(30))
                .until(() -> Fixtures.waitingIn(LeasedLoads.class, "claim") == CALLERS - 1);
          }
          return false;
        },
        1,
        Then.CUT);
    // Nor does it end while one of them may still have seen the lease and not the load.
    Loader<Integer> untilAllWait =
        () -> {
          Awaitility.await()
              .atMost(Duration.ofSeconds(30))
              .until(() -> Fixtures.waitingIn(Waits.class, "join") == CALLERS - 1);
          return loads.incrementAndGet();
        };
    assertThat(results(callers(untilAllWait)), everyItem(is(1)));
    assertThat(claims.get(), is(1));
    assertThat(loads.get(), is(1));
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS), is(true));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void whatIsSetAfterAMissIsNotReplacedByALoad() {
    Loss unused = setWhenRead();
    assertThat(cache.getOrLoad(key, MINUTE, loads::incrementAndGet), is(7));
    assertThat(loads.get(), is(0));
  }

  @Test
  void whatIsSetAfterAnUndecodableEntryWasReadIsNotReplacedByALoad() {
    redis.admin().set(key, "{corrupt", SetParams.setParams().px(60_000));
    Loss unused = setWhenRead();
    assertThat(cache.getOrLoad(key, MINUTE, loads::incrementAndGet), is(7));
    assertThat(loads.get(), is(0));
    assertThat(cache.stats().undecodable(), is(1L));
    assertThat(cache.get(key), is(Optional.of(7)));
  }

  /** Has another JVM set a value while the reply to the first read of the key is on its way. */
  private Loss setWhenRead() {
    AtomicBoolean set = new AtomicBoolean();
    return network.loseReply(
        request -> {
          if (isRead(request) && set.compareAndSet(false, true)) {
            otherJvm.set(key, 7);
          }
          return false;
        },
        1,
        Then.CUT);
  }

  private boolean isRead(Request request) {
    return request.name().equals("GET") && request.arguments().equals(List.of(key));
  }
}
