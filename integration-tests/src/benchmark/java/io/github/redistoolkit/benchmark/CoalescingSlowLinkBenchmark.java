package io.github.redistoolkit.benchmark;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.UnaryOperator;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * GET of 100 bytes over a network with a round trip of 4 ms, which a proxy in the same JVM makes:
 * so what the client's CPU did says nothing here.
 */
@State(Scope.Benchmark)
public class CoalescingSlowLinkBenchmark {

  private static final int KEYS = 1_000;
  private static final int CONNECTIONS = 16;
  private static final Duration ROUND_TRIP = Duration.ofMillis(4);

  @Param({"RAW", "COALESCING", "COALESCING_2", "COALESCING_16", "LETTUCE"})
  Through through;

  private Access access;
  private UnaryOperator<String> get;

  @Setup
  public void fill() {
    access = Access.by(through);
    for (int i = 0; i < KEYS; i++) {
      String unused = access.admin().set(key(i), "x".repeat(100));
    }
    Access far = access.far(ROUND_TRIP);
    far.pool().setMaxTotal(CONNECTIONS);
    get =
        switch (through) {
          case RAW -> overPool(far.pool());
          case LETTUCE -> Peers.lettuce(access, far.address()).connect().sync()::get;
          default -> over(far.coalescing());
        };
  }

  private static UnaryOperator<String> overPool(Pool<Jedis> pool) {
    return key -> {
      try (Jedis jedis = pool.getResource()) {
        return jedis.get(key);
      }
    };
  }

  private static UnaryOperator<String> over(UnifiedJedis client) {
    return client::get;
  }

  private String key(int number) {
    return access.name() + number;
  }

  @TearDown
  public void close() {
    access.close();
  }

  @Benchmark
  public String getFromAfar() {
    return get.apply(key(ThreadLocalRandom.current().nextInt(KEYS)));
  }
}
