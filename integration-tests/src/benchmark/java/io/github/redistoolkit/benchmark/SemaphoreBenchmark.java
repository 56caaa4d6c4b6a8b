package io.github.redistoolkit.benchmark;

import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisSemaphore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.redisson.api.RPermitExpirableSemaphore;

/**
 * A permit of one semaphore that all threads share and that has enough of them, where so many more
 * are held all the time, against Redisson's {@code RPermitExpirableSemaphore}.
 */
@State(Scope.Benchmark)
public class SemaphoreBenchmark {

  private static final Duration LEASE = Duration.ofMinutes(10);

  /** For the threads of the benchmark. */
  private static final int SPARE = 64;

  @Param({"POOL", "CLIENT", "REDISSON"})
  Through through;

  @Param({"0", "100"})
  int held;

  private Access access;
  private Permits permits;
  private final List<Runnable> releases = new ArrayList<>();

  /** Takes a permit that is free, and returns how to give it back. */
  private interface Permits {
    Runnable take();
  }

  @Setup
  public void open() {
    access = Access.by(through);
    permits = through == Through.REDISSON ? redisson() : ours();
    for (int i = 0; i < held; i++) {
      releases.add(permits.take());
    }
  }

  @TearDown
  public void close() {
    releases.forEach(Runnable::run);
    access.close();
  }

  private Permits ours() {
    int all = held + SPARE;
    RedisSemaphore semaphore =
        access.over(
            pool -> new RedisSemaphore(pool, access.name(), all, LEASE),
            client -> new RedisSemaphore(client, access.name(), all, LEASE));
    return () -> {
      Lease lease = semaphore.tryAcquire().orElseThrow();
      return lease::close;
    };
  }

  private Permits redisson() {
    RPermitExpirableSemaphore semaphore =
        Peers.redisson(access).getPermitExpirableSemaphore(access.name());
    if (!semaphore.trySetPermits(held + SPARE)) {
      throw new IllegalStateException("the semaphore was there already");
    }
    return () -> {
      String permit = take(semaphore);
      return () -> semaphore.release(permit);
    };
  }

  private static String take(RPermitExpirableSemaphore semaphore) {
    try {
      return semaphore.tryAcquire(0, LEASE.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      throw new IllegalStateException("interrupted", e);
    }
  }

  @Benchmark
  public void acquireAndRelease() {
    permits.take().run();
  }
}
