package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.errorprone.annotations.Immutable;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
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
    void to(UnifiedJedis redis, String key);
  }

  /** What can be wrong with a claim. */
  enum Damage {
    A_STRING((redis, key) -> replace(redis, key, () -> redis.set(key, "x"))),
    AN_EMPTY_STRING((redis, key) -> replace(redis, key, () -> redis.set(key, ""))),
    A_LIST((redis, key) -> replace(redis, key, () -> redis.rpush(key, "x"))),
    A_SET((redis, key) -> replace(redis, key, () -> redis.sadd(key, "x"))),
    A_SORTED_SET((redis, key) -> replace(redis, key, () -> redis.zadd(key, 1, "x"))),
    A_FOREIGN_HASH((redis, key) -> replace(redis, key, () -> redis.hset(key, "field", "value"))),
    NO_FORMAT((redis, key) -> redis.hdel(key, "v")),
    A_LATER_FORMAT((redis, key) -> redis.hset(key, "v", "2")),
    NO_PHASE((redis, key) -> redis.hdel(key, "s")),
    AN_UNKNOWN_PHASE((redis, key) -> redis.hset(key, "s", "X")),
    COMPLETED_WITHOUT_RESULT_FIELD((redis, key) -> redis.hset(key, "s", "C")),
    NO_OWNER((redis, key) -> redis.hdel(key, "o")),
    AN_EMPTY_OWNER((redis, key) -> redis.hset(key, "o", "")),
    NO_ATTEMPT((redis, key) -> redis.hdel(key, "a")),
    A_WORD_FOR_AN_ATTEMPT((redis, key) -> redis.hset(key, "a", "many")),
    A_FRACTION_FOR_AN_ATTEMPT((redis, key) -> redis.hset(key, "a", "1.5")),
    A_HUGE_ATTEMPT((redis, key) -> redis.hset(key, "a", "9".repeat(40))),
    NO_DEADLINE((redis, key) -> redis.hdel(key, "d")),
    AN_EMPTY_DEADLINE((redis, key) -> redis.hset(key, "d", "")),
    A_DEADLINE_THAT_IS_NOT_A_NUMBER((redis, key) -> redis.hset(key, "d", "nan")),
    A_NEGATIVE_DEADLINE((redis, key) -> redis.hset(key, "d", "-1")),
    A_HUGE_DEADLINE((redis, key) -> redis.hset(key, "d", "9".repeat(40)));

    private final Blow inflict;

    Damage(Blow inflict) {
      this.inflict = inflict;
    }

    private static void replace(UnifiedJedis redis, String key, Runnable write) {
      redis.del(key);
      write.run();
    }
  }

  @ParameterizedTest
  @EnumSource
  void aDamagedClaimStopsEverythingUntilItIsForgotten(Damage damage) {
    Claim<Integer> claim = service.begin(key, null, NUMBER);
    damage.inflict.to(redis.admin(), stored.redisKey());
    byte[] before = redis.admin().dump(stored.redisKey());

    assertThrows(StoredResultException.class, () -> service.isDuplicate(key));
    assertThrows(StoredResultException.class, () -> service.getResult(key, Integer.class));
    assertThrows(StoredResultException.class, () -> service.storeRequest(key, 1));
    assertThrows(StoredResultException.class, () -> service.begin(key, "body", NUMBER));
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

  private Integer execute() {
    return service.execute(key, Integer.class, runs::incrementAndGet);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "{", "[1", "12x", "\"12", "{\"a\":1}", "[]", "1e400", "nul"})
  void aDamagedResultIsNeitherReplayedNorReplaced(String json) {
    assertThat(execute(), is(1));
    redis.admin().hset(stored.redisKey(), "r", json);
    StoredRecord.Content content = stored.content();

    assertThrows(StoredResultException.class, this::execute);
    assertThrows(StoredResultException.class, () -> service.begin(key, null, NUMBER));
    assertThrows(StoredResultException.class, () -> service.getResult(key, Integer.class));
    assertThat(service.isDuplicate(key), is(true));
    assertThat(service.storeRequest(key, 1), is(false));
    assertThat(stored.content(), is(content));
    assertThat(runs.get(), is(1));
  }

  @ParameterizedTest
  @ValueSource(strings = {"v", "s", "o", "a", "r"})
  void aCompletionWithAMissingFieldIsNotReplayed(String field) {
    assertThat(execute(), is(1));
    redis.admin().hdel(stored.redisKey(), field);
    assertThrows(StoredResultException.class, this::execute);
    assertThrows(StoredResultException.class, () -> service.getResult(key, NUMBER));
    assertThat(runs.get(), is(1));
  }

  @Test
  void aWorkThatThrowsOverADamagedRecordThrowsItsOwnException() {
    IllegalStateException thrown =
        FailingWork.execute(
            service, key, () -> Damage.A_LIST.inflict.to(redis.admin(), stored.redisKey()));
    assertThat(thrown.getSuppressed()[0].getClass(), is((Object) StoredResultException.class));
  }
}
