package io.github.redistoolkit.coalescing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.UnifiedJedis;

/** What the server is asked for, and how often it reads. */
@EachClient(never = ClientKind.COALESCING)
@Tag("smoke")
class CoalescingCostIT {

  private static final String READS = "(?s).*\\btotal_reads_processed:(\\d+).*";

  private final TestRedis redis;

  CoalescingCostIT(TestRedis redis) {
    this.redis = redis;
  }

  private UnifiedJedis coalescing(int lanes) {
    return redis.over(pool -> Coalescing.over(pool, lanes), c -> Coalescing.over(c, lanes));
  }

  /**
   * What the server did.
   *
   * @param reads how often it read from a connection, asking for this included
   * @param gets how many {@code GET}s it ran
   * @param sets how many {@code SET}s it ran
   */
  private record Work(long reads, long gets, long sets) {

    Work since(Work before) {
      return new Work(reads - before.reads, gets - before.gets, sets - before.sets);
    }
  }

  private Work soFar() {
    long gets = redis.calls("get");
    long sets = redis.calls("set");
    // Last: nothing but this is read between it and what is measured, nor after.
    return new Work(
        Long.parseLong(redis.admin().info("stats").replaceAll(READS, "$1")), gets, sets);
  }

  private Work ofOneCaller(UnifiedJedis client) {
    String key = redis.unique("key");
    String made = client.set(key, "a connection is there");
    assertThat(made, is("OK"));
    Work before = soFar();
    for (int i = 0; i < 200; i++) {
      assertThat(client.set(key, "value " + i), is("OK"));
      assertThat(client.get(key), is("value " + i));
    }
    return soFar().since(before);
  }

  static Stream<Threads> threads() {
    return Threads.ofThisJava();
  }

  @Test
  void oneCallerCostsTheCommandsAndReadsThatItDoesWithout() {
    Work without = ofOneCaller(redis.client());
    assertThat(without.gets(), is(200L));
    assertThat(ofOneCaller(coalescing(4)), is(without));
    assertThat(ofOneCaller(coalescing(1)), is(without));
  }

  @ParameterizedTest
  @MethodSource("threads")
  void theServerReadsFourAndMoreCommandsOf32CallersAtATime(Threads kind) throws Exception {
    UnifiedJedis client = coalescing(2);
    String key = redis.unique("key");
    client.set(key, "value");
    ExecutorService threads = kind.executor();
    try {
      CountDownLatch all = new CountDownLatch(32);
      AtomicInteger borrowed = new AtomicInteger();
      List<Future<?>> callers = new ArrayList<>();
      Work before = soFar();
      for (int i = 0; i < 32; i++) {
        callers.add(
            threads.submit(
                () -> {
                  all.countDown();
                  all.await();
                  for (int n = 0; n < Matrix.size(500, 10_000); n++) {
                    assertThat(client.get(key), is("value"));
                    borrowed.accumulateAndGet(redis.borrowed(), Math::max);
                  }
                  return null;
                }));
      }
      for (Future<?> caller : callers) {
        caller.get(60, TimeUnit.SECONDS);
      }
      Work work = soFar().since(before);
      assertThat(work.gets(), is(32L * Matrix.size(500, 10_000)));
      assertThat((double) work.gets() / work.reads(), is(greaterThanOrEqualTo(4.0)));
      assertThat(borrowed.get(), is(lessThanOrEqualTo(2)));
      assertThat(redis.borrowed(), is(0));
    } finally {
      threads.shutdownNow();
      assertThat(threads.awaitTermination(30, TimeUnit.SECONDS), is(true));
    }
  }
}
