package io.github.redistoolkit.benchmark;

import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.UnaryOperator;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;

/**
 * GET of 100 bytes while another thread, which is not measured, gets 2 MB every 20 ms by the same
 * pool or client.
 */
@State(Scope.Benchmark)
public class CoalescingLargeRepliesBenchmark {

  private static final int KEYS = 1_000;
  private static final int CONNECTIONS = 16;
  private static final int LARGE = 2 << 20;
  private static final long PERIOD_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

  @Param({"RAW", "COALESCING", "COALESCING_2"})
  Through through;

  private Access access;
  private UnaryOperator<String> get;
  private Thread beside;
  private volatile boolean ends;
  private volatile RuntimeException failure;

  @Setup
  public void fill() {
    access = Access.by(through);
    access.pool().setMaxTotal(CONNECTIONS);
    for (int i = 0; i < KEYS; i++) {
      String unused = access.admin().set(key(i), "x".repeat(100));
    }
    String unused = access.admin().set(key(KEYS), "x".repeat(LARGE));
    get = access.isRaw() ? this::getOverPool : over(access.coalescing());
    beside = new Thread(this::getLarge, "large replies");
    beside.start();
  }

  private String getOverPool(String key) {
    try (Jedis jedis = access.pool().getResource()) {
      return jedis.get(key);
    }
  }

  private static UnaryOperator<String> over(UnifiedJedis client) {
    return client::get;
  }

  private void getLarge() {
    try {
      while (!ends) {
        if (get.apply(key(KEYS)).length() != LARGE) {
          throw new IllegalStateException("not what was set");
        }
        LockSupport.parkNanos(PERIOD_NANOS);
      }
    } catch (RuntimeException e) {
      failure = e;
    }
  }

  private String key(int number) {
    return access.name() + number;
  }

  @TearDown
  public void close() throws InterruptedException {
    ends = true;
    beside.join();
    access.close();
    if (failure != null) {
      throw failure;
    }
  }

  @Benchmark
  public String getBesideLargeReplies(CallerCount caller) {
    caller.served();
    return get.apply(key(ThreadLocalRandom.current().nextInt(KEYS)));
  }
}
