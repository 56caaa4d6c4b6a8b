package io.github.redistoolkit.benchmark;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.idempotency.Claim;
import io.github.redistoolkit.idempotency.IdempotencyService;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.ThreadParams;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/**
 * A request that is new and one that was seen, against two scripts that one would write by hand.
 */
@State(Scope.Benchmark)
public class IdempotencyBenchmark {

  private static final Duration TTL = Duration.ofMinutes(10);
  private static final Receipt RECEIPT = new Receipt("r-123456", 4200, "EUR");

  @Param({"RAW", "POOL", "CLIENT"})
  Through through;

  private Access access;
  private Requests requests;

  record Receipt(String id, long cents, String currency) {}

  /** What is measured. */
  interface Requests {

    /** Claims a key and completes it; null if it was completed before. */
    Receipt run(String key);

    /** The result of a key that was completed. */
    Receipt replay(String key);
  }

  @Setup
  public void open() {
    access = Access.by(through);
    requests =
        access.isRaw()
            ? new Raw(access.pool())
            : new Ours(
                access.over(
                    pool -> new IdempotencyService(pool, TTL),
                    client -> new IdempotencyService(client, TTL)));
  }

  @TearDown
  public void close() {
    access.close();
  }

  /** A key that was completed. */
  @State(Scope.Benchmark)
  public static class Seen {

    private String key;

    @Setup
    public void complete(IdempotencyBenchmark shared) {
      key = shared.access.name() + "-seen";
      Objects.requireNonNull(shared.requests.run(key));
    }
  }

  /** Keys that nobody has seen. */
  @State(Scope.Thread)
  public static class New {

    private String start;
    private long count;

    @Setup
    public void begin(IdempotencyBenchmark shared, ThreadParams thread) {
      start = shared.access.name() + "-" + thread.getThreadIndex() + "-";
    }

    String next() {
      return start + count++;
    }
  }

  @Benchmark
  public Receipt beginAndComplete(New keys) {
    return Objects.requireNonNull(requests.run(keys.next()), "the key was not new");
  }

  @Benchmark
  public Receipt replay(Seen seen) {
    return Objects.requireNonNull(requests.replay(seen.key), "the key was not seen");
  }

  private record Ours(IdempotencyService service) implements Requests {

    private static final TypeToken<Receipt> TYPE = TypeToken.get(Receipt.class);

    @Override
    public Receipt run(String key) {
      try (Claim<Receipt> claim = service.begin(key, null, TYPE)) {
        if (claim.isReplay()) {
          return null;
        }
        claim.complete(RECEIPT);
        return RECEIPT;
      }
    }

    @Override
    public Receipt replay(String key) {
      try (Claim<Receipt> claim = service.begin(key, null, TYPE)) {
        return claim.isReplay() ? claim.result() : null;
      }
    }
  }

  private static final class Raw implements Requests {

    private static final String BEGIN =
        """
        local record = redis.call('GET', KEYS[1])
        if record then return record end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return false
        """;
    private static final String COMPLETE =
        """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
        return 1
        """;
    private static final String OWNER = "0123456789abcdef012345";

    private final Pool<Jedis> pool;
    private final String begin;
    private final String complete;
    private final Gson gson = Json.defaultGson();
    private final String ttl = Long.toString(TTL.toMillis());

    Raw(Pool<Jedis> pool) {
      this.pool = pool;
      this.begin = RawScript.load(pool, BEGIN);
      this.complete = RawScript.load(pool, COMPLETE);
    }

    @Override
    public Receipt run(String key) {
      if (begin(key) != null) {
        return null;
      }
      try (Jedis jedis = pool.getResource()) {
        List<String> args = List.of(OWNER, ttl, gson.toJson(RECEIPT));
        return jedis.evalsha(complete, List.of(key), args).equals(1L) ? RECEIPT : null;
      }
    }

    @Override
    public Receipt replay(String key) {
      return gson.fromJson(begin(key), Receipt.class);
    }

    private String begin(String key) {
      try (Jedis jedis = pool.getResource()) {
        return (String) jedis.evalsha(begin, List.of(key), List.of(OWNER, ttl));
      }
    }
  }
}
