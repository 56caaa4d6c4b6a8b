package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
@Tag("smoke")
class IdempotencyIT {

  private static final Duration HOUR = Duration.ofHours(1);
  private static final TypeToken<Map<String, Object>> FIELDS = new TypeToken<>() {};

  private final TestRedis redis;
  private final IdempotencyService service;
  private final AtomicInteger runs = new AtomicInteger();

  IdempotencyIT(TestRedis redis) {
    this.redis = redis;
    this.service = service(HOUR);
  }

  private IdempotencyService service(Duration ttl) {
    return redis.over(
        pool -> new IdempotencyService(pool, Services.NAME, ttl),
        client -> new IdempotencyService(client, Services.NAME, ttl));
  }

  @Test
  void anIdempotencyKeyPreventsDuplicates() {
    String requestId = redis.unique("req-12345");
    assertThat(service.isDuplicate(requestId), is(false));

    assertThat(
        service.storeRequest(requestId, Map.of("result", "processed", "amount", 100)), is(true));

    assertThat(service.isDuplicate(requestId), is(true));
    Map<String, Object> stored = service.getResult(requestId, FIELDS).orElseThrow();
    assertThat(stored, is(Map.of("result", "processed", "amount", 100L)));
  }

  @Test
  void anIdempotencyKeyExpires() {
    IdempotencyService shortLived = service(Duration.ofSeconds(3));
    String requestId = redis.unique("req-expire");
    long start = System.nanoTime();
    assertThat(shortLived.storeRequest(requestId, Map.of("result", "ok")), is(true));
    assertThat(shortLived.isDuplicate(requestId), is(true));

    Awaitility.await()
        .pollInterval(Duration.ofMillis(20))
        .atMost(Duration.ofSeconds(20))
        .until(() -> !shortLived.isDuplicate(requestId));
    assertThat(System.nanoTime() - start, is(greaterThan(Duration.ofMillis(2990).toNanos())));
    assertThat(shortLived.getResult(requestId, FIELDS), is(Optional.empty()));
    assertThat(shortLived.storeRequest(requestId, "again"), is(true));
  }

  @Test
  void runsTheWorkOnceAndReplaysItsResult() {
    String key = redis.unique("key");
    for (int call = 0; call < 5; call++) {
      assertThat(service.execute(key, Integer.class, own -> runs.incrementAndGet()), is(1));
    }
    assertThat(runs.get(), is(1));
    assertThat(service.isDuplicate(key), is(true));
    assertThat(service.getResult(key, Integer.class), is(Optional.of(1)));
  }

  @Test
  @Proves("idempotency.result-kept")
  void theFirstStoredResultWins() {
    String requestId = redis.unique("req");
    assertThat(service.storeRequest(requestId, "first"), is(true));
    assertThat(service.storeRequest(requestId, "second"), is(false));
    assertThat(service.getResult(requestId, String.class), is(Optional.of("first")));
  }

  @Test
  void aStoredRequestIsNotExecuted() {
    String key = redis.unique("key");
    assertThat(service.storeRequest(key, 7), is(true));
    assertThat(service.execute(key, Integer.class, own -> runs.incrementAndGet()), is(7));
    assertThat(runs.get(), is(0));
  }

  @Test
  void aRequestBeingWorkedOnIsADuplicateWithoutAResult() {
    String key = redis.unique("key");
    service.execute(
        key,
        String.class,
        own -> {
          assertThat(service.isDuplicate(key), is(true));
          assertThat(service.getResult(key, String.class), is(Optional.empty()));
          assertThat(service.storeRequest(key, "other"), is(false));
          return "own";
        });
    assertThat(service.getResult(key, String.class), is(Optional.of("own")));
  }

  static Stream<Throwable> failures() {
    return Stream.of(
        new IOException("checked"),
        new IllegalStateException("unchecked"),
        new AssertionError("error"));
  }

  @ParameterizedTest
  @MethodSource("failures")
  void throwsWhatTheWorkThrowsAndLetsItRunAgainAtOnce(Throwable failure) {
    String key = redis.unique("key");
    Throwable thrown =
        assertThrows(
            Throwable.class,
            () ->
                service.executeChecked(
                    Request.of(key), TypeToken.get(String.class), own -> fail(failure)));
    assertThat(thrown, is(sameInstance(failure)));
    assertThat(thrown.getSuppressed().length, is(0));
    assertThat(service.isDuplicate(key), is(false));
    assertThat(service.execute(key, Integer.class, own -> runs.incrementAndGet()), is(1));
  }

  private static String fail(Throwable failure) throws Exception {
    if (failure instanceof Error error) {
      throw error;
    }
    throw (Exception) failure;
  }

  @Test
  void neverProlongsACompletionByReadingIt() {
    String key = redis.unique("key");
    service.execute(key, Integer.class, own -> 1);
    StoredRecord record = new StoredRecord(redis.admin(), service, key);
    redis.admin().pexpire(record.redisKey(), 60_000);
    assertThat(service.execute(key, Integer.class, own -> 2), is(1));
    assertThat(service.getResult(key, Integer.class), is(Optional.of(1)));
    assertThat(service.isDuplicate(key), is(true));
    assertThat(service.storeRequest(key, 3), is(false));
    assertThat(record.ttlMillis(), is(lessThanOrEqualTo(60_000L)));
  }

  @Test
  void aForgottenKeyRunsAgain() {
    String key = redis.unique("key");
    assertThat(service.forget(key), is(false));
    service.execute(key, Integer.class, own -> runs.incrementAndGet());
    assertThat(service.forget(key), is(true));
    assertThat(service.isDuplicate(key), is(false));
    assertThat(service.execute(key, Integer.class, own -> runs.incrementAndGet()), is(2));
  }

  @Test
  void operationsKeepTheSameKeyApart() {
    String key = redis.unique("key");
    for (String name : new String[] {"payments", "refunds"}) {
      IdempotencyService own = Services.builder(redis, name).build();
      assertThat(own.storeRequest(key, name), is(true));
      assertThat(own.getResult(key, String.class), is(Optional.of(name)));
    }
    assertThat(service.isDuplicate(key), is(false));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {" ", "a b", "{", "}", "{}", "a}b{c", "%7B", "\n\r\n", "\0", "ä€\uD83D\uDE00", "*"})
  void takesAnyTextForAKey(String key) {
    IdempotencyService own = Services.builder(redis).prefix(redis.unique("any:")).build();
    assertThat(own.storeRequest(key, key), is(true));
    assertThat(own.getResult(key, String.class), is(Optional.of(key)));
    assertThat(own.isDuplicate(key + "x"), is(false));
    assertThat(own.forget(key), is(true));
  }
}
