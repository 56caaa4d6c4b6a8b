package io.github.redistoolkit.benchmark;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.idempotency.Claim;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.idempotency.Request;
import java.time.Duration;
import java.util.Objects;
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

/**
 * A request that is new and one that was seen, against two plain {@code SET}s and one {@code GET}.
 */
@State(Scope.Benchmark)
public class IdempotencyBenchmark {

  private static final Duration TTL = Duration.ofMinutes(10);
  private static final int SMALL = 200;
  private static final int LARGEST = 2 << 20;

  @Param({"RAW", "POOL", "CLIENT"})
  Through through;

  private Access access;
  private Requests requests;

  record Receipt(String id, long cents, String note) {

    /** One of about so many bytes as JSON. */
    static Receipt of(int bytes) {
      return new Receipt("r-123456", 4200, "n".repeat(bytes - 40));
    }
  }

  /** What is measured. */
  interface Requests {

    /** Claims a key and completes it; null if it was completed before. */
    Receipt run(String key, Receipt receipt);

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
                    pool -> built(IdempotencyService.builder(pool, "benchmark")),
                    client -> built(IdempotencyService.builder(client, "benchmark"))));
  }

  private static IdempotencyService built(IdempotencyService.Builder builder) {
    return builder.ttl(TTL).maxResultBytes(LARGEST).build();
  }

  @TearDown
  public void close() {
    access.close();
  }

  /** A key that was completed. */
  @State(Scope.Benchmark)
  public static class Seen {

    /** Of the result, as JSON. */
    @Param({"200", "1048576"})
    int bytes;

    private String key;

    @Setup
    public void complete(IdempotencyBenchmark shared) {
      key = shared.access.name() + "-seen";
      Objects.requireNonNull(shared.requests.run(key, Receipt.of(bytes)));
    }
  }

  /** Keys that nobody has seen. */
  @State(Scope.Thread)
  public static class New {

    private final Receipt receipt = Receipt.of(SMALL);
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
    return Objects.requireNonNull(requests.run(keys.next(), keys.receipt), "the key was not new");
  }

  @Benchmark
  public Receipt replay(Seen seen) {
    return Objects.requireNonNull(requests.replay(seen.key), "the key was not seen");
  }

  private record Ours(IdempotencyService service) implements Requests {

    private static final TypeToken<Receipt> TYPE = TypeToken.get(Receipt.class);

    @Override
    public Receipt run(String key, Receipt receipt) {
      try (Claim<Receipt> claim = service.begin(Request.of(key), TYPE)) {
        if (claim.replayed()) {
          return null;
        }
        claim.complete(receipt);
        return receipt;
      }
    }

    @Override
    public Receipt replay(String key) {
      try (Claim<Receipt> claim = service.begin(Request.of(key), TYPE)) {
        return claim.replayed() ? claim.result() : null;
      }
    }
  }

  /** The least that it could cost: a claim and a result are written, and a result is read. */
  private static final class Raw implements Requests {

    private static final String OWNER = "0123456789abcdef012345";

    private final Pool<Jedis> pool;
    private final Gson gson = Json.defaultGson();
    private final SetParams ttl = SetParams.setParams().px(TTL.toMillis());

    Raw(Pool<Jedis> pool) {
      this.pool = pool;
    }

    @Override
    public Receipt run(String key, Receipt receipt) {
      set(key, OWNER);
      set(key, gson.toJson(receipt));
      return receipt;
    }

    private void set(String key, String value) {
      try (Jedis jedis = pool.getResource()) {
        jedis.set(key, value, ttl);
      }
    }

    @Override
    public Receipt replay(String key) {
      try (Jedis jedis = pool.getResource()) {
        return gson.fromJson(jedis.get(key), Receipt.class);
      }
    }
  }
}
