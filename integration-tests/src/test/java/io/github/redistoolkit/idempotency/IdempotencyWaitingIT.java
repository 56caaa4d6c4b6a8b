package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.exceptions.JedisMovedDataException;

/** Callers that wait for another's result, and what an interrupt does. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyWaitingIT {

  private static final TypeToken<String> TEXT = TypeToken.get(String.class);

  private final TestRedis redis;
  private final IdempotencyService service;
  private final String key;

  IdempotencyWaitingIT(TestRedis redis) {
    this.redis = redis;
    this.service = Services.builder(redis).maxWait(Duration.ofMinutes(1)).build();
    this.key = redis.unique("key");
  }

  @Test
  void aWaiterGetsTheResultOfTheFirstCaller() throws Exception {
    Claim<String> claim = service.begin(Request.of(key).fingerprint("body"), TEXT);
    Queue<String> results = new ConcurrentLinkedQueue<>();
    Thread waiter =
        new Thread(
            () ->
                results.add(
                    service
                        .execute(Request.of(key).fingerprint("body"), TEXT, own -> "waiter's own")
                        .result()));
    waiter.start();
    awaitPolls(3);
    claim.complete("first");
    waiter.join();
    assertThat(List.copyOf(results), is(List.of("first")));
  }

  @Test
  void aWaiterRunsTheWorkItselfWhenTheFirstCallerGivesUp() throws Exception {
    Claim<String> claim = service.begin(Request.of(key), TEXT);
    Queue<Integer> attempts = new ConcurrentLinkedQueue<>();
    Thread waiter = new Thread(() -> attempts.add(service.begin(Request.of(key), TEXT).attempt()));
    waiter.start();
    awaitPolls(3);
    claim.abandon();
    waiter.join();
    assertThat(List.copyOf(attempts), is(List.of(1)));
  }

  @Test
  void theWaitEndsAfterTheTimeGiven() {
    IdempotencyService brief = Services.builder(redis).maxWait(Duration.ofMillis(500)).build();
    try (Claim<String> claim = brief.begin(Request.of(key), TEXT)) {
      assertThat(claim.replayed(), is(false));
      long start = System.nanoTime();
      long before = redis.calls("set");
      InProgressException e = null;
      try (Claim<String> second = brief.begin(Request.of(key), TEXT)) {
        throw new AssertionError(second);
      } catch (InProgressException expected) {
        e = expected;
      }
      long waited = System.nanoTime() - start;
      assertThat(waited, is(greaterThan(Duration.ofMillis(499).toNanos())));
      assertThat(waited, is(lessThan(Duration.ofSeconds(5).toNanos())));
      assertThat(e.retryAfter(), is(lessThanOrEqualTo(Duration.ofMillis(59_500))));
      assertThat(redis.calls("set") - before, is(lessThanOrEqualTo(7L)));
    }
  }

  @Test
  void manyWaitersAskAtMostTenTimesASecondEachAndLeakNothing() throws Exception {
    int waiters = Matrix.size(100, 1000);
    Duration work = Duration.ofSeconds(Matrix.size(2, 5));
    Claim<String> claim = service.begin(Request.of(key), TEXT);
    long before = redis.calls("set");
    long start = System.nanoTime();
    CompletableFuture<Void> owner =
        CompletableFuture.runAsync(
            () -> {
              LockSupport.parkNanos(work.toNanos());
              // Else they would not have waited, on a machine that took so long to start them.
              Awaitility.await()
                  .atMost(Duration.ofMinutes(1))
                  .until(() -> redis.calls("set") - before > waiters * 3L);
              claim.complete("done");
            });
    Queue<Object> outcomes = Callers.beginAtOnce(service, key, waiters);
    owner.join();
    double seconds = (System.nanoTime() - start) / 1e9;
    long polls = redis.calls("set") - before;

    for (Object outcome : outcomes) {
      assertThat(outcome, is(instanceOf(Claim.class)));
      assertThat(((Claim<?>) outcome).result(), is("done"));
    }
    assertThat(outcomes, hasSize(waiters));
    // One at once, ten a second, and the owner's completion.
    assertThat((double) polls, is(lessThanOrEqualTo(waiters * (1 + 10 * seconds) + 1)));
    assertThat(redis.borrowed(), is(0));
  }

  @Test
  void anInterruptedWaiterStopsAtOnceWithItsFlagSet() throws Exception {
    try (Claim<String> claim = service.begin(Request.of(key), TEXT)) {
      assertThat(claim.replayed(), is(false));
      int waiters = Matrix.size(50, 1000);
      AtomicInteger flagged = new AtomicInteger();
      Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
      Queue<Long> stopped = new ConcurrentLinkedQueue<>();
      List<Thread> threads = new ArrayList<>();
      for (int n = 0; n < waiters; n++) {
        threads.add(
            new Thread(
                () -> {
                  try {
                    service.execute(key, String.class, own -> "never");
                  } catch (RuntimeException e) {
                    stopped.add(System.nanoTime());
                    failures.add(e);
                    flagged.addAndGet(Thread.currentThread().isInterrupted() ? 1 : 0);
                  }
                }));
      }
      threads.forEach(Thread::start);
      awaitPolls(waiters);
      long start = System.nanoTime();
      threads.forEach(Thread::interrupt);
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(failures, hasSize(waiters));
      // The median: how soon each of so many threads gets a processor is the machine's affair.
      long median = stopped.stream().sorted().skip(waiters / 2).findFirst().orElseThrow() - start;
      assertThat(median, is(lessThan(Duration.ofSeconds(10).toNanos())));
      for (Throwable failure : failures) {
        // The other, if it was waiting not for the result, but for a connection to ask for it.
        assertThat(failure.getCause(), is(instanceOf(InterruptedException.class)));
        assertThat(
            failure instanceof InProgressException || failure instanceof JedisException, is(true));
      }
      assertThat(flagged.get(), is(waiters));
      assertThat(redis.borrowed(), is(0));
    }
  }

  @Test
  void anInterruptedWaiterAsksRedisNoMoreAndIsBackWithin100Milliseconds() throws Exception {
    int rounds = 20;
    int silent = 0;
    List<Duration> back = new ArrayList<>();
    try (Claim<String> claim = service.begin(Request.of(key), TEXT);
        Jedis primary = primary()) {
      assertThat(claim.replayed(), is(false));
      for (int round = 0; round < rounds; round++) {
        FutureTask<InProgressException> told =
            new FutureTask<>(
                () ->
                    assertThrows(
                        InProgressException.class,
                        () -> service.execute(key, String.class, own -> "never")));
        Thread waiter = new Thread(told);
        waiter.start();
        Awaitility.await()
            .pollInterval(Duration.ofMillis(1))
            .until(() -> waiter.getState() == Thread.State.TIMED_WAITING);
        long before = calls(primary);
        long start = System.nanoTime();
        waiter.interrupt();
        waiter.join();
        back.add(Duration.ofNanos(System.nanoTime() - start));
        assertThat(told.get().getCause(), is(instanceOf(InterruptedException.class)));
        silent += calls(primary) == before ? 1 : 0;
      }
    }
    // Not each: a pause may have been over just before its interrupt.
    assertThat(silent, is(greaterThan(rounds / 2)));
    assertThat(Collections.min(back), is(lessThanOrEqualTo(Duration.ofMillis(100))));
  }

  /** A connection to where the key is: to open one for each look may take as long as a pause. */
  private Jedis primary() {
    for (HostAndPort address : redis.primaries()) {
      Jedis primary = redis.open(address);
      try {
        if (primary.exists(service.redisKey(key))) {
          return primary;
        }
      } catch (JedisMovedDataException e) {
        // It is at another one.
      }
      primary.close();
    }
    throw new AssertionError("no primary has the record");
  }

  private static long calls(Jedis primary) {
    return primary
        .info("commandstats")
        .lines()
        .filter(line -> line.startsWith("cmdstat_set:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll(".*:calls=(\\d+),.*", "$1")))
        .sum();
  }

  @Test
  void anInterruptDuringTheWorkNeitherLosesTheResultNorTheFlag() throws Exception {
    AtomicBoolean flagged = new AtomicBoolean();
    Thread worker =
        new Thread(
            () -> {
              service.execute(
                  key,
                  String.class,
                  own -> {
                    Thread.currentThread().interrupt();
                    return "done";
                  });
              flagged.set(Thread.currentThread().isInterrupted());
            });
    worker.start();
    worker.join();
    assertThat(flagged.get(), is(true));
    assertThat(service.begin(Request.of(key), TEXT).result(), is("done"));
  }

  @Test
  void interruptsWhileThereIsNoConnectionNeitherLoseTheResultNorTheFlag() throws Exception {
    try (TestRedis single = redis.withMaxTotal(1)) {
      Claim<String> claim = Services.on(single).begin(Request.of(key), TEXT);
      CompletableFuture<Boolean> flagged = new CompletableFuture<>();
      Thread worker =
          new Thread(
              () -> {
                try {
                  Thread.currentThread().interrupt();
                  claim.complete("done");
                  flagged.complete(Thread.currentThread().isInterrupted());
                } catch (RuntimeException e) {
                  flagged.completeExceptionally(e);
                }
              });
      try (AbstractPipeline only = single.client().pipelined()) {
        only.exists(service.redisKey(key));
        worker.start();
        // The interrupt that it came with is not a failure of Redis, after which the patience of a
        // second would have begun and ended by now.
        Awaitility.await()
            .during(Duration.ofMillis(1100))
            .until(() -> isWaitingForAConnection(worker));
        for (int interrupts = 0; interrupts < 2; interrupts++) {
          worker.interrupt();
          Awaitility.await()
              .pollInterval(Duration.ofMillis(5))
              .until(() -> isWaitingForAConnection(worker) || flagged.isDone());
        }
      }
      assertThat(flagged.get(30, TimeUnit.SECONDS), is(true));
    }
    assertThat(service.begin(Request.of(key), TEXT).result(), is("done"));
  }

  @Test
  void anInterruptWhileThereIsNoConnectionRunsNothingAndKeepsTheFlag() throws Exception {
    try (TestRedis single = redis.withMaxTotal(1)) {
      IdempotencyService narrow = Services.on(single);
      CompletableFuture<Boolean> flagged = new CompletableFuture<>();
      AtomicInteger runs = new AtomicInteger();
      Thread caller =
          new Thread(
              () -> {
                assertThrows(
                    JedisException.class,
                    () -> narrow.execute(key, Integer.class, own -> runs.incrementAndGet()));
                flagged.complete(Thread.currentThread().isInterrupted());
              });
      try (AbstractPipeline only = single.client().pipelined()) {
        only.exists(service.redisKey(key));
        caller.start();
        Awaitility.await().until(() -> isWaitingForAConnection(caller));
        caller.interrupt();
        assertThat(flagged.get(30, TimeUnit.SECONDS), is(true));
      }
      assertThat(runs.get(), is(0));
      assertThat(service.isDuplicate(key), is(false));
    }
  }

  private static boolean isWaitingForAConnection(Thread thread) {
    return !thread.isInterrupted()
        && Arrays.stream(thread.getStackTrace())
            .anyMatch(frame -> frame.getMethodName().equals("borrowObject"))
        && EnumSet.of(Thread.State.WAITING, Thread.State.TIMED_WAITING).contains(thread.getState());
  }

  private void awaitPolls(int polls) {
    long before = redis.calls("set");
    Awaitility.await().until(() -> redis.calls("set") - before >= polls);
  }
}
