package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import io.github.redistoolkit.idempotency.StoredRecord.Word;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Who owns the work: leases, takeovers, late owners. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyClaimIT {

  private static final TypeToken<String> TEXT = TypeToken.get(String.class);
  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final Duration TTL = Duration.ofHours(1);

  private final TestRedis redis;
  private final IdempotencyService service;
  private final String key;
  private final StoredRecord stored;

  IdempotencyClaimIT(TestRedis redis) {
    this.redis = redis;
    this.service = builder().build();
    this.key = redis.unique("key");
    this.stored = new StoredRecord(redis.admin(), service, key);
  }

  private IdempotencyService.Builder builder() {
    return Services.builder(redis).lease(LEASE).ttl(TTL);
  }

  private Claim<String> begin() {
    return service.begin(Request.of(key), TEXT);
  }

  @Test
  void aLiveClaimIsInProgressForTheRestOfItsLease() {
    try (Claim<String> claim = begin()) {
      assertThat(claim.replayed(), is(false));
      assertThat(claim.attempt(), is(1));
      InProgressException e = assertThrows(InProgressException.class, this::begin);
      assertThat(e.retryAfter(), is(lessThanOrEqualTo(LEASE)));
      assertThat(e.retryAfter(), is(greaterThan(LEASE.minusSeconds(10))));
    }
  }

  @Test
  void theNextCallerAfterTheLeaseTakesOverAndKnowsIt() {
    Duration lease = Duration.ofSeconds(3);
    IdempotencyService impatient = builder().lease(lease).build();
    Claim<String> vanished = impatient.begin(Request.of(key), TEXT);
    InProgressException e =
        assertThrows(InProgressException.class, () -> impatient.begin(Request.of(key), TEXT));
    assertThat(e.retryAfter(), is(lessThanOrEqualTo(lease)));

    Claim<String> next =
        Awaitility.await()
            .pollInterval(Duration.ofMillis(20))
            .ignoreExceptionsInstanceOf(InProgressException.class)
            .until(() -> service.begin(Request.of(key), TEXT), claim -> true);
    assertThat(next.attempt(), is(2));
    assertThat(vanished.extend(LEASE), is(false));

    stored.passLease();
    assertThat(begin().attempt(), is(3));
  }

  @Test
  void aReplayTellsTheAttemptThatSucceededAndChangesNothing() {
    try (Claim<String> vanished = begin()) {
      stored.passLease();
      begin().complete("done");
      String content = stored.content();
      try (Claim<String> replay = begin()) {
        assertThat(replay.replayed(), is(true));
        assertThat(replay.result(), is("done"));
        assertThat(replay.attempt(), is(2));
        assertThat(replay.extend(LEASE), is(false));
        assertThrows(IllegalStateException.class, () -> replay.complete("other"));
        replay.abandon();
      }
      assertThat(stored.content(), is(content));
      assertThat(vanished.replayed(), is(false));
    }
    assertThat(service.getResult(key, String.class), is(Optional.of("done")));
  }

  @Test
  void aSlowOwnerThatWasTakenOverCannotTouchTheNextOwnersClaim() {
    Claim<String> slow = begin();
    stored.passLease();
    Claim<String> next = begin();
    StoredRecord.Exactly before = stored.exactly();
    String result = new String("slow");

    ResultNotRecordedException e =
        assertThrows(ResultNotRecordedException.class, () -> slow.complete(result));
    assertThat(e.reason(), is(Reason.CLAIM_LOST));
    assertThat(e.result(), is(sameInstance(result)));
    assertThat(slow.extend(LEASE), is(false));
    slow.abandon();
    slow.close();
    assertThat(stored.exactly(), is(before));

    next.complete("next");
    assertThat(begin().result(), is("next"));
  }

  @Test
  void aSlowOwnerThatWasTakenOverLeavesTheNextOwnersResultToTheByte() {
    Claim<String> slow = begin();
    stored.passLease();
    begin().complete("next");
    StoredRecord.Exactly before = stored.exactly();

    assertThat(slow.extend(LEASE), is(false));
    ResultNotRecordedException e =
        assertThrows(ResultNotRecordedException.class, () -> slow.complete("slow"));
    assertThat(e.reason(), is(Reason.CLAIM_LOST));
    slow.abandon();
    assertThat(stored.exactly(), is(before));
  }

  @Test
  void noExceptionNamesTheKeyTheFingerprintOrTheResult() {
    Claim<String> slow =
        service.begin(Request.of(key).fingerprint("body-of-it"), TypeToken.get(String.class));
    List<IdempotencyException> exceptions = new ArrayList<>();
    exceptions.add(assertThrows(InProgressException.class, this::begin));
    exceptions.add(
        assertThrows(
            FingerprintMismatchException.class,
            () ->
                service.begin(
                    Request.of(key).fingerprint("another-body"), TypeToken.get(String.class))));
    stored.passLease();
    assertThat(begin().attempt(), is(2));
    exceptions.add(assertThrows(ResultNotRecordedException.class, () -> slow.complete("a-result")));
    for (IdempotencyException e : exceptions) {
      for (String secret : List.of(key, "body", "a-result")) {
        assertThat(e.toString(), not(containsString(secret)));
      }
    }
  }

  @Test
  @Proves("idempotency.result-kept")
  void aSlowOwnerThatWasTakenOverCannotTouchTheNextOwnersResult() {
    String late =
        assertThrows(
                ResultNotRecordedException.class,
                () ->
                    service.execute(
                        key,
                        String.class,
                        own -> {
                          stored.passLease();
                          service.execute(key, String.class, next -> "next");
                          return "slow";
                        }))
            .result()
            .toString();
    assertThat(late, is("slow"));
    assertThat(begin().result(), is("next"));
  }

  @Test
  void aFailingSlowOwnerLeavesTheNextOwnerAlone() {
    FailingWork.execute(
        service,
        key,
        () -> {
          stored.passLease();
          assertThat(begin().attempt(), is(2));
        });
    assertThrows(InProgressException.class, this::begin);
  }

  @Test
  @Proves("idempotency.result-kept")
  void aSlowOwnerThatNobodyTookOverIsStillTheOwner() {
    Claim<String> slow = begin();
    stored.passLease();
    assertThat(service.isDuplicate(key), is(false));
    assertThat(slow.extend(LEASE), is(true));
    assertThrows(InProgressException.class, this::begin);
    stored.passLease();
    slow.complete("slow");
    assertThat(begin().result(), is("slow"));
  }

  @Test
  void aCompletionIsRecordedEvenIfTheClaimHasVanished() {
    Claim<String> claim = service.begin(Request.of(key).fingerprint("body"), TEXT);
    stored.vanish();
    assertThat(claim.extend(LEASE), is(false));
    claim.complete("done");
    assertThat(begin().result(), is("done"));
    assertThrows(
        FingerprintMismatchException.class,
        () -> service.begin(Request.of(key).fingerprint("other body"), TEXT));
    assertThat(stored.ttlMillis(), is(allOf(greaterThan(0L), lessThanOrEqualTo(TTL.toMillis()))));
  }

  @Test
  void aClaimThatVanishedAndWasTakenByAnotherIsLost() {
    Claim<String> first = begin();
    stored.vanish();
    Claim<String> second = begin();
    StoredRecord.Exactly claimed = stored.exactly();
    assertThat(
        assertThrows(ResultNotRecordedException.class, () -> first.complete("first")).reason(),
        is(Reason.CLAIM_LOST));
    assertThat(first.extend(LEASE), is(false));
    first.abandon();
    assertThat(stored.exactly(), is(claimed));
    second.complete("second");
    assertThat(begin().result(), is("second"));
  }

  @Test
  void anAbandonedClaimIsFreeAtOnceAndCountsNoAttempt() {
    begin().abandon();
    assertThat(stored.isFree(), is(true));
    Claim<String> next = begin();
    assertThat(next.attempt(), is(1));
    next.close();
    assertThat(stored.isFree(), is(true));
  }

  @Test
  void closingACompletedClaimKeepsItsResult() {
    try (Claim<String> claim = begin()) {
      claim.complete("done");
      assertThrows(IllegalStateException.class, () -> claim.complete("again"));
      claim.abandon();
    }
    assertThat(begin().result(), is("done"));
  }

  @Test
  void anAbandonedClaimCannotBeCompleted() {
    Claim<String> claim = begin();
    assertThrows(IllegalStateException.class, claim::result);
    claim.abandon();
    assertThrows(IllegalStateException.class, () -> claim.complete("late"));
    assertThat(stored.isFree(), is(true));
  }

  @Test
  void extendingSetsTheEndOfTheLeaseAnew() {
    Claim<String> claim = begin();
    assertThat(claim.extend(Duration.ofDays(100)), is(true));
    Duration left = assertThrows(InProgressException.class, this::begin).retryAfter();
    assertThat(left, is(greaterThan(Duration.ofDays(99))));
    assertThat(claim.extend(Duration.ofSeconds(5)), is(true));
    left = assertThrows(InProgressException.class, this::begin).retryAfter();
    assertThat(left, is(lessThanOrEqualTo(Duration.ofSeconds(5))));
    assertThrows(NullPointerException.class, () -> claim.extend(null));
    assertThrows(IllegalArgumentException.class, () -> claim.extend(Duration.ZERO));
  }

  @Test
  void aStoredRequestTakesOverAnExpiredClaimOnly() {
    Claim<String> owner = begin();
    assertThat(service.storeRequest(key, "stored"), is(false));
    stored.passLease();
    assertThat(service.storeRequest(key, "stored"), is(true));
    assertThat(
        assertThrows(ResultNotRecordedException.class, () -> owner.complete("late")).reason(),
        is(Reason.CLAIM_LOST));
    Claim<String> replay = begin();
    assertThat(replay.result(), is("stored"));
    assertThat(replay.attempt(), is(2));
  }

  @Test
  void everyTransitionLeavesATtl() {
    long ttl = TTL.toMillis();
    long claimed = ttl + LEASE.toMillis();
    Claim<String> claim = begin();
    keptAtMost(claimed);
    assertThat(claim.extend(LEASE.multipliedBy(2)), is(true));
    keptAtMost(claimed + LEASE.toMillis());
    stored.passLease();
    Claim<String> next = begin();
    keptAtMost(claimed);
    next.complete("done");
    keptAtMost(ttl);

    assertThat(service.forget(key), is(true));
    assertThat(service.storeRequest(key, "stored"), is(true));
    keptAtMost(ttl);

    assertThat(service.forget(key), is(true));
    assertThat(begin().attempt(), is(1));
    stored.passLease();
    assertThat(service.storeRequest(key, "stored"), is(true));
    keptAtMost(ttl);

    assertThat(service.forget(key), is(true));
    assertThrows(ResultNotRecordedException.class, () -> service.storeRequest(key, Double.NaN));
    keptAtMost(ttl);
  }

  private void keptAtMost(long millis) {
    long left = stored.ttlMillis();
    assertThat(left, is(lessThanOrEqualTo(millis)));
    assertThat(left, is(greaterThan(millis - 10_000)));
  }

  @Test
  void aCrashIsStillKnownAfterALeaseThatIsLongerThanTheTtl() {
    IdempotencyService brief =
        builder().ttl(Duration.ofSeconds(20)).lease(Duration.ofMillis(50)).build();
    assertThat(
        brief.begin(Request.of(key).fingerprint("body"), TEXT).extend(Duration.ofMillis(50)),
        is(true));
    assertThat(stored.ttlMillis(), is(greaterThan(10_000L)));

    IdempotencyService longLease =
        builder().ttl(Duration.ofSeconds(3)).lease(Duration.ofMillis(3200)).build();
    assertThat(service.forget(key), is(true));
    assertThat(longLease.begin(Request.of(key).fingerprint("body"), TEXT).attempt(), is(1));
    Claim<String> next =
        Awaitility.await()
            .pollInterval(Duration.ofMillis(50))
            .ignoreExceptionsInstanceOf(InProgressException.class)
            .until(() -> longLease.begin(Request.of(key).fingerprint("body"), TEXT), claim -> true);
    assertThat(next.attempt(), is(2));
  }

  @Test
  void anotherFingerprintIsRefusedInEveryState() {
    Claim<String> claim = service.begin(Request.of(key).fingerprint("body"), TEXT);
    refusesOtherFingerprint();
    stored.passLease();
    refusesOtherFingerprint();
    claim.complete("done");
    refusesOtherFingerprint();
    assertThat(service.begin(Request.of(key).fingerprint("body"), TEXT).result(), is("done"));
    assertThat(service.begin(Request.of(key), TEXT).result(), is("done"));

    assertThat(service.forget(key), is(true));
    Claim<String> resultless = service.begin(Request.of(key).fingerprint("body"), TEXT);
    assertThrows(ResultNotRecordedException.class, () -> resultless.complete("\uD83D"));
    refusesOtherFingerprint();
  }

  private void refusesOtherFingerprint() {
    String content = stored.content();
    assertThrows(
        FingerprintMismatchException.class,
        () ->
            service
                .execute(
                    Request.of(key).fingerprint("other body"),
                    TEXT,
                    own -> {
                      throw new AssertionError("ran");
                    })
                .result());
    assertThat(stored.content(), is(content));
  }

  @Test
  void anOwnersFingerprintSurvivesATakeoverWithoutOneAndIsAddedWhereThereWasNone() {
    assertThat(service.begin(Request.of(key).fingerprint("body"), TEXT).attempt(), is(1));
    stored.passLease();
    Claim<String> next = begin();
    assertThat(next.attempt(), is(2));
    refusesOtherFingerprint();
    next.complete("done");
    refusesOtherFingerprint();

    assertThat(service.forget(key), is(true));
    assertThat(service.begin(Request.of(key).fingerprint("body"), TEXT).attempt(), is(1));
    stored.passLease();
    assertThat(service.storeRequest(key, "stored"), is(true));
    refusesOtherFingerprint();

    assertThat(service.forget(key), is(true));
    assertThat(begin().attempt(), is(1));
    assertThat(stored.word(Word.FINGERPRINT), is("-"));
    stored.passLease();
    service.begin(Request.of(key).fingerprint("body"), TEXT).complete("done");
    refusesOtherFingerprint();
  }
}
