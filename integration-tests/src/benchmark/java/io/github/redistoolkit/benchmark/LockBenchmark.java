package io.github.redistoolkit.benchmark;

import java.util.function.Function;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.ThreadParams;

/** A lock that nobody else wants, against {@code SET NX PX} and a compare-and-delete script. */
@State(Scope.Benchmark)
public class LockBenchmark {

  @Param({"RAW", "POOL", "CLIENT", "REDISSON", "SPRING_JEDIS", "SPRING_LETTUCE", "SHEDLOCK"})
  Through through;

  private Access access;
  private Function<String, Mutex> client;

  @Setup
  public void open() {
    access = Access.by(through);
    client = Mutex.client(access);
  }

  /** A lock takes memory while it is held. */
  @TearDown(Level.Iteration)
  public void weigh() {
    Mutex mutex = client.apply(access.name() + "-1000");
    if (mutex.tryAcquire()) {
      access.weighNow();
      mutex.release();
    }
  }

  @TearDown
  public void close() {
    access.close();
  }

  /** A thread's own lock. */
  @State(Scope.Thread)
  public static class Mine {

    private Mutex mutex;

    @Setup
    public void make(LockBenchmark shared, ThreadParams thread) {
      mutex = shared.client.apply(shared.access.name() + "-" + thread.getThreadIndex());
    }
  }

  @Benchmark
  public void acquireAndRelease(Mine mine) {
    if (!mine.mutex.tryAcquire()) {
      throw new IllegalStateException("the lock was not free");
    }
    mine.mutex.release();
  }
}
