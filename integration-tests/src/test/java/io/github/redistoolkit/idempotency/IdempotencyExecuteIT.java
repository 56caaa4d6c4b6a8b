package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** The forms of execute, what they hand to the work, and what they tell. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyExecuteIT {

  private static final TypeToken<String> TEXT = TypeToken.get(String.class);
  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final TestRedis redis;
  private final IdempotencyService service;
  private final String key;
  private final StoredRecord stored;
  private final List<String> told = new CopyOnWriteArrayList<>();
  private boolean isListenerFailing;

  IdempotencyExecuteIT(TestRedis redis) {
    this.redis = redis;
    this.service =
        Services.builder(redis)
            .listener(new Telling())
            .onFailure(IllegalStateException.class, FailureOutcome.STORE_FAILURE)
            .build();
    this.key = redis.unique("key");
    this.stored = new StoredRecord(redis.admin(), service, key);
  }

  /** Writes down what it is told. */
  private final class Telling implements IdempotencyListener {

    @Override
    public void onRun(String of, int attempt) {
      tell(of, "run " + attempt);
    }

    @Override
    public void onTakenOver(String of, int attempt) {
      tell(of, "taken over " + attempt);
    }

    @Override
    public void onReplayed(String of, int attempt) {
      tell(of, "replayed " + attempt);
    }

    @Override
    public void onInProgress(String of, Duration retryAfter) {
      assertThat(retryAfter, is(greaterThan(Duration.ZERO)));
      tell(of, "in progress");
    }

    @Override
    public void onMismatch(String of) {
      tell(of, "mismatch");
    }

    @Override
    public void onOutcomeOpen(String of) {
      tell(of, "outcome open");
    }

    @Override
    public void onNotRecorded(String of, Reason reason) {
      tell(of, "not recorded " + reason);
    }

    @Override
    public void onFailureStored(String of, Throwable failure, FailureOutcome outcome) {
      tell(of, outcome + " " + failure.getMessage());
    }

    private void tell(String of, String event) {
      told.add(of.equals(key) ? event : "of another key");
      if (isListenerFailing) {
        throw new UnsupportedOperationException("a listener that fails");
      }
    }
  }

  private Claim<String> begin() {
    return service.begin(Request.of(key), TEXT);
  }

  @Test
  void theWorkIsHandedItsClaim() {
    stored.passLeaseOf(begin());
    Execution<String> first =
        service.execute(
            Request.of(key),
            TEXT,
            claim -> {
              assertThat(claim.replayed(), is(false));
              assertThat(claim.extend(Duration.ofMinutes(10)), is(true));
              assertThat(
                  assertThrows(InProgressException.class, this::begin).retryAfter(),
                  is(greaterThan(Duration.ofMinutes(9))));
              return "attempt " + claim.attempt();
            });
    assertThat(first, is(new Execution<>("attempt 2", false, 2)));
    assertThat(
        service.execute(Request.of(key), TEXT, claim -> "never"),
        is(new Execution<>("attempt 2", true, 2)));
  }

  @Test
  void workWithoutAResultRunsOnce() {
    AtomicInteger runs = new AtomicInteger();
    assertThat(service.execute(key, claim -> runs.addAndGet(claim.attempt())), is(true));
    assertThat(service.execute(key, claim -> runs.addAndGet(claim.attempt())), is(false));
    assertThat(runs.get(), is(1));
  }

  @Test
  void aRequestHasItsOwnTtlLeaseAndWait() {
    Request request = Request.of(key).ttl(Duration.ofMinutes(5)).lease(MINUTE.multipliedBy(2));
    Claim<String> claim = service.begin(request, TEXT);
    long kept = MINUTE.multipliedBy(7).toMillis();
    assertThat(stored.ttlMillis(), is(allOf(greaterThan(kept - 30_000), lessThanOrEqualTo(kept))));
    assertThat(
        assertThrows(InProgressException.class, this::begin).retryAfter(),
        is(allOf(greaterThan(MINUTE), lessThanOrEqualTo(MINUTE.multipliedBy(2)))));

    CompletableFuture<Claim<String>> waiting =
        CompletableFuture.supplyAsync(() -> service.begin(request.maxWait(MINUTE), TEXT));
    long polls = redis.calls("set");
    Awaitility.await().until(() -> redis.calls("set") > polls + 2);
    claim.complete("done");
    assertThat(waiting.join().result(), is("done"));
    assertThat(
        stored.ttlMillis(), is(allOf(greaterThan(4 * 60_000L), lessThanOrEqualTo(5 * 60_000L))));
  }

  @Test
  void aWaiterTakesOverAtOnceWhenTheOwnerGivesUp() {
    Claim<String> claim = service.begin(Request.of(key).lease(Duration.ofHours(1)), TEXT);
    CompletableFuture<Claim<String>> waiting =
        CompletableFuture.supplyAsync(() -> service.begin(Request.of(key).maxWait(MINUTE), TEXT));
    long polls = redis.calls("set");
    Awaitility.await().until(() -> redis.calls("set") > polls + 2);
    claim.abandon();
    assertThat(waiting.join().attempt(), is(1));
  }

  @Test
  void workThatGoesOnLaterHoldsItsClaimUntilItIsDone() {
    ExecutorService executor = Executors.newFixedThreadPool(2);
    try {
      CompletableFuture<String> work = new CompletableFuture<>();
      CompletableFuture<Execution<String>> first =
          service.executeAsync(Request.of(key), TEXT, executor, claim -> work);
      Awaitility.await().until(() -> service.isDuplicate(key));
      assertThrows(InProgressException.class, this::begin);
      assertThat(first.isDone(), is(false));
      work.complete("done");
      assertThat(first.join(), is(new Execution<>("done", false, 1)));
      assertThat(
          service
              .executeAsync(
                  Request.of(key),
                  TEXT,
                  executor,
                  claim -> CompletableFuture.failedFuture(new AssertionError("ran")))
              .join(),
          is(new Execution<>("done", true, 1)));
    } finally {
      executor.shutdownNow();
    }
  }

  @Test
  void workThatFailsLaterFailsAsOtherWorkDoes() {
    IllegalArgumentException later = new IllegalArgumentException();
    IllegalArgumentException atOnce = new IllegalArgumentException();
    CompletionException e =
        assertThrows(
            CompletionException.class,
            () ->
                service
                    .executeAsync(
                        Request.of(key),
                        TEXT,
                        Runnable::run,
                        claim -> CompletableFuture.failedFuture(later))
                    .join());
    assertThat(e.getCause(), is(sameInstance(later)));
    assertThat(stored.isFree(), is(true));
    e =
        assertThrows(
            CompletionException.class,
            () ->
                service
                    .executeAsync(
                        Request.of(key),
                        TEXT,
                        Runnable::run,
                        claim -> {
                          throw atOnce;
                        })
                    .join());
    assertThat(e.getCause(), is(sameInstance(atOnce)));
    assertThat(stored.isFree(), is(true));
    try (Claim<String> claim = begin()) {
      assertThat(claim.attempt(), is(1));
      e =
          assertThrows(
              CompletionException.class,
              () ->
                  service
                      .executeAsync(
                          Request.of(key),
                          TEXT,
                          Runnable::run,
                          unused -> CompletableFuture.completedFuture("ran"))
                      .join());
      assertThat(e.getCause(), is(instanceOf(InProgressException.class)));
    }
  }

  @Test
  void theListenerIsToldAndWhatItThrowsGoesNoFurther() {
    isListenerFailing = true;
    Request request = Request.of(key).fingerprint("body");
    assertThat(service.begin(request, TEXT).extend(MINUTE), is(true));
    assertThat(told, contains("run 1"));
    assertThrows(InProgressException.class, this::begin);
    assertThrows(
        FingerprintMismatchException.class,
        () -> service.begin(request.fingerprint("other body"), TEXT));
    stored.passLease();
    Claim<String> second = begin();
    second.complete("done");
    assertThat(begin().result(), is("done"));
    assertThat(
        told, contains("run 1", "in progress", "mismatch", "taken over 2", "run 2", "replayed 2"));
  }

  @Test
  void theListenerIsToldOfWhatIsNotRecordedAndOfFailuresThatAre() {
    assertThrows(
        ResultNotRecordedException.class, () -> service.execute(key, Double.class, c -> 0.0 / 0));
    assertThat(told, contains("run 1", "not recorded NOT_ENCODABLE"));
    assertThat(service.forget(key), is(true));
    told.clear();
    assertThrows(
        IllegalStateException.class,
        () ->
            service.execute(
                key,
                claim -> {
                  throw new IllegalStateException("no");
                }));
    assertThrows(ReplayedFailureException.class, this::begin);
    assertThat(told, contains("run 1", "STORE_FAILURE no", "replayed 1"));
    assertThat(service.forget(key), is(true));
    told.clear();
    assertThat(begin().keepOpen(), is(true));
    assertThrows(OutcomeOpenException.class, this::begin);
    assertThat(told, contains("run 1", "outcome open"));
  }

  @Test
  void ofThreadsThatCompleteAClaimWithDifferentResultsOneSucceeds() throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(4);
    try {
      for (int round = 0; round < 50; round++) {
        Request request = Request.of(key + round);
        Claim<Integer> claim = service.begin(request, TypeToken.get(Integer.class));
        List<Integer> returned = new CopyOnWriteArrayList<>();
        CompletableFuture<?>[] completions = new CompletableFuture<?>[4];
        for (int n = 0; n < completions.length; n++) {
          int result = n;
          completions[n] =
              CompletableFuture.runAsync(
                  () -> {
                    claim.complete(result);
                    returned.add(result);
                  },
                  executor);
        }
        for (CompletableFuture<?> completion : completions) {
          completion.exceptionally(e -> null).join();
        }
        assertThat(
            returned, contains(service.begin(request, TypeToken.get(Integer.class)).result()));
      }
    } finally {
      assertThat(executor.shutdownNow(), is(empty()));
    }
    assertThat(told.size(), is(lessThan(1000)));
  }
}
