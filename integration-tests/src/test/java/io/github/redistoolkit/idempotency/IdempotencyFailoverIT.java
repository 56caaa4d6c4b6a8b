package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.exceptions.JedisException;

/** A replica that becomes the primary: what it has heard of holds. */
@EachClient(topologies = {Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyFailoverIT extends IdempotencyServersSuite {

  IdempotencyFailoverIT(TestRedis shared) {
    super(
        shared,
        redis ->
            Services.builder(redis.retryingFor(Duration.ofSeconds(1)))
                .maxWait(Duration.ofSeconds(30))
                .build());
  }

  /** Again and again while clients still have to learn of the new primary. */
  private static ConditionFactory persistently() {
    return Awaitility.await()
        .ignoreExceptionsMatching(IdempotencyFailoverIT::isUnavailable)
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(50))
        .atMost(Duration.ofSeconds(60));
  }

  private static boolean isUnavailable(Throwable e) {
    return e instanceof JedisException
        || (e instanceof ResultNotRecordedException refused
            && refused.reason() == Reason.REDIS_UNAVAILABLE);
  }

  private Claim<Integer> begin() {
    return persistently().until(() -> service.begin(Request.of(key), NUMBER), claim -> true);
  }

  private static void complete(Claim<Integer> claim, int result) {
    persistently()
        .until(
            () -> {
              claim.complete(result);
              return true;
            });
  }

  private Integer execute(String other) {
    return persistently()
        .until(
            () -> service.execute(other, Integer.class, own -> runs.incrementAndGet()),
            result -> true);
  }

  /** Another key, on the same server. */
  private String neighbour() {
    HostAndPort primary = servers.primaryOf(stored.redisKey()).address();
    String other = redis.unique("neighbour");
    while (!servers.primaryOf(service.redisKey(other)).address().equals(primary)) {
      other = redis.unique("neighbour");
    }
    return other;
  }

  @Test
  void claimsAndResultsOutliveAFailoverThatAnAdministratorMakes() {
    String done = neighbour();
    assertThat(execute(done), is(1));
    Claim<Integer> claim = begin();
    servers.awaitReplicated(stored.redisKey());
    servers.failOver(stored.redisKey());

    try (TestRedis impatient = redis.retryingFor(Duration.ofSeconds(1))) {
      IdempotencyService other = Services.on(impatient);
      InProgressException e =
          assertThrows(
              InProgressException.class,
              () -> persistently().until(() -> other.begin(Request.of(key), NUMBER), c -> true));
      assertThat(e.retryAfter(), is(greaterThan(Duration.ZERO)));
    }
    complete(claim, 7);
    assertThat(begin().result(), is(7));
    assertThat(stored.attempt(), is(1));
    assertThat(stored.ttlMillis(), is(greaterThan(0L)));
    assertThat(execute(done), is(1));
    assertThat(runs.get(), is(1));
  }

  @Test
  void aCompletionAndABeginningAreMadeAcrossACrashAndNothingRunsTwice() {
    String next = neighbour();
    Claim<Integer> claim = begin();
    servers.awaitReplicated(stored.redisKey());
    RedisServer crashed = servers.primaryOf(stored.redisKey());
    crashed.kill();
    CompletableFuture<Integer> beginning = CompletableFuture.supplyAsync(() -> execute(next));
    complete(claim, 7);
    servers.awaitFailover(stored.redisKey(), crashed.address());

    assertThat(begin().result(), is(7));
    assertThat(stored.attempt(), is(1));
    assertThat(beginning.join(), is(1));
    assertThat(execute(next), is(1));
    assertThat(runs.get(), is(1));
  }
}
