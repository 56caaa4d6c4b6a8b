package io.github.redistoolkit.benchmark;

import io.lettuce.core.api.sync.RedisCommands;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.StringCodec;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * GET and SET of 100 bytes by many threads: a pool of 16 connections, against commands over the
 * same pool that share a flush. Ask for the numbers of threads, as in {@code
 * -Djmh.callers=1,32,1000v}.
 */
@State(Scope.Benchmark)
public class CoalescingBenchmark {

  private static final int KEYS = 1_000;
  private static final int CONNECTIONS = 16;
  private static final String VALUE = "x".repeat(100);

  @Param({"RAW", "COALESCING", "COALESCING_2", "LETTUCE", "REDISSON"})
  Through through;

  private Access access;
  private UnaryOperator<String> get;
  private BiConsumer<String, String> set;

  @Setup
  public void fill() {
    access = Access.by(through);
    access.pool().setMaxTotal(CONNECTIONS);
    switch (through) {
      case RAW -> overPool(access.pool());
      case COALESCING, COALESCING_2 -> over(access.coalescing());
      case LETTUCE -> over(Peers.lettuce(access).connect().sync());
      case REDISSON -> over(Peers.redisson(access, CONNECTIONS));
      default -> throw new IllegalArgumentException(through + " is no row of this");
    }
    for (int i = 0; i < KEYS; i++) {
      set.accept(key(i), VALUE);
    }
    if (!VALUE.equals(get.apply(key(0)))) {
      throw new IllegalStateException("not what was set: " + get.apply(key(0)));
    }
  }

  private void overPool(Pool<Jedis> pool) {
    get =
        key -> {
          try (Jedis jedis = pool.getResource()) {
            return jedis.get(key);
          }
        };
    set =
        (key, value) -> {
          try (Jedis jedis = pool.getResource()) {
            jedis.set(key, value);
          }
        };
  }

  private void over(UnifiedJedis client) {
    get = client::get;
    set = client::set;
  }

  private void over(RedisCommands<String, String> lettuce) {
    get = lettuce::get;
    set = lettuce::set;
  }

  private void over(RedissonClient redisson) {
    get = key -> redisson.<String>getBucket(key, StringCodec.INSTANCE).get();
    set = (key, value) -> redisson.<String>getBucket(key, StringCodec.INSTANCE).set(value);
  }

  private String key(int number) {
    return access.name() + number;
  }

  private String anyKey() {
    return key(ThreadLocalRandom.current().nextInt(KEYS));
  }

  @TearDown
  public void close() {
    access.close();
  }

  @Benchmark
  public String get(CallerCount caller) {
    caller.served();
    return get.apply(anyKey());
  }

  @Benchmark
  public void set(CallerCount caller) {
    caller.served();
    set.accept(anyKey(), VALUE);
  }
}
