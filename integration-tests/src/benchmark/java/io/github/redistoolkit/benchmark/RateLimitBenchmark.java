package io.github.redistoolkit.benchmark;

import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/**
 * An exact sliding window, against the counter that one would write by hand: a script of one key
 * that counts in fixed windows and so lets twice the limit through.
 */
@State(Scope.Benchmark)
public class RateLimitBenchmark {

  private static final Duration WINDOW = Duration.ofSeconds(1);
  private static final String COUNT =
      """
      local n = redis.call('INCR', KEYS[1])
      if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
      return n <= tonumber(ARGV[1]) and 1 or 0
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

  private Function<String, Object> limiter(long permits) {
    return access.isRaw() ? raw(access.pool(), permits) : ours(permits);
  }

  private Function<String, Object> ours(long permits) {
    RateLimiter limiter =
        access
            .over(RateLimiter::builder, RateLimiter::builder)
            .limit(Limit.of(permits, WINDOW))
            .build();
    return limiter::tryAcquire;
  }

  private static Function<String, Object> raw(Pool<Jedis> pool, long permits) {
    String sha1 = RawScript.load(pool, COUNT);
    List<String> args = List.of(Long.toString(permits), Long.toString(WINDOW.toMillis()));
    return id -> {
      try (Jedis jedis = pool.getResource()) {
        return jedis.evalsha(sha1, List.of(id), args);
      }
    };
  }

  /** An id that everyone asks for; at 3 a second nearly always refused, at 10⁶ never. */
  @State(Scope.Benchmark)
  public static class HotId {

    @Param({"3", "1000", "1000000"})
    long permits;

    private Function<String, Object> limiter;
    private String id;

    @Setup
    public void make(RateLimitBenchmark shared) {
      limiter = shared.limiter(permits);
      id = shared.access.name();
    }
  }

  /** Ten thousand ids, each of which is granted what it asks for. */
  @State(Scope.Benchmark)
  public static class ManyIds {

    private Function<String, Object> limiter;
    private List<String> ids;

    @Setup
    public void make(RateLimitBenchmark shared) {
      limiter = shared.limiter(100);
      ids = IntStream.range(0, 10_000).mapToObj(i -> shared.access.name() + "-" + i).toList();
    }
  }

  @Benchmark
  public Object tryAcquire(HotId hot) {
    return hot.limiter.apply(hot.id);
  }

  @Benchmark
  public Object tryAcquireManyIds(ManyIds many) {
    return many.limiter.apply(many.ids.get(ThreadLocalRandom.current().nextInt(10_000)));
  }
}
