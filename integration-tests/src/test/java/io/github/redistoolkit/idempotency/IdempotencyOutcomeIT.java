package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.idempotency.RecordStatus.State;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** What becomes of a key whose work failed, or whose owner vanished. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyOutcomeIT {

  private static final TypeToken<String> TEXT = TypeToken.get(String.class);
  private static final Duration TTL = Duration.ofHours(1);

  private final IdempotencyService service;
  private final String key;
  private final StoredRecord stored;
  private final AtomicInteger runs = new AtomicInteger();

  IdempotencyOutcomeIT(TestRedis redis) {
    this.service =
        Services.builder(redis)
            .ttl(TTL)
            .onFailure(Declined.class, FailureOutcome.STORE_FAILURE)
            .onFailure(
                failure ->
                    failure instanceof TimedOut
                        ? FailureOutcome.KEEP_OPEN
                        : FailureOutcome.FREE_KEY)
            .build();
    this.key = redis.unique("key");
    this.stored = new StoredRecord(redis.admin(), service, key);
  }

  /** A provider said no. */
  private static class Declined extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Declined(String message) {
      super(message);
    }
  }

  /** A provider said nothing. */
  private static final class TimedOut extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private Claim<String> begin() {
    return service.begin(Request.of(key), TEXT);
  }

  private Integer execute() {
    return service.execute(key, Integer.class, claim -> runs.incrementAndGet());
  }

  private void fails(RuntimeException failure) {
    RuntimeException thrown =
        assertThrows(
            RuntimeException.class,
            () ->
                service.execute(
                    key,
                    Integer.class,
                    claim -> {
                      throw failure;
                    }));
    assertThat(thrown, is(sameInstance(failure)));
    assertThat(thrown.getSuppressed().length, is(0));
  }

  private void keptFor(Duration atMost) {
    assertThat(
        stored.ttlMillis(), is(allOf(greaterThan(0L), lessThanOrEqualTo(atMost.toMillis()))));
  }

  @Test
  void aFailureThatIsTheAnswerIsReplayedAndNeverRunsAgain() {
    fails(new Declined("secret reason"));
    for (int call = 0; call < 3; call++) {
      ReplayedFailureException e = assertThrows(ReplayedFailureException.class, this::execute);
      assertThat(e.failureType(), is(Declined.class.getName()));
      assertThat(e.failureMessage(), is("secret reason"));
      assertThat(e.getMessage(), not(containsString("secret")));
    }
    assertThat(runs.get(), is(0));
    assertThat(service.isDuplicate(key), is(true));
    assertThat(service.storeRequest(key, 1), is(false));
    assertThat(service.record(key, 1), is(false));
    assertThrows(ReplayedFailureException.class, () -> service.getResult(key, Integer.class));
    assertThat(service.status(key).state(), is(State.FAILED));
    keptFor(TTL);
    assertThat(service.forget(key), is(true));
    assertThat(execute(), is(1));
  }

  @Test
  void aFailureWithoutAMessageIsReplayedWithoutOne() {
    fails(new Declined(null));
    assertThat(
        assertThrows(ReplayedFailureException.class, this::execute).failureMessage(),
        is(nullValue()));
  }

  @Test
  void anOpenOutcomeLetsNobodyRunUntilSomebodyRecordsWhatHappened() {
    fails(new TimedOut());
    for (int call = 0; call < 3; call++) {
      assertThrows(OutcomeOpenException.class, this::execute);
    }
    assertThat(service.isDuplicate(key), is(true));
    assertThat(service.storeRequest(key, 1), is(false));
    assertThat(service.getResult(key, Integer.class), is(Optional.empty()));
    assertThat(service.status(key).state(), is(State.OUTCOME_OPEN));
    keptFor(TTL);
    assertThat(service.record(key, 42), is(true));
    assertThat(execute(), is(42));
    assertThat(runs.get(), is(0));
  }

  @Test
  void anOpenOutcomeLetsTheNextRunOnceItIsForgotten() {
    fails(new TimedOut());
    assertThat(service.forget(key), is(true));
    assertThat(execute(), is(1));
  }

  @Test
  void anyOtherFailureFreesTheKey() {
    fails(new IllegalStateException());
    assertThat(service.isDuplicate(key), is(false));
    assertThat(execute(), is(1));
  }

  @Test
  void aClaimFailsAsTheServiceSays() {
    assertThat(begin().fail(new IllegalStateException()), is(true));
    assertThat(stored.isFree(), is(true));
    Claim<String> declined = begin();
    assertThat(declined.fail(new Declined("no")), is(true));
    assertThrows(ReplayedFailureException.class, this::begin);
    assertThrows(IllegalStateException.class, () -> declined.complete("late"));
    assertThrows(IllegalStateException.class, () -> declined.fail(new TimedOut()));
    declined.abandon();
    declined.close();
    assertThrows(ReplayedFailureException.class, this::begin);

    assertThat(service.forget(key), is(true));
    try (Claim<String> claim = begin()) {
      assertThat(claim.keepOpen(), is(true));
    }
    assertThrows(OutcomeOpenException.class, this::begin);
  }

  @Test
  void aClaimThatWasTakenOverKeepsNothing() {
    Claim<String> slow = begin();
    stored.passLease();
    Claim<String> next = begin();
    StoredRecord.Exactly before = stored.exactly();
    assertThat(slow.fail(new Declined("late")), is(false));
    assertThat(stored.exactly(), is(before));
    assertThrows(IllegalStateException.class, slow::keepOpen);
    next.complete("next");
    assertThat(begin().result(), is("next"));
  }

  @Test
  void workThatEndsItsClaimItselfIsTakenAtItsWord() {
    TimedOut failure = new TimedOut();
    assertThrows(
        TimedOut.class,
        () ->
            service.execute(
                key,
                String.class,
                claim -> {
                  claim.complete("done after all");
                  throw failure;
                }));
    assertThat(failure.getSuppressed().length, is(0));
    assertThat(begin().result(), is("done after all"));
  }

  @Test
  void aCrashStaysKnownThoughTheNextOwnerGivesUp() {
    assertThat(service.begin(Request.of(key).fingerprint("body"), TEXT).attempt(), is(1));
    stored.passLease();
    Claim<String> second = service.begin(Request.of(key).fingerprint("body"), TEXT);
    assertThat(second.attempt(), is(2));
    second.abandon();
    keptFor(TTL);
    assertThat(stored.ttlMillis(), is(greaterThan(TTL.minusMinutes(1).toMillis())));
    assertThat(service.status(key).state(), is(State.VANISHED));
    assertThat(service.isDuplicate(key), is(false));

    assertThrows(
        FingerprintMismatchException.class,
        () -> service.begin(Request.of(key).fingerprint("other body"), TEXT));
    fails(new IllegalStateException());
    for (int more = 0; more < 3; more++) {
      Claim<String> next = begin();
      assertThat(next.attempt(), is(2));
      next.close();
    }
    stored.passLeaseOf(begin());
    Claim<String> last = begin();
    assertThat(last.attempt(), is(3));
    last.complete("done");
    assertThat(begin().attempt(), is(3));
  }

  @Test
  void anAbandonedClaimTakesItsOwnFingerprintWithIt() {
    service.begin(Request.of(key).fingerprint("body"), TEXT).abandon();
    service.begin(Request.of(key).fingerprint("other body"), TEXT).abandon();
    stored.passLeaseOf(begin());
    // The one that vanished had none; the next one's is no reason to refuse another.
    service.begin(Request.of(key).fingerprint("body"), TEXT).abandon();
    Claim<String> last = service.begin(Request.of(key).fingerprint("other body"), TEXT);
    assertThat(last.attempt(), is(2));
  }

  @Test
  void aClaimIsCompletedWithOneResultThoughItsCompletionIsAskedForTwice() {
    Claim<String> claim = begin();
    // As if the reply to the first were lost, and its outcome unknown.
    Stored first = Stored.parse(stored.content()).settledAs(Stored.Phase.COMPLETED, "\"first\"");
    stored.put(first.text());
    ResultNotRecordedException e =
        assertThrows(ResultNotRecordedException.class, () -> claim.complete("second"));
    assertThat(e.reason(), is(Reason.OTHER_RESULT));
    assertThat(e.result(), is("second"));
    claim.complete("first");
    assertThat(begin().result(), is("first"));
  }

  @Test
  void anAbandonmentFreesTheKeyAlthoughACompletionInDoubtWasRecorded() {
    Claim<String> claim = begin();
    stored.put(Stored.parse(stored.content()).settledAs(Stored.Phase.COMPLETED, "\"x\"").text());
    assertThat(service.isDuplicate(key), is(true));
    claim.abandon();
    assertThat(stored.isFree(), is(true));
  }
}
