package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the service costs: round trips and memory of Redis. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyCostIT {

  private final TestRedis redis;
  private final IdempotencyService service;
  private final String key;

  IdempotencyCostIT(TestRedis redis) {
    this.redis = redis;
    this.service = Services.on(redis);
    this.key = redis.unique("key");
  }

  /** Has the server that this key is on learn every script. */
  @BeforeEach
  void teachEveryScript() {
    try (Claim<String> claim = begin()) {
      assertThat(claim.extend(Duration.ofSeconds(1)), is(true));
    }
    assertThat(service.execute(key, Integer.class, () -> 1), is(1));
    assertThat(service.isDuplicate(key), is(true));
    assertThat(service.storeRequest(key, 1), is(false));
    assertThat(service.getResult(key, Integer.class), is(Optional.of(1)));
    assertThat(service.forget(key), is(true));
  }

  private Claim<String> begin() {
    return service.begin(key, null, TypeToken.get(String.class));
  }

  @Test
  void runningTakesTwoRoundTripsAndReplayingOne() {
    assertThat(scripts(() -> service.execute(key, Integer.class, () -> 1)), is(2L));
    assertThat(scripts(() -> service.execute(key, Integer.class, () -> 1)), is(1L));
  }

  @Test
  void everyOtherCallTakesOneRoundTrip() {
    assertThat(scripts(() -> assertThat(service.isDuplicate(key), is(false))), is(1L));
    assertThat(scripts(() -> assertThat(service.storeRequest(key, 1), is(true))), is(1L));
    assertThat(
        scripts(() -> assertThat(service.getResult(key, int.class), is(Optional.of(1)))), is(1L));
    long unlinks = redis.calls("unlink");
    assertThat(scripts(() -> service.forget(key)), is(0L));
    assertThat(redis.calls("unlink") - unlinks, is(1L));
    Claim<String> claim = begin();
    assertThat(scripts(() -> assertThat(claim.extend(Duration.ofSeconds(1)), is(true))), is(1L));
    assertThat(scripts(claim::abandon), is(1L));
    assertThat(scripts(claim::close), is(0L));
  }

  private long scripts(Runnable call) {
    long before = redis.calls("evalsha") + redis.calls("eval");
    call.run();
    return redis.calls("evalsha") + redis.calls("eval") - before;
  }

  @Test
  void aRecordTakesAtMost160BytesBeyondItsKeyAndResult() {
    service.execute(key, Integer.class, () -> 42);
    assertThat(bytesBeyondKeyAndResult(), is(lessThanOrEqualTo(160L)));
  }

  @Test
  void aFingerprintFitsIntoThe160BytesToo() {
    service.execute(key, "body", TypeToken.get(Integer.class), () -> 42);
    assertThat(bytesBeyondKeyAndResult(), is(lessThanOrEqualTo(160L)));
  }

  private long bytesBeyondKeyAndResult() {
    String redisKey = service.recordKey(key);
    return redis.admin().memoryUsage(redisKey) - redisKey.length() - "42".length();
  }
}
