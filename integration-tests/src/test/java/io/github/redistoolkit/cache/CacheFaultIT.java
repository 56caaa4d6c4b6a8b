package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/**
 * The cache over a network that fails. Calls that fail are made at the same time where that is
 * possible, since a cluster client takes seconds to give up.
 */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class CacheFaultIT extends CacheFaultSuite {

  private final String prefix;
  private final CacheService<Integer> cache;

  CacheFaultIT(TestRedis redis) {
    super(redis);
    this.prefix = redis.unique("fault:");
    this.cache = Fixtures.builder(behind, prefix, Integer.class).build();
  }

  @AfterEach
  void closeCache() {
    cache.close();
  }

  private static Throwable failureOf(Future<?> call) {
    return assertThrows(ExecutionException.class, call::get).getCause();
  }

  @Test
  void aSetWhoseReplyIsLostHasHappenedAndThrowsUnlessTheClientSendsItAgain() {
    FaultProxy.Loss loss = network.loseReply("SET", 1, Then.CUT);
    if (redis.topology() == Topology.CLUSTER) {
      cache.set("k", 1);
    } else {
      assertThrows(JedisException.class, () -> cache.set("k", 1));
    }
    assertThat(loss.happened(), is(true));
    assertThat(cache.get("k"), is(Optional.of(1)));
  }

  @Test
  void aPipelineThatBreaksNamesEveryKeyThatMayNotHaveBeenWritten() {
    network.loseReply("SET", 2, Then.CUT);
    Map<String, Integer> values = Map.of("{t}a", 1, "{t}b", 2, "{t}c", 3);
    CacheBatchException failure =
        assertThrows(CacheBatchException.class, () -> cache.setAll(values, MINUTE));
    assertThat(failure.failedKeys().isEmpty(), is(false));
    for (String key : values.keySet()) {
      assertThat(failure.failedKeys().contains(key) || cache.get(key).isPresent(), is(true));
    }
  }

  @Test
  void whenRedisStopsDuringALoadTheValueIsReturnedAndCachingResumesAfterwards() throws Exception {
    CacheAside<String, Integer> aside = new CacheAside<>(cache, MINUTE, id -> id, id -> 7);
    AtomicInteger writes = new AtomicInteger();
    List<Callable<Integer>> answered =
        List.of(() -> cache.getOrLoad("k", MINUTE, () -> 2), () -> aside.get("other"));
    List<Callable<Object>> refused =
        List.of(
            () -> cache.get("k"),
            () -> cache.delete("k"),
            () -> aside.update("k", writes::incrementAndGet),
            Executors.callable(() -> aside.invalidate("k")));
    List<Future<Integer>> answers = new ArrayList<>();
    List<Future<Object>> refusals = new ArrayList<>();
    int value =
        cache.getOrLoad(
            "k",
            MINUTE,
            () -> {
              network.refuse();
              answered.forEach(call -> answers.add(threads.submit(call)));
              refused.forEach(call -> refusals.add(threads.submit(call)));
              return 1;
            });
    assertThat(value, is(1));
    assertThat(List.of(answers.get(0).get(), answers.get(1).get()), is(List.of(2, 7)));
    for (Future<Object> refusal : refusals) {
      assertThat(failureOf(refusal), is(instanceOf(JedisException.class)));
    }
    assertThat(writes.get(), is(0));
    assertThat(cache.stats().uncachedLoads(), is(2L));
    network.accept();
    // The lease of the first load may still be there.
    Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .untilAsserted(
            () -> {
              assertThat(cache.getOrLoad("k", MINUTE, () -> 3), is(3));
              assertThat(cache.get("k"), is(Optional.of(3)));
            });
  }

  @Test
  void asManyLoadsAsThereAreKeepTheirLeasesOverASlowNetwork() throws Exception {
    int count = 100;
    try (CacheService<Integer> slow =
        Fixtures.builder(behind, prefix, Integer.class).lease(Duration.ofSeconds(12)).build()) {
      CountDownLatch begun = new CountDownLatch(count);
      CountDownLatch finish = new CountDownLatch(1);
      List<Future<Integer>> loads = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        int number = i;
        loads.add(
            threads.submit(
                () ->
                    slow.getOrLoad(
                        "k" + number,
                        MINUTE,
                        () -> {
                          begun.countDown();
                          finish.await();
                          return number;
                        })));
      }
      begun.await();
      List<String> leases = stored(count);
      // One after the other, the renewals would take longer than a lease lives.
      network.latency(Duration.ofMillis(200));
      long before = network.requests("EVALSHA");
      Awaitility.await("longer than they live")
          .atMost(Duration.ofSeconds(60))
          .until(() -> network.requests("EVALSHA") - before >= 4L * count);
      assertThat(stored(count), is(leases));
      network.latency(Duration.ZERO);
      finish.countDown();
      for (int i = 0; i < count; i++) {
        assertThat(loads.get(i).get(), is(i));
      }
      assertThat(slow.stats().refusedFills(), is(0L));
    }
  }

  /** What Redis has under the keys of that many loads. */
  private List<String> stored(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> String.valueOf(redis.admin().get(prefix + "k" + i)))
        .map(mark -> mark.substring(0, mark.indexOf('@') + 1))
        .toList();
  }

  @Test
  void anUpdateWhoseReleaseFailsHasWrittenAndSaysSoAndAFailedWriteKeepsItsException()
      throws Exception {
    CacheAside<String, Integer> aside = new CacheAside<>(cache, MINUTE, id -> id, id -> 1);
    CyclicBarrier bothHold = new CyclicBarrier(2);
    CountDownLatch down = new CountDownLatch(1);
    Future<Integer> written =
        threads.submit(
            () ->
                aside.update(
                    "written",
                    () -> {
                      bothHold.await();
                      network.refuse();
                      down.countDown();
                      return 5;
                    }));
    Future<Integer> failed =
        threads.submit(
            () ->
                aside.update(
                    "failed",
                    () -> {
                      bothHold.await();
                      down.await();
                      throw new IllegalStateException("constraint");
                    }));
    CacheInvalidationException notReleased = (CacheInvalidationException) failureOf(written);
    assertThat(notReleased.result(), is(5));
    assertThat(notReleased.getCause(), is(instanceOf(JedisException.class)));
    IllegalStateException constraint = (IllegalStateException) failureOf(failed);
    assertThat(constraint.getSuppressed().length, is(1));
  }
}
