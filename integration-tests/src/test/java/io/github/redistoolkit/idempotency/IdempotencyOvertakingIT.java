package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.nullValue;

import io.github.redistoolkit.idempotency.Records.Changed;
import io.github.redistoolkit.idempotency.Records.Mine;
import io.github.redistoolkit.idempotency.Records.Over;
import io.github.redistoolkit.idempotency.Records.Settled;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Requests that arrive twice, or after something else has been settled: they change nothing. */
@LeavesServerAlone
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class IdempotencyOvertakingIT {

  private static final long TTL = Duration.ofHours(1).toMillis();
  private static final long MINUTE = Duration.ofMinutes(1).toMillis();
  private static final Stored MINE = Marks.claim(Marks.ME, TTL);
  private static final Stored YOURS = Marks.claim(Marks.YOU, TTL);
  private static final Stored RESULT = MINE.settledAs(Stored.Phase.COMPLETED, "\"done\"");

  private final Records records;
  private final StoredRecord stored;
  private final String key;

  IdempotencyOvertakingIT(TestRedis redis) {
    this.records = Services.records(redis);
    this.stored = new StoredRecord(redis.admin(), Services.on(redis), redis.unique("key"));
    this.key = stored.redisKey();
  }

  private void claimed(Stored claim) {
    assertThat(records.put(key, claim, MINUTE + TTL), is(nullValue()));
  }

  /** Does something that must leave no trace. */
  private void changesNothing(Runnable late) {
    StoredRecord.Exactly before = stored.exactly();
    late.run();
    assertThat(stored.exactly(), is(before));
  }

  @Test
  @Proves("idempotency.nothing-overtakes")
  void everythingMayBeSentTwice() {
    claimed(MINE);
    changesNothing(() -> assertThat(records.put(key, MINE, MINUTE + TTL), is(MINE)));
    assertThat(records.extend(key, Marks.ME, 1, 2 * MINUTE + TTL), is(true));
    changesNothing(() -> assertThat(records.extend(key, Marks.ME, 1, 2 * MINUTE + TTL), is(true)));
    assertThat(records.settle(key, MINE, RESULT, TTL), is(Settled.SETTLED));
    changesNothing(() -> assertThat(records.settle(key, MINE, RESULT, TTL), is(Settled.SETTLED)));

    stored.vanish();
    claimed(YOURS);
    stored.passLease();
    assertThat(take(YOURS), is(new Mine(2, 1, "-")));
    changesNothing(() -> assertThat(take(YOURS), is(new Mine(2, 1, "-"))));
    records.free(key, Marks.ME, TTL);
    changesNothing(() -> records.free(key, Marks.ME, TTL));
    assertThat(records.forget(key, Marks.YOU), is(true));
    changesNothing(() -> assertThat(records.forget(key, Marks.YOU), is(true)));
  }

  private Records.Taken take(Stored seen) {
    return records.take(key, seen, MINE, MINUTE + TTL, Over.FREE);
  }

  @Test
  void aBeginThatArrivesLateShortensNoLease() {
    claimed(MINE);
    assertThat(records.extend(key, Marks.ME, 1, 10 * MINUTE + TTL), is(true));
    changesNothing(() -> assertThat(records.put(key, MINE, MINUTE + TTL).owner(), is(Marks.ME)));
  }

  @Test
  void aBeginThatArrivesAfterItsClaimWasGivenUpClaimsNothing() {
    claimed(MINE);
    records.free(key, Marks.ME, TTL);
    changesNothing(
        () -> assertThat(records.put(key, MINE, MINUTE + TTL).phase(), is(Stored.Phase.FREE)));
    assertThat(stored.isFree(), is(true));
    assertThat(stored.ttlMillis(), is(lessThanOrEqualTo(Records.TOMBSTONE.toMillis())));
  }

  @Test
  void aBeginThatArrivesAfterItWasTakenBackClaimsNothing() {
    records.withdraw(key, Marks.ME, TTL);
    changesNothing(
        () -> assertThat(records.put(key, MINE, MINUTE + TTL).phase(), is(Stored.Phase.FREE)));
  }

  @Test
  void aTakeoverThatArrivesAfterItWasTakenBackTakesNothing() {
    claimed(YOURS);
    records.withdraw(key, Marks.ME, TTL); // what has not arrived yet
    stored.passLease();
    changesNothing(() -> assertThat(take(YOURS), is(Changed.CHANGED)));
    // The owner does not notice.
    Stored result = YOURS.settledAs(Stored.Phase.COMPLETED, "1");
    assertThat(records.settle(key, YOURS, result, TTL), is(Settled.SETTLED));
  }

  @Test
  void aTakeoverThatArrivesAfterItsClaimWasGivenUpTakesNothing() {
    claimed(YOURS);
    stored.passLease();
    assertThat(take(YOURS), is(instanceOf(Mine.class)));
    records.free(key, Marks.ME, TTL);
    changesNothing(() -> assertThat(take(YOURS), is(Changed.CHANGED)));
    assertThat(stored.isFree(), is(true));
  }

  @Test
  void aTakeoverThatArrivesAfterAnotherTookOverTakesNothing() {
    claimed(YOURS);
    stored.passLease();
    Stored third = Marks.claim(Marks.owner("third"), TTL);
    assertThat(
        records.take(key, YOURS, third, MINUTE + TTL, Over.FREE), is(instanceOf(Mine.class)));
    stored.passLease();
    changesNothing(() -> assertThat(take(YOURS), is(Changed.CHANGED)));
  }

  @Test
  void anExtensionThatArrivesAfterALaterOneShortensNothing() {
    claimed(MINE);
    assertThat(records.extend(key, Marks.ME, 2, 10 * MINUTE + TTL), is(true));
    changesNothing(() -> assertThat(records.extend(key, Marks.ME, 1, MINUTE + TTL), is(true)));
    assertThat(stored.ttlMillis(), is(greaterThan(9 * MINUTE + TTL)));
  }

  @Test
  void anExtensionThatArrivesAfterTheClaimWasEndedRevivesNothing() {
    claimed(MINE);
    records.free(key, Marks.ME, TTL);
    changesNothing(() -> assertThat(records.extend(key, Marks.ME, 1, MINUTE + TTL), is(false)));
  }

  @Test
  @Proves("idempotency.nothing-overtakes")
  void aCompletionThatArrivesAfterTheClaimWasGivenUpIsNotRecorded() {
    claimed(MINE);
    records.free(key, Marks.ME, TTL);
    changesNothing(() -> assertThat(records.settle(key, MINE, RESULT, TTL), is(Settled.LOST)));
  }

  @Test
  void aCompletionThatArrivesAfterTheKeyWasForgottenIsNotRecorded() {
    claimed(MINE);
    assertThat(records.forget(key, Marks.YOU), is(true));
    changesNothing(() -> assertThat(records.settle(key, MINE, RESULT, TTL), is(Settled.LOST)));
    changesNothing(
        () -> assertThat(records.put(key, MINE, MINUTE + TTL).phase(), is(Stored.Phase.FREE)));
  }

  @Test
  void aCompletionThatArrivesAfterAnotherOfTheSameClaimIsNotRecorded() {
    claimed(MINE);
    assertThat(records.settle(key, MINE, RESULT, TTL), is(Settled.SETTLED));
    Stored other = MINE.settledAs(Stored.Phase.COMPLETED, "\"other\"");
    changesNothing(() -> assertThat(records.settle(key, MINE, other, TTL), is(Settled.OTHER)));
  }

  @Test
  void anAbandonmentThatArrivesAfterAnotherClaimLeavesItAlone() {
    claimed(MINE);
    records.free(key, Marks.ME, TTL);
    assertThat(stored.isFree(), is(true));
    Stored seen = records.get(key);
    assertThat(records.take(key, seen, YOURS, MINUTE + TTL, Over.FREE), is(instanceOf(Mine.class)));
    records.free(key, Marks.ME, TTL);
    assertThat(stored.word(StoredRecord.Word.OWNER), is(Marks.YOU));
    assertThat(records.look(key).isLive(), is(true));
  }

  @Test
  void aRecordedResultThatArrivesAfterTheKeyWasForgottenIsNotRecorded() {
    claimed(YOURS);
    Stored recorded = Marks.result(Marks.ME, "1");
    assertThat(records.forget(key, Marks.owner("operator")), is(true));
    changesNothing(
        () -> assertThat(records.take(key, YOURS, recorded, TTL, Over.ANY), is(Changed.CHANGED)));
  }
}
