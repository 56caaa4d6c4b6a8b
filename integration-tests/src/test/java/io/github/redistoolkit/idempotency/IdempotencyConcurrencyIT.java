package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.PooledClient;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Many callers at once. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyConcurrencyIT {

  private static final boolean FULL = "full".equals(System.getProperty("redis.matrix"));
  private static final TypeToken<String> TEXT = TypeToken.get(String.class);

  private final TestRedis redis;
  private final IdempotencyService service;
  private final String key;

  IdempotencyConcurrencyIT(TestRedis redis) {
    this.redis = redis;
    this.service = builder().build();
    this.key = redis.unique("key");
  }

  private IdempotencyService.Builder builder() {
    return redis
        .over(IdempotencyService::builder, IdempotencyService::builder)
        .waitFor(Duration.ofMinutes(1));
  }

  @Test
  void fiftyCallersOfAKeyCauseOneSideEffectAndGetOneResult() throws Exception {
    OnceHistory history = new OnceHistory();
    storm().run((id, work) -> service.execute(id, String.class, work), history);
    assertThat(history.violations(), is(empty()));
    assertThat(history.results(), is(50 * storm().keys().size()));
    assertThat(redis.borrowed(), is(0));
  }

  @Test
  void aServerThatKeepsForgettingItsScriptsChangesNothing() throws Exception {
    OnceHistory history = new OnceHistory();
    AtomicBoolean ended = new AtomicBoolean();
    Thread flushing =
        new Thread(
            () -> {
              while (!ended.get()) {
                redis.admin().scriptFlush();
                LockSupport.parkNanos(Duration.ofMillis(2).toNanos());
              }
            });
    flushing.start();
    try {
      storm().run((id, work) -> service.execute(id, String.class, work), history);
    } finally {
      ended.set(true);
      flushing.join();
    }
    assertThat(history.violations(), is(empty()));
  }

  @Test
  void checkingThenSettingFailsTheSameStorm() throws Exception {
    OnceHistory history = new OnceHistory();
    CheckThenSet naive =
        new CheckThenSet(redis.over(PooledClient::over, client -> client), Duration.ofMinutes(1));
    storm().run(naive, history);
    assertThat(history.violations(), is(not(empty())));
  }

  private OnceStorm storm() {
    List<String> keys = IntStream.range(0, FULL ? 200 : 10).mapToObj(n -> key + "-" + n).toList();
    return new OnceStorm(50, keys, Duration.ofMillis(20));
  }

  @Test
  void ofFiftyCallersThatDoNotWaitOneOwnsTheWorkAndTheOthersAreToldWhenToRetry() throws Exception {
    IdempotencyService impatient =
        redis.over(IdempotencyService::builder, IdempotencyService::builder).build();
    Queue<Object> outcomes = beginAtOnce(impatient, 50);
    List<Object> refusals =
        outcomes.stream().filter(InProgressException.class::isInstance).toList();
    assertThat(refusals, hasSize(49));
    assertThat(outcomes.stream().filter(Claim.class::isInstance).toList(), hasSize(1));
  }

  @Test
  void ofFiftyCallersAfterACrashOneTakesOver() throws Exception {
    IdempotencyService impatient =
        redis.over(IdempotencyService::builder, IdempotencyService::builder).build();
    assertThat(impatient.begin(key, null, TEXT).attempt(), is(1));
    new StoredRecord(redis.admin(), impatient, key).passLease();
    Queue<Object> outcomes = beginAtOnce(impatient, 50);
    List<Claim<?>> takers = new ArrayList<>();
    for (Object outcome : outcomes) {
      if (outcome instanceof Claim<?> claim) {
        takers.add(claim);
      }
    }
    assertThat(takers, hasSize(1));
    assertThat(takers.get(0).attempt(), is(2));
  }

  private Queue<Object> beginAtOnce(IdempotencyService subject, int callers)
      throws InterruptedException {
    Queue<Object> outcomes = new ConcurrentLinkedQueue<>();
    CountDownLatch start = new CountDownLatch(1);
    List<Thread> threads = new ArrayList<>();
    for (int n = 0; n < callers; n++) {
      threads.add(
          new Thread(
              () -> {
                try {
                  start.await();
                  outcomes.add(subject.begin(key, null, TEXT));
                } catch (InterruptedException | RuntimeException e) {
                  outcomes.add(e);
                }
              }));
    }
    threads.forEach(Thread::start);
    start.countDown();
    for (Thread thread : threads) {
      thread.join();
    }
    return outcomes;
  }

  @Test
  void aWaiterGetsTheResultOfTheFirstCaller() throws Exception {
    Claim<String> claim = service.begin(key, "body", TEXT);
    Queue<String> results = new ConcurrentLinkedQueue<>();
    Thread waiter =
        new Thread(() -> results.add(service.execute(key, "body", TEXT, () -> "waiter's own")));
    waiter.start();
    awaitPolls(3);
    claim.complete("first");
    waiter.join();
    assertThat(List.copyOf(results), is(List.of("first")));
  }

  @Test
  void aWaiterRunsTheWorkItselfWhenTheFirstCallerGivesUp() throws Exception {
    Claim<String> claim = service.begin(key, null, TEXT);
    Queue<Integer> attempts = new ConcurrentLinkedQueue<>();
    Thread waiter = new Thread(() -> attempts.add(service.begin(key, null, TEXT).attempt()));
    waiter.start();
    awaitPolls(3);
    claim.abandon();
    waiter.join();
    assertThat(List.copyOf(attempts), is(List.of(1)));
  }

  @Test
  void theWaitEndsAfterTheTimeGiven() {
    IdempotencyService brief = builder().waitFor(Duration.ofMillis(500)).build();
    try (Claim<String> claim = brief.begin(key, null, TEXT)) {
      assertThat(claim.isReplay(), is(false));
      long start = System.nanoTime();
      long before = redis.calls("evalsha");
      InProgressException e = null;
      try (Claim<String> second = brief.begin(key, null, TEXT)) {
        throw new AssertionError(second);
      } catch (InProgressException expected) {
        e = expected;
      }
      long waited = System.nanoTime() - start;
      assertThat(waited, is(greaterThan(Duration.ofMillis(499).toNanos())));
      assertThat(waited, is(lessThan(Duration.ofSeconds(5).toNanos())));
      assertThat(e.retryAfter(), is(lessThanOrEqualTo(Duration.ofMillis(59_500))));
      assertThat(redis.calls("evalsha") - before, is(lessThanOrEqualTo(7L)));
    }
  }

  @Test
  void manyWaitersAskAtMostTenTimesASecondEachAndLeakNothing() throws Exception {
    int waiters = FULL ? 1000 : 100;
    Duration work = Duration.ofSeconds(FULL ? 5 : 2);
    CountDownLatch entered = new CountDownLatch(1);
    Thread owner =
        new Thread(
            () ->
                service.execute(
                    key,
                    String.class,
                    () -> {
                      entered.countDown();
                      LockSupport.parkNanos(work.toNanos());
                      return "done";
                    }));
    owner.start();
    entered.await();
    long before = redis.calls("evalsha");
    long start = System.nanoTime();
    Queue<Object> outcomes = beginAtOnce(service, waiters);
    double seconds = (System.nanoTime() - start) / 1e9;
    long polls = redis.calls("evalsha") - before;
    owner.join();

    for (Object outcome : outcomes) {
      assertThat(outcome, is(instanceOf(Claim.class)));
      assertThat(((Claim<?>) outcome).result(), is("done"));
    }
    assertThat(outcomes, hasSize(waiters));
    // One at once, ten a second, and the owner's completion.
    assertThat((double) polls, is(lessThanOrEqualTo(waiters * (1 + 10 * seconds) + 1)));
    assertThat(polls, is(greaterThan(waiters * 2L)));
    assertThat(redis.borrowed(), is(0));
  }

  @Test
  void anInterruptedWaiterStopsAtOnceWithItsFlagSet() throws Exception {
    try (Claim<String> claim = service.begin(key, null, TEXT)) {
      assertThat(claim.isReplay(), is(false));
      int waiters = 20;
      AtomicInteger flagged = new AtomicInteger();
      Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
      List<Thread> threads = new ArrayList<>();
      for (int n = 0; n < waiters; n++) {
        threads.add(
            new Thread(
                () -> {
                  try {
                    service.execute(key, String.class, () -> "never");
                  } catch (RuntimeException e) {
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
      assertThat(System.nanoTime() - start, is(lessThan(Duration.ofSeconds(1).toNanos())));
      assertThat(failures, hasSize(waiters));
      assertThat(failures, everyItem(instanceOf(InProgressException.class)));
      assertThat(flagged.get(), is(waiters));
      assertThat(redis.borrowed(), is(0));
    }
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
                  () -> {
                    Thread.currentThread().interrupt();
                    return "done";
                  });
              flagged.set(Thread.currentThread().isInterrupted());
            });
    worker.start();
    worker.join();
    assertThat(flagged.get(), is(true));
    assertThat(service.begin(key, null, TEXT).result(), is("done"));
  }

  private void awaitPolls(int polls) {
    long before = redis.calls("evalsha");
    Awaitility.await().until(() -> redis.calls("evalsha") - before >= polls);
  }
}
