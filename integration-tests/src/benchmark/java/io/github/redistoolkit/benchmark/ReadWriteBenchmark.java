package io.github.redistoolkit.benchmark;

import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisReadWriteLock;
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
import org.redisson.api.RReadWriteLock;

/**
 * A read-write lock that nobody has to wait for, against Redisson's {@code RReadWriteLock}: all
 * threads read the same one, beside so many other readers, or each writes one of its own.
 */
@State(Scope.Benchmark)
public class ReadWriteBenchmark {

  private static final Duration LEASE = Duration.ofMinutes(10);

  /** What all threads do. */
  public enum Use {
    READ(0),
    READ_BESIDE_100(100),
    WRITE(0);

    private final int held;

    Use(int held) {
      this.held = held;
    }
  }

  @Param({"POOL", "CLIENT", "REDISSON"})
  Through through;

  @Param Use use;

  private Access access;
  private Guard shared;
  private final List<Runnable> releases = new ArrayList<>();

  /** Takes what is free, and returns how to give it back. */
  private interface Guard {
    Runnable read(long who);

    Runnable write(long who);
  }

  /** What a thread has for itself. */
  @State(Scope.Thread)
  public static class Own {

    private Guard guard;
    private long who;

    /** Gives the thread a lock of its own. */
    @Setup
    public void open(ReadWriteBenchmark all) {
      who = Thread.currentThread().getId();
      guard = all.guard(all.access.name() + ":" + who);
    }
  }

  @Setup
  public void open() {
    access = Access.by(through);
    shared = guard(access.name());
    for (int i = 0; i < use.held; i++) {
      // Redisson's belong to a thread, or to whoever is said to be one.
      releases.add(shared.read(1_000_000L + i));
    }
  }

  @TearDown
  public void close() {
    releases.forEach(Runnable::run);
    access.close();
  }

  private Guard guard(String name) {
    return through == Through.REDISSON ? redisson(name) : ours(name);
  }

  private Guard ours(String name) {
    RedisReadWriteLock lock =
        access.over(
            pool -> new RedisReadWriteLock(pool, name, LEASE),
            client -> new RedisReadWriteLock(client, name, LEASE));
    return new Guard() {
      @Override
      public Runnable read(long who) {
        Lease lease = lock.readLock().tryAcquire().orElseThrow();
        return lease::close;
      }

      @Override
      public Runnable write(long who) {
        Lease lease = lock.writeLock().tryAcquire().orElseThrow();
        return lease::close;
      }
    };
  }

  private Guard redisson(String name) {
    RReadWriteLock lock = Peers.redisson(access).getReadWriteLock(name);
    return new Guard() {
      @Override
      public Runnable read(long who) {
        lock.readLock()
            .lockAsync(LEASE.toMillis(), TimeUnit.MILLISECONDS, who)
            .toCompletableFuture()
            .join();
        return () -> lock.readLock().unlockAsync(who).toCompletableFuture().join();
      }

      @Override
      public Runnable write(long who) {
        lock.writeLock()
            .lockAsync(LEASE.toMillis(), TimeUnit.MILLISECONDS, who)
            .toCompletableFuture()
            .join();
        return () -> lock.writeLock().unlockAsync(who).toCompletableFuture().join();
      }
    };
  }

  @Benchmark
  public void acquireAndRelease(Own own) {
    if (use == Use.WRITE) {
      own.guard.write(own.who).run();
    } else {
      shared.read(own.who).run();
    }
  }
}
