package io.github.redistoolkit.benchmark;

import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.ThreadParams;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.params.SetParams;
import redis.clients.jedis.util.Pool;

/** A lock that nobody else wants, against {@code SET NX PX} and a compare-and-delete script. */
@State(Scope.Benchmark)
public class LockBenchmark {

  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final String RELEASE =
      """
      if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
      return 0
      """;

  @Param Through through;
  private Access access;

  @Setup
  public void open() {
    access = Access.by(through);
  }

  @TearDown
  public void close() {
    access.close();
  }

  /** A thread's own lock. */
  @State(Scope.Thread)
  public static class Mine {

    private BooleanSupplier acquireAndRelease;

    @Setup
    public void make(LockBenchmark shared, ThreadParams thread) {
      String name = shared.access.name() + "-" + thread.getThreadIndex();
      acquireAndRelease =
          shared.access.isRaw() ? raw(shared.access.pool(), name) : ours(shared, name);
    }

    private static BooleanSupplier ours(LockBenchmark shared, String name) {
      RedisLock lock =
          shared.access.over(
              pool -> new RedisLock(pool, name, LEASE),
              client -> new RedisLock(client, name, LEASE));
      return () -> lock.tryAcquire().map(Lease::release).orElse(false);
    }

    private static BooleanSupplier raw(Pool<Jedis> pool, String name) {
      String sha1 = RawScript.load(pool, RELEASE);
      List<String> keys = List.of(name);
      List<String> owner = List.of("0123456789abcdef0123456789abcdef");
      return () -> {
        try (Jedis jedis = pool.getResource()) {
          SetParams ifFree = SetParams.setParams().nx().px(LEASE.toMillis());
          if (jedis.set(name, owner.get(0), ifFree) == null) {
            return false;
          }
        }
        // A connection is not held while the lock is.
        try (Jedis jedis = pool.getResource()) {
          return jedis.evalsha(sha1, keys, owner).equals(1L);
        }
      };
    }
  }

  @Benchmark
  public void acquireAndRelease(Mine mine) {
    if (!mine.acquireAndRelease.getAsBoolean()) {
      throw new IllegalStateException("the lock was not free");
    }
  }
}
