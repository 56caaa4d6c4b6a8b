package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Several JVMs, some of which die or stand still. */
@LeavesServerAlone
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class IdempotencyJvmsIT {

  private static final TypeToken<String> TEXT = TypeToken.get(String.class);
  private static final int THREADS = 50;

  private final TestRedis redis;
  private final IdempotencyService service;
  private final String key;

  IdempotencyJvmsIT(TestRedis redis) {
    this.redis = redis;
    this.service = Services.on(redis);
    this.key = redis.unique("key");
  }

  @Test
  @Proves("idempotency.one-owner")
  void severalJvmsOfFiftyThreadsCauseOneSideEffectPerKeyAndGetOneResult() throws Exception {
    OnceChild.Plan plan =
        new OnceChild.Plan(OnceChild.Subject.SERVICE, THREADS, Matrix.size(8, 200), key);
    assertThat(plan.storm().violations(run(Matrix.size(2, 4), plan)), is(empty()));
  }

  @Test
  void checkingThenSettingFailsTheSameStorm() throws Exception {
    OnceChild.Plan plan = new OnceChild.Plan(OnceChild.Subject.CHECK_THEN_SET, THREADS, 3, key);
    History history = run(2, plan);
    assertThat(plan.storm().violations(history), is(not(empty())));
    assertThat(history.events(OnceStorm.EFFECT).size(), is(greaterThan(plan.keys())));
  }

  /** What happens to every caller in all JVMs, each of whom gets a result. */
  private History run(int count, OnceChild.Plan plan) throws InterruptedException {
    History history = new History();
    try (ChildJvms jvms = ChildJvms.start(redis, count, OnceChild.class, plan.arguments())) {
      jvms.go();
      history.addLines(jvms.finish());
    }
    assertThat(history.events(OnceStorm.RESULT).size(), is(count * plan.threads() * plan.keys()));
    return history;
  }

  @Test
  void anOwnerKilledAtWorkIsInProgressUntilItsLeaseEndsAndThenHasOneSuccessor() throws Exception {
    Duration lease = Duration.ofSeconds(4);
    try (ChildJvms jvms =
        ChildJvms.start(redis, 1, VanishingChild.class, key, String.valueOf(lease.toMillis()))) {
      assertThat(jvms.get(0).receive(), is("working"));
      jvms.get(0).kill();
    }
    long told = System.nanoTime();
    InProgressException e =
        assertThrows(InProgressException.class, () -> service.begin(Request.of(key), TEXT));
    assertThat(e.retryAfter(), is(lessThanOrEqualTo(lease)));

    List<Claim<String>> takers = beginUntilSomebodyOwns(20);
    long waited = System.nanoTime() - told;
    assertThat(takers, hasSize(1));
    assertThat(takers.get(0).attempt(), is(2));
    // True: nobody got it before, and it was to be had not long after.
    long slack = Duration.ofMillis(100).toNanos();
    assertThat(waited, is(greaterThan(e.retryAfter().toNanos() - slack)));
    assertThat(waited, is(lessThanOrEqualTo(e.retryAfter().plusSeconds(5).toNanos())));
  }

  /** Lets so many callers ask at once, again and again until one of them owns the key. */
  private List<Claim<String>> beginUntilSomebodyOwns(int callers) throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(callers);
    try {
      AtomicInteger owners = new AtomicInteger();
      List<Future<List<Claim<String>>>> asking =
          IntStream.range(0, callers)
              .mapToObj(n -> executor.submit(() -> beginWhileNobodyOwns(owners)))
              .toList();
      List<Claim<String>> all = new ArrayList<>();
      for (Future<List<Claim<String>>> asked : asking) {
        all.addAll(asked.get());
      }
      return all;
    } finally {
      executor.shutdownNow();
    }
  }

  private List<Claim<String>> beginWhileNobodyOwns(AtomicInteger owners) {
    while (owners.get() == 0) {
      try {
        Claim<String> claim = service.begin(Request.of(key), TEXT);
        owners.incrementAndGet();
        return List.of(claim);
      } catch (InProgressException e) {
        LockSupport.parkNanos(Duration.ofMillis(5).toNanos());
      }
    }
    return List.of();
  }

  @Test
  void aJvmThatStoodStillBeyondItsLeaseIsRefusedWhenItGoesOn() throws Exception {
    try (ChildJvms jvms = ChildJvms.start(redis, 1, VanishingChild.class, key, "300")) {
      assertThat(jvms.get(0).receive(), is("working"));
      jvms.get(0).pause();
      jvms.get(0).send("late");
      Claim<String> next =
          Awaitility.await()
              .ignoreExceptionsInstanceOf(InProgressException.class)
              .until(() -> service.begin(Request.of(key), TEXT), claim -> true);
      assertThat(next.attempt(), is(2));
      next.complete("next");
      jvms.get(0).resume();
      assertThat(jvms.get(0).receive(), containsString("its claim had ended"));
    }
    assertThat(service.begin(Request.of(key), TEXT).result(), is("next"));
  }

  @Test
  void aJvmThatStoodStillBeyondItsLeaseCompletesIfNobodyTookOver() throws Exception {
    try (ChildJvms jvms = ChildJvms.start(redis, 1, VanishingChild.class, key, "300")) {
      assertThat(jvms.get(0).receive(), is("working"));
      jvms.get(0).pause();
      jvms.get(0).send("late");
      Awaitility.await().until(() -> !service.isDuplicate(key));
      jvms.get(0).resume();
      assertThat(jvms.get(0).receive(), is("completed"));
    }
    assertThat(service.begin(Request.of(key), TEXT).result(), is("late"));
  }
}
