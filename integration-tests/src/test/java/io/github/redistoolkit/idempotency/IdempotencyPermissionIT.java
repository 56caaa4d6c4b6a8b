package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.exceptions.JedisAccessControlException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/** A Redis user who may not do all that the service needs: nothing is left half done. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class IdempotencyPermissionIT {

  private static final Duration LEASE = Duration.ofMinutes(1);
  private static final Duration TTL = Duration.ofHours(1);
  private static final long KEPT = LEASE.plus(TTL).toMillis();
  private static final Stored MINE = Marks.claim(Marks.ME, TTL.toMillis());
  private static final Stored RESULT = Marks.result(Marks.ME, "1");

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
    @Nullable Object to(Records records, String redisKey);
  }

  private static Stream<Sent> everything() {
    return Stream.of(
        (records, redisKey) -> records.put(redisKey, MINE, KEPT),
        (records, redisKey) ->
            records.take(
                redisKey, Marks.claim(Marks.YOU, TTL.toMillis()), MINE, KEPT, Records.Over.FREE),
        (records, redisKey) -> records.settle(redisKey, MINE, RESULT, TTL.toMillis()),
        (records, redisKey) -> records.extend(redisKey, Marks.ME, 1, KEPT),
        (records, redisKey) -> {
          records.free(redisKey, Marks.ME, TTL.toMillis());
          return "free";
        },
        (records, redisKey) -> records.look(redisKey),
        (records, redisKey) -> records.get(redisKey),
        (records, redisKey) -> records.forget(redisKey, Marks.YOU));
  }

  @ParameterizedTest
  @ValueSource(strings = {"evalsha", "get", "set", "getrange", "pttl", "exists", "type"})
  void whatAUserMayNotDoHasNoEffectAtAll(String command) {
    Records complete = Services.records(redis);
    List<String> refused = new ArrayList<>();
    try (TestRedis restricted = redis.withoutCommands(command)) {
      Records records = Services.records(restricted);
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

  @Test
  void aClaimThatAUserMayNotTakeBackIsLeftToItsLease() {
    try (TestRedis restricted = redis.withoutCommands("evalsha")) {
      Claim<String> claim =
          Services.on(restricted).begin(Request.of(key), TypeToken.get(String.class));
      assertThrows(JedisAccessControlException.class, claim::abandon);
      // What is refused is not tried again and again.
      Awaitility.await().until(() -> !isTakingBack());
    }
    assertThat(stored.exists(), is(true));
  }

  private static boolean isTakingBack() {
    return Thread.getAllStackTraces().keySet().stream()
        .anyMatch(thread -> thread.getName().equals("redis-idempotency-withdrawals"));
  }

  private void prepare(Found found, Records complete) {
    stored.vanish();
    String redisKey = stored.redisKey();
    switch (found) {
      case NOTHING -> assertThat(stored.exists(), is(false));
      case MINE -> assertThat(complete.put(redisKey, MINE, KEPT), is(nullValue()));
      case EXPIRED_CLAIM_OF_ANOTHER -> {
        Stored other = Marks.claim(Marks.YOU, TTL.toMillis());
        assertThat(complete.put(redisKey, other, KEPT), is(nullValue()));
        stored.passLease();
      }
      case RESULT -> assertThat(complete.put(redisKey, RESULT, TTL.toMillis()), is(nullValue()));
    }
  }
}
