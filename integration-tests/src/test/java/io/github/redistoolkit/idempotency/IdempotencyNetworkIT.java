package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;

/** Connections that break or hang, a Redis that cannot be reached and can be again. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class IdempotencyNetworkIT extends IdempotencyFaultSuite {

  IdempotencyNetworkIT(TestRedis redis) {
    super(redis, Duration.ofMillis(500), defaults -> defaults);
  }

  @Test
  void nothingRunsWhileRedisIsStoppedAndEverythingDoesAfterwards() {
    proxy.refuse();
    assertThrows(JedisException.class, this::execute);
    assertThrows(JedisException.class, () -> service.begin(Request.of(key), NUMBER));
    assertThrows(JedisException.class, () -> service.isDuplicate(key));
    assertThrows(JedisException.class, () -> service.storeRequest(key, 1));
    assertThrows(JedisException.class, () -> service.getResult(key, Integer.class));
    assertThrows(JedisException.class, () -> service.forget(key));
    assertThat(runs.get(), is(0));
    proxy.accept();
    assertThat(execute(), is(1));
    ranOnceAndIsReplayed();
  }

  @Test
  void aStopBetweenBeginAndCompleteHasNoEffect() {
    service.execute(
        key,
        Integer.class,
        own -> {
          proxy.refuse();
          assertThrows(JedisException.class, () -> service.isDuplicate(key));
          proxy.accept();
          return runs.incrementAndGet();
        });
    ranOnceAndIsReplayed();
  }

  @Test
  void aPoolFullOfDeadConnectionsLosesNoResult() {
    service.execute(
        key,
        Integer.class,
        own -> {
          leaveDeadConnections();
          return runs.incrementAndGet();
        });
    ranOnceAndIsReplayed();
  }

  @Test
  void aPoolFullOfDeadConnectionsKeepsNoKeyFromBeingFreed() {
    IllegalStateException thrown = FailingWork.execute(service, key, this::leaveDeadConnections);
    assertThat(thrown.getSuppressed().length, is(0));
    assertThat(direct.isDuplicate(key), is(false));
  }

  /** Fills the pool with connections, and cuts them all. */
  private void leaveDeadConnections() {
    UnifiedJedis client = behindProxy.client();
    int connections = 16;
    List<AbstractPipeline> held = new ArrayList<>();
    for (int n = 0; n < connections; n++) {
      AbstractPipeline pipeline = client.pipelined();
      pipeline.exists(key);
      held.add(pipeline);
    }
    held.forEach(AbstractPipeline::close);
    assertThat(proxy.connections(), is(greaterThanOrEqualTo(connections)));
    proxy.cut();
  }

  @Test
  void aResultThatRedisCannotTakeAfterTheWorkCanBeCompletedLater() {
    Claim<Integer> claim = service.begin(Request.of(key), NUMBER);
    proxy.refuse();
    long start = System.nanoTime();
    ResultNotRecordedException e =
        assertThrows(ResultNotRecordedException.class, () -> claim.complete(1));
    assertThat(System.nanoTime() - start, is(lessThan(Duration.ofSeconds(10).toNanos())));
    assertThat(e.reason(), is(Reason.REDIS_UNAVAILABLE));
    assertThat(e.result(), is(1));
    assertThat(e.getCause(), is(instanceOf(JedisException.class)));
    proxy.accept();
    // The work was done, so closing leaves the claim alone.
    claim.close();
    assertThat(direct.isDuplicate(key), is(true));
    claim.complete(1);
    assertThat(direct.getResult(key, Integer.class), is(Optional.of(1)));
  }

  @Test
  void aCompletionIsAskedAgainUntilAShortOutageIsOver() throws Exception {
    int rounds = 10;
    for (int round = 0; round < rounds; round++) {
      if (isCompletedInSpiteOfAnOutage(key + round)) {
        assertThat(direct.getResult(key + round, Integer.class), is(Optional.of(1)));
        return;
      }
    }
    throw new AssertionError("never completed");
  }

  /** False if the outage is too long, as it may be on a busy machine: longer than a second. */
  private boolean isCompletedInSpiteOfAnOutage(String id) throws Exception {
    Claim<Integer> claim = service.begin(Request.of(id), NUMBER);
    proxy.refuse();
    ScheduledExecutorService later = Executors.newSingleThreadScheduledExecutor();
    try {
      Future<?> back = later.schedule(proxy::accept, 300, TimeUnit.MILLISECONDS);
      long start = System.nanoTime();
      try {
        claim.complete(1);
        return true;
      } catch (ResultNotRecordedException e) {
        long patience = Duration.ofSeconds(1).toNanos();
        assertThat(System.nanoTime() - start, is(greaterThanOrEqualTo(patience)));
        return false;
      } finally {
        back.get();
      }
    } finally {
      later.shutdownNow();
    }
  }

  @Test
  void aResultThatRedisCannotTakeComesWithTheExceptionAndTheClaimStays() {
    String result = new String("done");
    ResultNotRecordedException e =
        assertThrows(
            ResultNotRecordedException.class,
            () ->
                service.execute(
                    key,
                    String.class,
                    own -> {
                      proxy.refuse();
                      return result;
                    }));
    assertThat(e.reason(), is(Reason.REDIS_UNAVAILABLE));
    assertThat(e.result(), is(sameInstance(result)));
    assertThrows(InProgressException.class, () -> direct.begin(Request.of(key), NUMBER));
  }

  static Stream<Throwable> failures() {
    return Stream.of(new IOException(), new IllegalStateException(), new AssertionError());
  }

  @ParameterizedTest
  @MethodSource("failures")
  void aFailureOfTheWorkIsThrownAsItIsWhileRedisIsStopped(Throwable failure) {
    Throwable thrown =
        assertThrows(
            Throwable.class,
            () ->
                service.execute(
                    key,
                    Integer.class,
                    own -> {
                      proxy.refuse();
                      throw unchecked(failure);
                    }));
    assertThat(thrown, is(sameInstance(failure)));
    assertThat(thrown.getSuppressed()[0], is(instanceOf(JedisException.class)));
    assertThat(direct.isDuplicate(key), is(true));
  }

  /** Throws it, whatever it is; the compiler takes it for something unchecked. */
  @SuppressWarnings("unchecked") // the type is erased, which is the trick
  private static <E extends Throwable> RuntimeException unchecked(Throwable failure) throws E {
    throw (E) failure;
  }

  @Test
  void aCompletionThatArrivesAfterATakeoverChangesNothing() throws Exception {
    Claim<Integer> slow = service.begin(Request.of(key), NUMBER);
    proxy.blackHole(Direction.TO_SERVER);
    ExecutorService executor = Executors.newSingleThreadExecutor();
    try {
      long sent = proxy.requests("EVALSHA");
      Future<ResultNotRecordedException> refused =
          executor.submit(
              () -> assertThrows(ResultNotRecordedException.class, () -> slow.complete(1)));
      Awaitility.await().until(() -> proxy.requests("EVALSHA") > sent);
      stored.passLease();
      Claim<Integer> next = direct.begin(Request.of(key), NUMBER);
      assertThat(next.attempt(), is(2));
      String content = stored.content();
      proxy.heal();
      assertThat(refused.get().reason(), is(Reason.CLAIM_LOST));
      assertThat(stored.content(), is(content));
    } finally {
      executor.shutdownNow();
    }
  }
}
