package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.startsWith;
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
import org.junit.jupiter.api.Test;

/** What an operator or a reconciliation can see and decide. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyOperatorIT {

  private static final TypeToken<String> TEXT = TypeToken.get(String.class);
  private static final Duration TTL = Duration.ofHours(1);
  private static final Duration LEASE = Duration.ofMinutes(1);

  private final TestRedis redis;
  private final IdempotencyService service;
  private final String key;
  private final StoredRecord stored;

  IdempotencyOperatorIT(TestRedis redis) {
    this.redis = redis;
    this.service = Services.builder(redis).ttl(TTL).lease(LEASE).maxResultBytes(100).build();
    this.key = redis.unique("key");
    this.stored = new StoredRecord(redis.admin(), service, key);
  }

  private Claim<String> begin() {
    return service.begin(Request.of(key), TEXT);
  }

  private void isSeen(State state, int attempt, boolean hasFingerprint, Duration atMost) {
    RecordStatus status = service.status(key);
    assertThat(status.state(), is(state));
    assertThat(status.attempt(), is(attempt));
    assertThat(status.hasFingerprint(), is(hasFingerprint));
    assertThat(
        status.timeLeft().orElseThrow(),
        is(allOf(greaterThan(atMost.minusSeconds(30)), lessThanOrEqualTo(atMost))));
  }

  private void isNotSeen() {
    assertThat(service.status(key), is(new RecordStatus(State.NONE, 0, Optional.empty(), false)));
  }

  @Test
  void eachStateIsSeen() {
    isNotSeen();
    begin().abandon();
    isNotSeen();
    Claim<String> vanished = service.begin(Request.of(key).fingerprint("body"), TEXT);
    isSeen(State.IN_PROGRESS, 1, true, LEASE);
    assertThat(vanished.extend(LEASE.multipliedBy(2)), is(true));
    isSeen(State.IN_PROGRESS, 1, true, LEASE.multipliedBy(2));
    stored.passLease();
    isSeen(State.VANISHED, 1, true, TTL);
    Claim<String> next = begin();
    isSeen(State.IN_PROGRESS, 2, true, LEASE);
    next.abandon();
    isSeen(State.VANISHED, 1, true, TTL);
    begin().complete("done");
    isSeen(State.COMPLETED, 2, true, TTL);
    assertThat(service.forget(key), is(true));
    isNotSeen();
    assertThat(
        assertThrows(ResultNotRecordedException.class, () -> service.record(key, "x".repeat(100)))
            .reason(),
        is(Reason.TOO_LARGE));
    isSeen(State.COMPLETED_WITHOUT_RESULT, 1, false, TTL);
    stored.put("x");
    assertThat(service.status(key).state(), is(State.UNREADABLE));
    stored.vanish();
    redis.admin().rpush(stored.redisKey(), "x");
    assertThat(service.status(key).state(), is(State.UNREADABLE));
    assertThat(service.forget(key), is(true));
    isNotSeen();
  }

  @Test
  void aResultIsRecordedWhoeverOwnsTheKey() {
    assertThat(service.record(key, "known"), is(true));
    assertThat(begin().result(), is("known"));
    assertThat(service.record(key, "known"), is(true));
    assertThat(service.record(key, "other"), is(false));
    assertThat(begin().result(), is("known"));
    assertThat(service.forget(key), is(true));

    Claim<String> owner = service.begin(Request.of(key).fingerprint("body"), TEXT);
    assertThat(service.record(key, "recorded"), is(true));
    assertThat(stored.ttlMillis(), is(lessThanOrEqualTo(TTL.toMillis())));
    assertThat(
        assertThrows(ResultNotRecordedException.class, () -> owner.complete("own")).reason(),
        is(Reason.CLAIM_LOST));
    owner.abandon();
    assertThat(begin().result(), is("recorded"));
    assertThrows(
        FingerprintMismatchException.class,
        () -> service.begin(Request.of(key).fingerprint("other body"), TEXT));
  }

  @Test
  void aResultThatCouldNotBeStoredIsRecordedInAnotherForm() {
    assertThrows(
        ResultNotRecordedException.class,
        () -> service.execute(key, String.class, claim -> "x".repeat(100)));
    assertThrows(StoredResultException.class, this::begin);
    assertThat(service.record(key, "short"), is(true));
    assertThat(begin().result(), is("short"));
  }

  @Test
  void whoIsForgottenAtWorkRecordsNothing() {
    Claim<String> owner = begin();
    assertThat(service.forget(key), is(true));
    assertThat(service.forget(key), is(false));
    assertThat(owner.extend(LEASE), is(false));
    Claim<String> next = begin();
    assertThat(next.attempt(), is(1));
    assertThat(
        assertThrows(ResultNotRecordedException.class, () -> owner.complete("late")).reason(),
        is(Reason.CLAIM_LOST));
    next.complete("next");
    assertThat(begin().result(), is("next"));
  }

  @Test
  void aRecordIsWhereItIsSaidToBe() {
    IdempotencyService own = Services.builder(redis, "refunds").prefix("app:idem:").build();
    assertThat(own.redisKey("a b"), is("app:idem:refunds:{a b}"));
    String id = redis.unique("{%}");
    assertThat(own.storeRequest(id, 1), is(true));
    assertThat(own.redisKey(id), startsWith("app:idem:refunds:{"));
    assertThat(redis.admin().exists(own.redisKey(id)), is(true));
    String longest = "k".repeat(64 << 10);
    assertThat(own.storeRequest(longest, 1), is(true));
    assertThat(own.isDuplicate(longest), is(true));
    assertThat(own.isDuplicate(longest.substring(1)), is(false));
    assertThat(own.forget(longest), is(true));
  }
}
