package io.github.redistoolkit.benchmark;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.idempotency.Claim;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.idempotency.Request;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.WhenFull;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What each module does most, over a pool of 16 connections and over clients that coalesce on that
 * pool.
 */
@State(Scope.Benchmark)
public class CoalescingModulesBenchmark {

  private static final int CONNECTIONS = 16;
  private static final int IDS = 1_000;
  private static final TypeToken<String> TEXT = TypeToken.get(String.class);

  @Param({"POOL", "COALESCING", "COALESCING_2"})
  Through through;

  private final Users.User user = Users.User.example();
  private Access access;
  private Users users;
  private Decisions decisions;
  private Function<String, Mutex> locks;
  private IdempotencyService requests;
  private RedisPubSub pubsub;
  private DurableTopic<Users.User> topic;
  private final AtomicInteger owners = new AtomicInteger();

  @Setup
  public void open() {
    access = Access.by(through);
    access.pool().setMaxTotal(CONNECTIONS);
    users = Users.open(access);
    for (int i = 0; i < IDS; i++) {
      users.set(Integer.toString(i), user);
    }
    decisions = Decisions.open(access, 1_000_000);
    locks = Mutex.client(access);
    requests =
        access
            .over(
                pool -> IdempotencyService.builder(pool, "benchmark"),
                client -> IdempotencyService.builder(client, "benchmark"))
            .ttl(Duration.ofMinutes(10))
            .build();
    pubsub = access.closing(access.over(RedisPubSub::new, RedisPubSub::new), RedisPubSub::close);
    topic =
        access.closing(
            access
                .over(
                    pool -> DurableTopic.builder(pool, access.name(), Users.User.class),
                    client -> DurableTopic.builder(client, access.name(), Users.User.class))
                .maxLength(10_000, WhenFull.TRIM)
                .build(),
            DurableTopic::close);
  }

  @TearDown
  public void close() {
    access.close();
  }

  /** What a thread has for itself. */
  @State(Scope.Thread)
  public static class Own {

    private Mutex mutex;
    private String keys;
    private long count;

    @Setup
    public void make(CoalescingModulesBenchmark shared) {
      // Not by JMH's number of the thread: a thousand virtual ones were not told apart by it.
      String name = shared.access.name() + "-" + shared.owners.getAndIncrement();
      mutex = shared.locks.apply(name);
      keys = name + "-";
    }

    String newKey() {
      return keys + count++;
    }
  }

  private String anyId() {
    return Integer.toString(ThreadLocalRandom.current().nextInt(IDS));
  }

  @Benchmark
  public Users.User cacheGet() {
    return users.get(anyId());
  }

  @Benchmark
  public boolean rateLimitDecision() {
    return decisions.tryAcquire(access.name() + anyId());
  }

  @Benchmark
  public void lockPair(Own own) {
    if (!own.mutex.tryAcquire()) {
      throw new IllegalStateException("the lock was not free");
    }
    own.mutex.release();
  }

  @Benchmark
  public boolean idempotencyRun(Own own) {
    try (Claim<String> claim = requests.begin(Request.of(own.newKey()), TEXT)) {
      claim.complete("done");
      return claim.replayed();
    }
  }

  @Benchmark
  public long publish() {
    return pubsub.publish(access.name(), user);
  }

  @Benchmark
  public String publishDurably() {
    return topic.publish(user);
  }
}
