package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** What an outage of Redis leaves behind: nothing that anybody has to wait for. */
@LeavesServerAlone
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class IdempotencyOutageIT extends IdempotencyFaultSuite {

  IdempotencyOutageIT(TestRedis redis) {
    super(redis, Duration.ofMillis(500), defaults -> defaults);
  }

  @Test
  void aResultThatItsOwnerCouldNotRecordIsRecordedByAnybody() {
    Claim<Integer> claim = service.begin(Request.of(key), NUMBER);
    proxy.refuse();
    ResultNotRecordedException e =
        assertThrows(ResultNotRecordedException.class, () -> claim.complete(7));
    assertThat(e.reason(), is(Reason.REDIS_UNAVAILABLE));
    // By another process, while the owner's lease lasts.
    assertThat(direct.record(key, e.result()), is(true));
    assertThat(direct.execute(key, Integer.class, own -> runs.incrementAndGet()), is(7));
    assertThat(runs.get(), is(0));
    proxy.accept();
    assertThat(
        assertThrows(ResultNotRecordedException.class, () -> claim.complete(8)).reason(),
        is(Reason.CLAIM_LOST));
    assertThat(direct.getResult(key, Integer.class), is(Optional.of(7)));
  }

  @Test
  void aWaitOutlastsAnOutage() throws Exception {
    Claim<Integer> claim = direct.begin(Request.of(key), NUMBER);
    long polls = proxy.requests("SET");
    CompletableFuture<Integer> waiter =
        CompletableFuture.supplyAsync(
            () ->
                service
                    .execute(
                        Request.of(key).maxWait(Duration.ofMinutes(1)),
                        NUMBER,
                        own -> runs.incrementAndGet())
                    .result());
    Awaitility.await().until(() -> proxy.requests("SET") > polls + 1);
    proxy.refuse();
    Awaitility.await()
        .during(Duration.ofMillis(1500))
        .atMost(Duration.ofSeconds(10))
        .until(() -> !waiter.isDone());
    proxy.accept();
    claim.complete(7);
    assertThat(waiter.get(1, TimeUnit.MINUTES), is(7));
    assertThat(runs.get(), is(0));
  }

  @Test
  void aBeginThatHungAndWasGivenUpIsNoCrash() {
    proxy.blackHole(Direction.TO_CLIENT);
    assertThrows(JedisException.class, this::execute);
    assertThat(runs.get(), is(0));
    proxy.heal();
    assertThat(
        Awaitility.await()
            .atMost(Duration.ofSeconds(30))
            .ignoreExceptionsInstanceOf(InProgressException.class)
            .until(() -> direct.begin(Request.of(key), NUMBER), begun -> true)
            .attempt(),
        is(1));
  }

  @Test
  @Proves("idempotency.outage-frees")
  void aKeyThatCouldNotBeFreedIsFreeSoonAfterwards() {
    Claim<Integer> claim = service.begin(Request.of(key), NUMBER);
    proxy.refuse();
    assertThrows(JedisException.class, claim::abandon);
    assertThat(direct.isDuplicate(key), is(true));
    proxy.accept();
    Awaitility.await().atMost(Duration.ofSeconds(30)).until(() -> !direct.isDuplicate(key));
    assertThat(direct.begin(Request.of(key), NUMBER).attempt(), is(1));
  }
}
