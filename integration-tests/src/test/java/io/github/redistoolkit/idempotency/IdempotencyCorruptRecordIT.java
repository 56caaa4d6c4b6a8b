package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.errorprone.annotations.Immutable;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import io.github.redistoolkit.idempotency.StoredRecord.Word;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.UnifiedJedis;

/** Records that somebody damaged: nothing runs, nothing changes, until an operator forgets them. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyCorruptRecordIT {

  private static final TypeToken<Integer> NUMBER = TypeToken.get(Integer.class);

  private final TestRedis redis;
  private final IdempotencyService service;
  private final String key;
  private final StoredRecord stored;
  private final AtomicInteger runs = new AtomicInteger();

  IdempotencyCorruptRecordIT(TestRedis redis) {
    this.redis = redis;
    this.service = Services.on(redis);
    this.key = redis.unique("key");
    this.stored = new StoredRecord(redis.admin(), service, key);
  }

  @Immutable
  interface Blow {
    void to(StoredRecord record, UnifiedJedis redis);
  }

  /** Something that a script did not write. */
  @Immutable
  interface Foreign {
    void write(UnifiedJedis redis, String redisKey);
  }

  /** What can be wrong with a claim. */
  enum Damage {
    A_HASH(replaced((redis, key) -> redis.hset(key, "field", "value"))),
    A_LIST(replaced((redis, key) -> redis.rpush(key, "x"))),
    A_SET(replaced((redis, key) -> redis.sadd(key, "x"))),
    A_SORTED_SET(replaced((redis, key) -> redis.zadd(key, 1, "x"))),
    A_FOREIGN_STRING(replaced((redis, key) -> redis.set(key, "x"))),
    AN_EMPTY_STRING(replaced((redis, key) -> redis.set(key, ""))),
    SPACES(replaced((redis, key) -> redis.set(key, " ".repeat(6)))),
    CUT_OFF(replaced((redis, key) -> redis.set(key, "2 P owner 1 0 86"))),
    NO_FORMAT(without(Word.FORMAT)),
    AN_EARLIER_FORMAT(with(Word.FORMAT, "1")),
    A_LATER_FORMAT(with(Word.FORMAT, "3")),
    A_MUCH_LATER_FORMAT(with(Word.FORMAT, "22")),
    NO_PHASE(without(Word.PHASE)),
    AN_UNKNOWN_PHASE(with(Word.PHASE, "Q")),
    COMPLETED_WITHOUT_RESULT(with(Word.PHASE, "C")),
    NO_OWNER(without(Word.OWNER)),
    AN_EMPTY_OWNER(with(Word.OWNER, "")),
    A_SHORT_OWNER(with(Word.OWNER, "owner")),
    NO_SEQUENCE(without(Word.SEQUENCE)),
    A_WORD_FOR_A_SEQUENCE(with(Word.SEQUENCE, "one")),
    NO_COUNT_OF_VANISHED(without(Word.VANISHED)),
    A_WORD_FOR_A_COUNT(with(Word.VANISHED, "many")),
    A_FRACTION_FOR_A_COUNT(with(Word.VANISHED, "1.5")),
    A_HUGE_COUNT(with(Word.VANISHED, "9".repeat(40))),
    NO_TIME_KEPT(without(Word.KEEP)),
    AN_EMPTY_TIME_KEPT(with(Word.KEEP, "")),
    A_TIME_KEPT_THAT_IS_NOT_A_NUMBER(with(Word.KEEP, "nan")),
    A_NEGATIVE_TIME_KEPT(with(Word.KEEP, "-1")),
    A_HUGE_TIME_KEPT(with(Word.KEEP, "9".repeat(40))),
    NO_STEP(without(Word.STEP)),
    A_SHORT_FINGERPRINT(with(Word.FINGERPRINT, ".abc")),
    AN_UNKNOWN_FINGERPRINT(with(Word.FINGERPRINT, "?" + "a".repeat(22))),
    NO_FINGERPRINT(without(Word.FINGERPRINT));

    private final Blow inflict;

    Damage(Blow inflict) {
      this.inflict = inflict;
    }

    private static Blow replaced(Foreign foreign) {
      return (record, redis) -> {
        record.vanish();
        foreign.write(redis, record.redisKey());
      };
    }

    private static Blow with(Word word, String text) {
      return (record, redis) -> record.overwrite(word, text);
    }

    private static Blow without(Word word) {
      return (record, redis) -> record.remove(word);
    }
  }

  @ParameterizedTest
  @EnumSource
  void aDamagedClaimStopsEverythingUntilItIsForgotten(Damage damage) {
    Claim<Integer> claim = service.begin(Request.of(key), NUMBER);
    damage.inflict.to(stored, redis.admin());
    byte[] before = redis.admin().dump(stored.redisKey());

    assertThrows(StoredResultException.class, () -> service.isDuplicate(key));
    assertThrows(StoredResultException.class, () -> service.getResult(key, Integer.class));
    assertThrows(StoredResultException.class, () -> service.storeRequest(key, 1));
    assertThrows(
        StoredResultException.class,
        () -> service.begin(Request.of(key).fingerprint("body"), NUMBER));
    assertThrows(StoredResultException.class, this::execute);
    assertThrows(StoredResultException.class, () -> claim.extend(Duration.ofSeconds(1)));
    ResultNotRecordedException e =
        assertThrows(ResultNotRecordedException.class, () -> claim.complete(5));
    assertThat(e.reason(), is(Reason.RECORD_UNREADABLE));
    assertThat(e.result(), is(5));
    assertThrows(StoredResultException.class, claim::abandon);
    assertThat(redis.admin().dump(stored.redisKey()), is(before));
    assertThat(runs.get(), is(0));

    assertThat(service.forget(key), is(true));
    assertThat(execute(), is(1));
  }

  @Test
  void aClaimThatWasMadeToLastForeverIsNobodysToTake() {
    Claim<Integer> claim = service.begin(Request.of(key), NUMBER);
    redis.admin().persist(stored.redisKey());

    assertThrows(StoredResultException.class, () -> service.isDuplicate(key));
    assertThrows(StoredResultException.class, this::execute);
    assertThrows(StoredResultException.class, () -> claim.extend(Duration.ofSeconds(1)));
    assertThat(service.status(key).state(), is(RecordStatus.State.UNREADABLE));
    claim.complete(5);
    assertThat(stored.ttlMillis(), is(greaterThan(0L)));
  }

  private Integer execute() {
    return service.execute(key, Integer.class, own -> runs.incrementAndGet());
  }

  @ParameterizedTest
  @ValueSource(strings = {" ", "{", "[1", "12x", "\"12", "{\"a\":1}", "[]", "1e400", "nul"})
  void aDamagedResultIsNeitherReplayedNorReplaced(String json) {
    assertThat(execute(), is(1));
    stored.overwrite(Word.BODY, json);
    String content = stored.content();

    assertThrows(StoredResultException.class, this::execute);
    assertThrows(StoredResultException.class, () -> service.begin(Request.of(key), NUMBER));
    assertThrows(StoredResultException.class, () -> service.getResult(key, Integer.class));
    assertThat(service.isDuplicate(key), is(true));
    assertThat(service.storeRequest(key, 1), is(false));
    assertThat(stored.content(), is(content));
    assertThat(runs.get(), is(1));
  }

  @ParameterizedTest
  @EnumSource
  void aCompletionWithAMissingWordIsNotReplayed(Word word) {
    assertThat(execute(), is(1));
    stored.remove(word);
    assertThrows(StoredResultException.class, this::execute);
    assertThrows(StoredResultException.class, () -> service.getResult(key, NUMBER));
    assertThat(runs.get(), is(1));
  }

  @Test
  void aWorkThatThrowsOverADamagedRecordThrowsItsOwnException() {
    IllegalStateException thrown =
        FailingWork.execute(service, key, () -> Damage.A_LIST.inflict.to(stored, redis.admin()));
    assertThat(thrown.getSuppressed()[0].getClass(), is((Object) StoredResultException.class));
  }
}
