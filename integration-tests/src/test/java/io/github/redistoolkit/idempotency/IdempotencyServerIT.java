package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;

/** A single server that is stopped, or restarts, with its data and without. */
@EachClient
class IdempotencyServerIT extends IdempotencyServersSuite {

  private final String done = redis.unique("done");

  IdempotencyServerIT(TestRedis shared) {
    super(shared, Services::on);
  }

  /** Asks again if it fails: a pool notices only on use that a connection has died. */
  @CanIgnoreReturnValue
  private static <T> T reconnecting(Callable<T> call) {
    return Awaitility.await()
        .ignoreExceptionsInstanceOf(JedisConnectionException.class)
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(1))
        .until(call, result -> true);
  }

  private Claim<Integer> begin() {
    return reconnecting(() -> service.begin(Request.of(key), NUMBER));
  }

  private void completeDone() {
    assertThat(reconnecting(() -> service.execute(done, Integer.class, own -> 7)), is(7));
  }

  private Integer executeDone() {
    return reconnecting(() -> service.execute(done, Integer.class, own -> runs.incrementAndGet()));
  }

  @Test
  void aRestartThatKeepsTheDataKeepsClaimsAndResults() {
    Claim<Integer> claim = begin();
    completeDone();
    servers.primaryOf(stored.redisKey()).restartWithData();

    claim.complete(1);
    assertThat(begin().result(), is(1));
    assertThat(reconnecting(stored::attempt), is(1));
    assertThat(reconnecting(stored::ttlMillis), is(greaterThan(0L)));
    assertThat(executeDone(), is(7));
    assertThat(runs.get(), is(0));
  }

  @Test
  void aClaimIsLiveAfterARestartForTheRestOfItsLease() {
    assertThat(begin().attempt(), is(1));
    servers.primaryOf(stored.redisKey()).restartWithData();

    InProgressException e = assertThrows(InProgressException.class, this::begin);
    assertThat(e.retryAfter(), is(lessThanOrEqualTo(Duration.ofSeconds(60))));
    reconnecting(
        () -> {
          stored.passLease();
          return true;
        });
    assertThat(begin().attempt(), is(2));
  }

  @Test
  void aRestartThatLosesTheDataForgetsResultsButNotTheOneThatIsYetToBeRecorded() {
    Claim<Integer> claim = begin();
    completeDone();
    servers.primaryOf(stored.redisKey()).restartEmpty();

    claim.complete(1);
    assertThat(begin().result(), is(1));
    assertThat(reconnecting(stored::ttlMillis), is(greaterThan(0L)));
    // What Redis loses is lost here.
    assertThat(executeDone(), is(1));
  }

  @Test
  void aClaimThatWasLostWithTheDataAndTakenByAnotherIsRefused() {
    Claim<Integer> first = begin();
    servers.primaryOf(stored.redisKey()).restartEmpty();

    Claim<Integer> second = begin();
    assertThat(second.attempt(), is(1));
    ResultNotRecordedException e =
        assertThrows(ResultNotRecordedException.class, () -> first.complete(1));
    assertThat(e.reason(), is(Reason.CLAIM_LOST));
    assertThat(e.result(), is(1));
    second.complete(2);
    assertThat(begin().result(), is(2));
  }

  @Test
  void nothingRunsWhileTheServerLoadsAndACompletionWaitsForIt() throws Exception {
    Claim<Integer> claim = begin();
    servers.restartLoadingFor(Duration.ofSeconds(10));
    assertThat(
        assertThrows(JedisDataException.class, this::executeDone).getMessage(),
        containsString("LOADING"));
    assertThat(runs.get(), is(0));
    CompletableFuture<Void> completed = CompletableFuture.runAsync(() -> completeSoon(claim));
    Awaitility.await().until(() -> claim.toString().contains("COMPLETING"));
    servers.awaitLoaded();
    completed.get(1, TimeUnit.MINUTES);
    assertThat(begin().result(), is(1));
  }

  private static void completeSoon(Claim<Integer> claim) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(60))
        .ignoreExceptionsMatching(IdempotencyServerIT::isUnavailable)
        .until(
            () -> {
              claim.complete(1);
              return true;
            });
  }

  private static boolean isUnavailable(Throwable e) {
    return e instanceof ResultNotRecordedException refused
        && refused.reason() == Reason.REDIS_UNAVAILABLE;
  }

  @Test
  void aServerThatIsStoppedRunsNothingAndTheResultCanBeRecordedOnceItIsBack() {
    Claim<Integer> claim = begin();
    servers.primaryOf(stored.redisKey()).stop();
    assertThrows(
        JedisConnectionException.class,
        () -> service.execute(done, Integer.class, own -> runs.incrementAndGet()));
    ResultNotRecordedException e =
        assertThrows(ResultNotRecordedException.class, () -> claim.complete(1));
    assertThat(e.reason(), is(Reason.REDIS_UNAVAILABLE));
    assertThat(runs.get(), is(0));

    servers.servers().get(0).start();
    claim.complete(1);
    assertThat(begin().result(), is(1));
  }
}
