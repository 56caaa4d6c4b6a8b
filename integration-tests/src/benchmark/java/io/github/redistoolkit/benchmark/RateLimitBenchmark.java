package io.github.redistoolkit.benchmark;

import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** An exact sliding window, against the counter that one would write by hand. */
@State(Scope.Benchmark)
public class RateLimitBenchmark {

  @Param({"RAW", "POOL", "CLIENT", "REDISSON", "BUCKET4J", "TWO_KEYS", "DENY_CACHE", "AHEAD"})
  Through through;

  private Access access;

  @Setup
  public void open() {
    access = Access.by(through);
  }

  @TearDown
  public void close() {
    access.close();
  }

  /** An id that everyone asks for, and that is refused nearly always. */
  @State(Scope.Benchmark)
  public static class HotId {

    private Decisions decisions;
    private String id;

    @Setup
    public void make(RateLimitBenchmark shared) {
      decisions = Decisions.open(shared.access, 3);
      id = shared.access.name();
      decisions.prepare(List.of(id));
    }
  }

  /** Ten thousand ids, each of which is granted what it asks for. */
  @State(Scope.Benchmark)
  public static class ManyIds {

    /** How many a second each may have. */
    @Param({"100", "1000000"})
    int permits;

    private Decisions decisions;
    private Decisions buckets;
    private List<String> ids;

    @Setup
    public void make(RateLimitBenchmark shared) {
      decisions = Decisions.open(shared.access, permits);
      buckets = Decisions.openBucket(shared.access, permits);
      ids = IntStream.range(0, 10_000).mapToObj(i -> shared.access.name() + "-" + i).toList();
      decisions.prepare(ids);
      buckets.prepare(ids.stream().map(ManyIds::ofBucket).toList());
    }

    private static String ofBucket(String id) {
      return id + "b";
    }

    private String any() {
      return ids.get(ThreadLocalRandom.current().nextInt(ids.size()));
    }
  }

  /** An id that everyone asks for, and that is granted up to a limit that is reached. */
  @State(Scope.Benchmark)
  public static class SaturatedId {

    private Decisions decisions;
    private String id;

    @Setup
    public void make(RateLimitBenchmark shared) {
      decisions = Decisions.open(shared.access, 1000);
      id = shared.access.name();
      decisions.prepare(List.of(id));
    }
  }

  @Benchmark
  public boolean refusedHotId(HotId hot) {
    return hot.decisions.tryAcquire(hot.id);
  }

  @Benchmark
  public boolean granted10000Ids(ManyIds many) {
    return many.decisions.tryAcquire(many.any());
  }

  @Benchmark
  public boolean granted10000IdsBucket(ManyIds many) {
    return many.buckets.tryAcquire(ManyIds.ofBucket(many.any()));
  }

  @Benchmark
  public boolean saturatedHotId(SaturatedId hot) {
    return hot.decisions.tryAcquire(hot.id);
  }
}
