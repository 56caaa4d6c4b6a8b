package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the service costs: round trips and memory of Redis. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class IdempotencyCostIT {

  private final TestRedis redis;
  private final FaultProxy proxy;
  private final TestRedis counted;
  private final IdempotencyService service;
  private final String key;

  IdempotencyCostIT(TestRedis redis) {
    this.redis = redis;
    this.proxy = redis.proxy();
    this.counted = redis.through(proxy);
    this.service = Services.on(counted);
    this.key = redis.unique("key");
  }

  /** Has the servers learn every script. */
  @BeforeEach
  void teachEveryScript() {
    for (String each : List.of(key, key + "-other", key + "-third")) {
      Request request = Request.of(each);
      try (Claim<String> claim = service.begin(request, TypeToken.get(String.class))) {
        assertThat(claim.extend(Duration.ofSeconds(1)), is(true));
      }
      assertThat(service.execute(each, Integer.class, own -> 1), is(1));
      assertThat(service.isDuplicate(each), is(true));
      assertThat(service.forget(each), is(true));
      redis.admin().unlink(service.redisKey(each));
    }
  }

  @AfterEach
  void close() {
    counted.close();
    proxy.close();
  }

  private Claim<String> begin() {
    return service.begin(Request.of(key), TypeToken.get(String.class));
  }

  @Test
  void runningTakesTwoRoundTripsAndReplayingOne() {
    assertThat(requests(() -> service.execute(key, Integer.class, own -> 1)), is(2L));
    assertThat(requests(() -> service.execute(key, Integer.class, own -> 1)), is(1L));
  }

  @Test
  void beingRefusedOrTakingOverTakesTwoRoundTrips() {
    Claim<String> claim = begin();
    assertThat(requests(() -> assertThrows(InProgressException.class, this::begin)), is(2L));
    claim.abandon();
    assertThat(requests(() -> assertThat(begin().attempt(), is(1))), is(2L));
  }

  @Test
  void everyOtherCallTakesOneRoundTrip() {
    assertThat(requests(() -> assertThat(service.isDuplicate(key), is(false))), is(1L));
    assertThat(requests(() -> assertThat(service.status(key).attempt(), is(0))), is(1L));
    assertThat(requests(() -> service.forget(key)), is(1L));
    String other = key + "-other";
    assertThat(requests(() -> assertThat(service.storeRequest(other, 1), is(true))), is(1L));
    assertThat(
        requests(() -> assertThat(service.getResult(other, int.class), is(Optional.of(1)))),
        is(1L));
    String third = key + "-third";
    assertThat(requests(() -> assertThat(service.record(third, 1), is(true))), is(1L));
    Claim<String> claim = begin();
    assertThat(requests(() -> assertThat(claim.extend(Duration.ofSeconds(1)), is(true))), is(1L));
    assertThat(requests(claim::abandon), is(1L));
    assertThat(requests(claim::close), is(0L));
  }

  private long requests(Runnable call) {
    long before = sent();
    call.run();
    return sent() - before;
  }

  private long sent() {
    return Stream.of("SET", "GET", "EVALSHA", "EVAL").mapToLong(proxy::requests).sum();
  }

  @Test
  void aRecordTakesAtMost160BytesBeyondItsKeyAndResult() {
    service.execute(key, Integer.class, own -> 42);
    assertThat(bytesBeyondKeyAndResult(), is(lessThanOrEqualTo(160L)));
  }

  @Test
  void aFingerprintFitsIntoThe160BytesToo() {
    service.execute(Request.of(key).fingerprint("body"), TypeToken.get(Integer.class), own -> 42);
    assertThat(bytesBeyondKeyAndResult(), is(lessThanOrEqualTo(160L)));
  }

  private long bytesBeyondKeyAndResult() {
    String redisKey = service.redisKey(key);
    return redis.admin().memoryUsage(redisKey) - redisKey.length() - "42".length();
  }
}
