package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;

/** Many keys begun at once, as a consumer of messages does. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyBatchIT {

  private static final TypeToken<Integer> NUMBER = TypeToken.get(Integer.class);

  private final TestRedis redis;
  private final FaultProxy proxy;
  private final TestRedis behindProxy;
  private final IdempotencyService service;
  private final String key;

  IdempotencyBatchIT(TestRedis redis) {
    this.redis = redis;
    this.proxy = redis.proxy();
    this.behindProxy = redis.through(proxy);
    this.service = Services.on(behindProxy);
    this.key = redis.unique("key");
  }

  @AfterEach
  void close() {
    proxy.heal();
    Awaitility.await().until(() -> behindProxy.borrowed() == 0);
    behindProxy.close();
    proxy.close();
  }

  private List<Request> requests(int from, int to) {
    return IntStream.range(from, to).mapToObj(n -> Request.of(key + n)).toList();
  }

  @Test
  void allThatAreNewOrDoneTakeOneRoundTrip() {
    int size = 100;
    List<Begun<Integer>> first = service.beginAll(requests(0, size), NUMBER);
    assertThat(first.size(), is(size));
    for (int n = 0; n < size; n++) {
      assertThat(first.get(n).request().key(), is(key + n));
      assertThat(first.get(n).refusal(), is(Optional.empty()));
      first.get(n).claim().orElseThrow().complete(n);
    }
    long scripts = proxy.requests("EVALSHA");
    List<Begun<Integer>> second = service.beginAll(requests(0, 2 * size), NUMBER);
    assertThat(proxy.requests("EVALSHA"), is(scripts));
    for (int n = 0; n < 2 * size; n++) {
      Claim<Integer> claim = second.get(n).claim().orElseThrow();
      assertThat(claim.replayed(), is(n < size));
      if (claim.replayed()) {
        assertThat(claim.result(), is(n));
      }
    }
    assertThat(redis.borrowed(), is(0));
  }

  @Test
  void eachIsRefusedByItself() {
    IdempotencyService other = Services.on(redis);
    Claim<Integer> busy = other.begin(Request.of(key + 0), NUMBER);
    other.begin(Request.of(key + 1).fingerprint("body"), NUMBER).complete(1);
    assertThat(other.begin(Request.of(key + 2), NUMBER).keepOpen(), is(true));
    redis.admin().set(other.redisKey(key + 3), "damaged", SetParams.setParams().ex(60));
    redis.admin().rpush(other.redisKey(key + 4), "x");
    redis.admin().expire(other.redisKey(key + 4), 60);
    new StoredRecord(redis.admin(), other, key + 5)
        .passLeaseOf(other.begin(Request.of(key + 5), NUMBER));
    other.begin(Request.of(key + 6), NUMBER).abandon();

    List<Begun<Integer>> begun =
        service.beginAll(
            List.of(
                Request.of(key + 0),
                Request.of(key + 1).fingerprint("other body"),
                Request.of(key + 2),
                Request.of(key + 3),
                Request.of(key + 4),
                Request.of(key + 5),
                Request.of(key + 6),
                Request.of(key + 7),
                Request.of(key + 7)),
            NUMBER);
    List<Class<? extends IdempotencyException>> refusals =
        List.of(
            InProgressException.class,
            FingerprintMismatchException.class,
            OutcomeOpenException.class,
            StoredResultException.class,
            StoredResultException.class);
    for (int n = 0; n < refusals.size(); n++) {
      assertThat(begun.get(n).refusal().orElseThrow(), is(instanceOf(refusals.get(n))));
      assertThat(begun.get(n).claim(), is(Optional.empty()));
    }
    assertThat(begun.get(5).claim().orElseThrow().attempt(), is(2));
    assertThat(begun.get(6).claim().orElseThrow().attempt(), is(1));
    assertThat(begun.get(7).claim().orElseThrow().attempt(), is(1));
    assertThat(begun.get(8).refusal().orElseThrow(), is(instanceOf(InProgressException.class)));
    busy.complete(0);
  }

  @Test
  void noneIsNoRoundTrip() {
    assertThat(service.beginAll(List.of(), NUMBER), is(empty()));
    assertThat(proxy.requests("SET"), is(0L));
  }

  @Test
  void aBatchThatFailsLeavesNoKeyClaimed() {
    for (int n = 0; n < 200; n++) {
      assertThat(
          proxy.loseReply(request -> request.name().equals("SET"), 1, Then.CUT).happened(),
          is(false));
    }
    assertThrows(JedisException.class, () -> service.beginAll(requests(0, 10), NUMBER));
    proxy.heal();
    IdempotencyService other = Services.on(redis);
    for (Request request : requests(0, 10)) {
      Claim<Integer> claim =
          Awaitility.await()
              .ignoreExceptionsInstanceOf(InProgressException.class)
              .until(() -> other.begin(request, NUMBER), begun -> true);
      assertThat(claim.attempt(), is(lessThanOrEqualTo(1)));
    }
  }
}
