package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.util.Pool;

/** Loads that no thread waits for, without Redis: nobody listens where this client connects. */
@Timeout(20)
class AsyncLoadsTest {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  @SuppressWarnings("deprecation") // JedisPool is what most code holds
  private final Pool<Jedis> pool = new JedisPool("127.0.0.1", 1);

  private final RedisAccess redis = RedisAccess.of(pool, "redis-cache");
  private final Counters counters = new Counters(new CacheListener() {});
  private final Codec<Integer> codec = new Codec<>(Json.standard(), TypeToken.get(Integer.class));
  private final LoaderRuns<Integer> runs = new LoaderRuns<>(codec, counters, Ticker.system());
  private final LocalLoads<Integer> local = new LocalLoads<>(runs, counters);

  @AfterEach
  void closePool() {
    pool.close();
  }

  private AsyncLoads<Integer> loads(Executor executor) {
    Names names = new Names("p:", Names.Writing.VERBATIM, 1024);
    CoolDown coolDown = new CoolDown(redis, names, counters, Ticker.system());
    NearStore<Integer> store =
        new NearStore<>(redis, names, codec, null, counters, RedisStore.Reading.VALUE_ALONE, 0);
    Lifetimes lifetimes = new Lifetimes(3000, 0, 0, 0);
    RedisFailures failures = new RedisFailures(counters);
    LeasedLoads<Integer> leased =
        new LeasedLoads<>(
            store,
            coolDown,
            runs,
            new Leases(redis, Alarms.shared()),
            lifetimes,
            counters,
            failures);
    Waits<Integer> waits =
        new Waits<>(store, coolDown, leased, lifetimes, counters, failures, Ticker.system());
    FleetLoads<Integer> fleet =
        new FleetLoads<>(store, coolDown, runs, local, leased, waits, counters, failures, null);
    return new AsyncLoads<>(executor, Alarms.shared(), fleet, runs, leased, local, waits, counters);
  }

  private static Throwable failure(CompletableFuture<?> future) {
    return assertThrows(ExecutionException.class, () -> future.get(1, TimeUnit.MINUTES)).getCause();
  }

  /** Takes as many tasks as it is told, each in a thread of its own. */
  private static Executor taking(int tasks) {
    return taking(tasks, new RejectedExecutionException("on purpose"));
  }

  /** The same, which refuses all others in a way of its own. */
  private static Executor taking(int tasks, RuntimeException refusal) {
    AtomicInteger left = new AtomicInteger(tasks);
    return task -> {
      if (left.getAndDecrement() <= 0) {
        throw refusal;
      }
      new Thread(task).start();
    };
  }

  @Test
  void aCallThatTheExecutorRefusesLeavesItsTurn() {
    // The first task finds that there is no Redis; the second would load.
    CompletableFuture<Integer> refused =
        loads(taking(1))
            .get(
                "k",
                1000,
                Patience.of(MINUTE, Ticker.system()),
                () -> CompletableFuture.completedFuture(1));
    assertThat(failure(refused), is(instanceOf(RejectedExecutionException.class)));
    assertThat(local.isIdle(), is(true));
  }

  @Test
  void aLoadWhoseEndTheExecutorRefusesFailsAndIsForgotten() {
    CompletableFuture<Integer> refused =
        loads(taking(2))
            .get(
                "k",
                1000,
                Patience.of(MINUTE, Ticker.system()),
                () -> CompletableFuture.completedFuture(1));
    assertThat(failure(refused), is(instanceOf(RejectedExecutionException.class)));
    assertThat(local.isIdle(), is(true));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void anExecutorMayRefuseByWhateverItLikes(int tasks) {
    RuntimeException refusal = new IllegalStateException("on purpose");
    CompletableFuture<Integer> refused =
        loads(taking(tasks, refusal))
            .get(
                "k",
                1000,
                Patience.of(MINUTE, Ticker.system()),
                () -> CompletableFuture.completedFuture(1));
    assertThat(failure(refused), is(refusal));
    assertThat(local.isIdle(), is(true));
  }

  @Test
  void aLoadThatTakesTooLongIsNotSaidToBeAnotherCallers() {
    // Long enough for the load to have begun.
    Duration maxWait = Duration.ofSeconds(2);
    CompletableFuture<Integer> late =
        loads(taking(9))
            .get("k", 1000, Patience.of(maxWait, Ticker.system()), CompletableFuture::new);
    Throwable failure = failure(late);
    assertThat(failure, is(instanceOf(CacheTimeoutException.class)));
    assertThat(failure.getMessage(), is("key k is being loaded for longer than PT2S"));
  }
}
