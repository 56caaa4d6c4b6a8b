package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/** A Redis user who may not do all that the service needs: nothing is left half done. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyPermissionIT {

  private static final Duration LEASE = Duration.ofMinutes(1);
  private static final Duration TTL = Duration.ofHours(1);
  private static final String ME = "me";
  private static final ResultCodec.Fit RESULT = new ResultCodec.Fit("1");

  private final TestRedis redis;
  private final IdempotencyService service;
  private final String key;
  private final StoredRecord stored;

  IdempotencyPermissionIT(TestRedis redis) {
    this.redis = redis;
    this.service = Services.on(redis);
    this.key = redis.unique("key");
    this.stored = new StoredRecord(redis.admin(), service, key);
  }

  /** In which state a script may find the record. */
  private enum Found {
    NOTHING,
    MINE,
    EXPIRED_CLAIM_OF_ANOTHER,
    RESULT
  }

  /** Something that a service sends. */
  private interface Sent {
    @CanIgnoreReturnValue
    Object to(Records records, String redisKey);
  }

  private static Stream<Sent> everything() {
    return Stream.of(
        (records, redisKey) -> records.begin(redisKey, ME, "body", LEASE.multipliedBy(2)),
        (records, redisKey) -> records.complete(redisKey, ME, "body", 1, RESULT),
        (records, redisKey) -> records.store(redisKey, ME, RESULT),
        (records, redisKey) -> records.extend(redisKey, ME, LEASE.multipliedBy(2)),
        (records, redisKey) -> {
          records.abandon(redisKey, ME);
          return "abandoned";
        },
        (records, redisKey) -> records.isTaken(redisKey),
        (records, redisKey) -> records.result(redisKey),
        (records, redisKey) -> records.delete(redisKey));
  }

  @ParameterizedTest
  @ValueSource(strings = {"evalsha", "get", "set", "time", "del", "unlink"})
  void whatAUserMayNotDoHasNoEffectAtAll(String command) {
    Records complete = Services.records(redis, TTL);
    List<String> refused = new ArrayList<>();
    try (TestRedis restricted = redis.withoutCommands(command)) {
      Records records = Services.records(restricted, TTL);
      for (Found found : Found.values()) {
        for (Sent sent : everything().toList()) {
          prepare(found, complete);
          StoredRecord.Exactly before = stored.exactly();
          try {
            sent.to(records, stored.redisKey());
          } catch (JedisException e) {
            refused.add(e.getMessage());
            assertThat(e, is(instanceOf(JedisDataException.class)));
            assertThat(found + " " + e, stored.exactly(), is(before));
          }
          assertThat(!stored.exists() || stored.ttlMillis() > 0, is(true));
        }
      }
    }
    assertThat("the command is used", refused, is(not(empty())));
  }

  private void prepare(Found found, Records complete) {
    stored.vanish();
    String redisKey = stored.redisKey();
    switch (found) {
      case NOTHING -> assertThat(stored.exists(), is(false));
      case MINE -> assertThat(complete.begin(redisKey, ME, "body", LEASE), is(owned()));
      case EXPIRED_CLAIM_OF_ANOTHER -> {
        assertThat(complete.begin(redisKey, "other", "body", LEASE), is(owned()));
        stored.passLease();
      }
      case RESULT -> {
        assertThat(complete.store(redisKey, ME, RESULT), is(true));
        assertThat(stored.ttlMillis(), is(greaterThan(0L)));
      }
    }
  }

  private static Records.Begun owned() {
    return new Records.Owned(1);
  }
}
