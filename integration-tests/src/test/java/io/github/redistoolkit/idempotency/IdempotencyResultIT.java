package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.both;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import io.github.redistoolkit.idempotency.StoredRecord.Word;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.hamcrest.Matcher;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Results of every kind: what is replayed, and what happens to those that cannot be. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyResultIT {

  private final TestRedis redis;
  private final IdempotencyService service;
  private final String key;
  private final StoredRecord stored;
  private final AtomicInteger runs = new AtomicInteger();

  IdempotencyResultIT(TestRedis redis) {
    this.redis = redis;
    this.service = Services.builder(redis).maxResultBytes(1000).build();
    this.key = redis.unique("secret-key");
    this.stored = new StoredRecord(redis.admin(), service, key);
  }

  @Test
  void theDefaultsAreThoseOfTheDocumentation() {
    IdempotencyService plain = Services.on(redis);
    assertThat(plain.redisKey("k-1"), is("idem:tests:{k-1}"));
    StoredRecord record = new StoredRecord(redis.admin(), plain, key);
    Claim<String> claim = plain.begin(Request.of(key), TypeToken.get(String.class));
    assertThat(record.keptFor(), is(aboutOrBelow(Duration.ofHours(24).plusSeconds(60))));
    InProgressException e =
        assertThrows(InProgressException.class, () -> plain.execute(key, String.class, own -> ""));
    assertThat(e.retryAfter(), is(aboutOrBelow(Duration.ofSeconds(60))));
    int quotes = 2;
    String largest = "x".repeat((1 << 20) - quotes);
    claim.complete(largest);
    assertThat(plain.getResult(key, String.class), is(Optional.of(largest)));
    assertThat(record.keptFor(), is(aboutOrBelow(Duration.ofHours(24))));
    assertThat(plain.forget(key), is(true));
    ResultNotRecordedException tooLarge =
        assertThrows(
            ResultNotRecordedException.class,
            () -> plain.execute(key, String.class, own -> largest + "x"));
    assertThat(tooLarge.reason(), is(Reason.TOO_LARGE));
  }

  /** Less than it by no more than a busy machine takes for a test. */
  private static Matcher<Duration> aboutOrBelow(Duration duration) {
    return is(both(greaterThan(duration.minusSeconds(30))).and(lessThanOrEqualTo(duration)));
  }

  @Test
  void anotherGsonEncodesAndDecodes() {
    Gson gson = new GsonBuilder().setFieldNamingPolicy(FieldNamingPolicy.UPPER_CAMEL_CASE).create();
    IdempotencyService other = Services.builder(redis).gson(gson).build();
    Named named = new Named("n");
    assertThat(other.execute(key, Named.class, own -> named), is(sameInstance(named)));
    assertThat(stored.word(Word.BODY), is("{\"Name\":\"n\"}"));
    assertThat(other.getResult(key, Named.class), is(Optional.of(named)));
  }

  record Named(String name) {}

  record Receipt(String id, BigDecimal amount, Instant at, List<LocalDate> dues) {}

  record Typed<T>(T value, TypeToken<T> type) {}

  static Stream<Typed<?>> results() {
    return Stream.of(
        new Typed<>(null, TypeToken.get(String.class)),
        new Typed<>(0, TypeToken.get(Integer.class)),
        new Typed<>(Long.MIN_VALUE, TypeToken.get(long.class)),
        new Typed<>(-0.5, TypeToken.get(Double.class)),
        new Typed<>(false, TypeToken.get(Boolean.class)),
        new Typed<>("", TypeToken.get(String.class)),
        new Typed<>("null", TypeToken.get(String.class)),
        new Typed<>("<a>&'\"\\\n\0ä€\uD83D\uDE00\u2028", TypeToken.get(String.class)),
        new Typed<>(List.of(), new TypeToken<List<String>>() {}),
        new Typed<>(Arrays.asList("a", null), new TypeToken<List<String>>() {}),
        new Typed<>(Map.of(), new TypeToken<Map<String, Integer>>() {}),
        new Typed<>(
            Map.of("a", List.of(Map.of(1, Duration.ofMillis(5)))),
            new TypeToken<Map<String, List<Map<Integer, Duration>>>>() {}),
        new Typed<>(
            new Receipt(
                "r-1", new BigDecimal("100.00"), Instant.EPOCH, List.of(LocalDate.of(2025, 1, 15))),
            TypeToken.get(Receipt.class)),
        new Typed<>(new Receipt(null, null, null, List.of()), TypeToken.get(Receipt.class)),
        new Typed<>(
            ZonedDateTime.of(2025, 1, 15, 10, 0, 0, 1, ZoneId.of("Europe/Berlin")),
            TypeToken.get(ZonedDateTime.class)));
  }

  @ParameterizedTest
  @MethodSource("results")
  <T> void replaysEveryResultAsItWas(Typed<T> result) {
    for (int call = 0; call < 2; call++) {
      T got =
          service
              .execute(
                  Request.of(key).fingerprint("body"),
                  result.type(),
                  own -> {
                    runs.incrementAndGet();
                    return result.value();
                  })
              .result();
      assertThat(got, is(result.value()));
    }
    assertThat(runs.get(), is(1));
    assertThat(service.getResult(key, result.type()), is(Optional.ofNullable(result.value())));
    assertThat(service.isDuplicate(key), is(true));
  }

  @Test
  void aNullResultIsStoredAndReplayedAsNull() {
    for (int call = 0; call < 2; call++) {
      assertThat(executeFor(null), is(nullValue()));
    }
    assertThat(runs.get(), is(1));
    assertThat(service.getResult(key, Object.class), is(Optional.empty()));
    assertThat(service.isDuplicate(key), is(true));
    assertThat(service.storeRequest(key, "other"), is(false));
  }

  static Stream<Object> unencodable() {
    List<Object> cycle = new ArrayList<>();
    cycle.add(cycle);
    return Stream.of(
        Double.NaN, Optional.of("secret"), new Thread("secret"), new Object() {}, cycle);
  }

  @ParameterizedTest
  @MethodSource("unencodable")
  void theWorkNeverRunsAgainAfterAResultThatCannotBeEncoded(Object result) {
    neverRunsAgain(result, Reason.NOT_ENCODABLE);
  }

  @Test
  void theWorkNeverRunsAgainAfterAResultThatIsTooLarge() {
    neverRunsAgain("secret".repeat(1000), Reason.TOO_LARGE);
  }

  private void neverRunsAgain(Object result, Reason reason) {
    ResultNotRecordedException e =
        assertThrows(ResultNotRecordedException.class, () -> executeFor(result));
    assertThat(e.reason(), is(reason));
    assertThat(e.result(), is(sameInstance(result)));
    saysNoSecret(e);
    for (int call = 0; call < 3; call++) {
      saysNoSecret(assertThrows(StoredResultException.class, () -> executeFor(result)));
    }
    assertThat(runs.get(), is(1));
    assertThat(service.isDuplicate(key), is(true));
    assertThrows(StoredResultException.class, () -> service.getResult(key, Object.class));
    assertThat(service.storeRequest(key, "other"), is(false));
    assertThat(stored.ttlMillis(), is(greaterThan(0L)));
  }

  private Object executeFor(Object result) {
    return service
        .execute(
            Request.of(key).fingerprint("secret-fingerprint"),
            TypeToken.get(Object.class),
            own -> {
              runs.incrementAndGet();
              return result;
            })
        .result();
  }

  private void saysNoSecret(Exception e) {
    assertThat(e.getMessage(), not(containsString("secret")));
  }

  @Test
  void aResultOfExactlyTheLargestSizeIsStored() {
    String largest = "ä".repeat(499);
    assertThat(service.storeRequest(key, largest), is(true));
    assertThat(service.getResult(key, String.class), is(Optional.of(largest)));
    String other = redis.unique("other");
    ResultNotRecordedException e =
        assertThrows(
            ResultNotRecordedException.class, () -> service.storeRequest(other, largest + "a"));
    assertThat(e.reason(), is(Reason.TOO_LARGE));
  }

  @Test
  void aRequestStoredWithAnUnencodableResultIsADuplicateAllTheSame() {
    Object result = new Object() {};
    ResultNotRecordedException e =
        assertThrows(ResultNotRecordedException.class, () -> service.storeRequest(key, result));
    assertThat(e.reason(), is(Reason.NOT_ENCODABLE));
    assertThat(e.result(), is(sameInstance(result)));
    assertThat(service.isDuplicate(key), is(true));
    assertThat(service.storeRequest(key, result), is(false));
  }

  @Test
  void aResultOfAnotherTypeIsKeptAndNothingIsRun() {
    service.execute(key, String.class, own -> "secret");
    String content = stored.content();
    StoredResultException e =
        assertThrows(
            StoredResultException.class,
            () -> service.execute(key, LocalDate.class, own -> LocalDate.EPOCH));
    saysNoSecret(e);
    assertThrows(StoredResultException.class, () -> service.getResult(key, Integer.class));
    assertThat(stored.content(), is(content));
    assertThat(service.getResult(key, String.class), is(Optional.of("secret")));
  }
}
