package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.PooledClient;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Direction;
import io.github.redistoolkit.testing.FaultProxy.Loss;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;

/** Replies that are lost, connections that break, a Redis that stops and comes back. */
@EachClient
class IdempotencyNetworkIT {

  private static final boolean FULL = "full".equals(System.getProperty("redis.matrix"));
  private static final TypeToken<Integer> NUMBER = TypeToken.get(Integer.class);

  private final TestRedis redis;
  private final FaultProxy proxy;
  private final TestRedis behindProxy;
  private final IdempotencyService service;
  private final IdempotencyService direct;
  private final String key;
  private final StoredRecord stored;
  private final AtomicInteger runs = new AtomicInteger();

  IdempotencyNetworkIT(TestRedis redis) {
    this.redis = redis;
    this.proxy = FaultProxy.before(redis.address());
    this.behindProxy = redis.at(proxy.address());
    this.service = service(behindProxy);
    this.direct = service(redis);
    this.key = redis.unique("key");
    this.stored = new StoredRecord(redis.admin(), direct, key);
  }

  /** By default those that do not cost a read timeout each. */
  static List<Then> waysToLoseAReply() {
    return FULL ? List.of(Then.values()) : List.of(Then.CUT);
  }

  private static IdempotencyService service(TestRedis redis) {
    return redis.over(
        pool -> new IdempotencyService(pool, Duration.ofHours(1)),
        client -> new IdempotencyService(client, Duration.ofHours(1)));
  }

  /** So that the first {@code EVALSHA} of a kind is the one that is executed. */
  @BeforeEach
  void teachTheServerEveryScript() {
    String warm = redis.unique("warm");
    try (Claim<Integer> claim = service.begin(warm, null, NUMBER)) {
      assertThat(claim.extend(Duration.ofSeconds(1)), is(true));
      claim.abandon();
    }
    assertThat(service.storeRequest(warm, 1), is(true));
    assertThat(service.begin(redis.unique("warm"), null, NUMBER).attempt(), is(1));
    service.execute(redis.unique("warm"), Integer.class, () -> 1);
  }

  @AfterEach
  void close() {
    proxy.heal();
    assertThat(behindProxy.borrowed(), is(0));
    behindProxy.close();
    proxy.close();
  }

  private Integer execute() {
    return service.execute(key, Integer.class, runs::incrementAndGet);
  }

  private void ranOnceAndIsReplayed() {
    assertThat(runs.get(), is(1));
    assertThat(direct.execute(key, Integer.class, runs::incrementAndGet), is(1));
    assertThat(runs.get(), is(1));
    assertThat(stored.ttlMillis(), is(greaterThan(0L)));
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void theWorkRunsOnceThoughTheReplyToBeginIsLost(Then then) {
    Loss loss = proxy.loseReply("EVALSHA", 1, then);
    assertThat(execute(), is(1));
    assertThat(loss.happened(), is(true));
    assertThat(stored.field("a"), is("1"));
    ranOnceAndIsReplayed();
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void theWorkRunsOnceThoughTheReplyToCompleteIsLost(Then then) {
    Loss loss = proxy.loseReply("EVALSHA", 2, then);
    assertThat(execute(), is(1));
    assertThat(loss.happened(), is(true));
    ranOnceAndIsReplayed();
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void theKeyIsFreeAtOnceThoughTheReplyToAbandonIsLost(Then then) {
    Loss loss = proxy.loseReply("EVALSHA", 2, then);
    IllegalStateException failure = new IllegalStateException();
    IllegalStateException thrown =
        assertThrows(
            IllegalStateException.class,
            () ->
                service.execute(
                    key,
                    Integer.class,
                    () -> {
                      throw failure;
                    }));
    assertThat(loss.happened(), is(true));
    assertThat(thrown, is(sameInstance(failure)));
    assertThat(thrown.getSuppressed().length, is(0));
    assertThat(execute(), is(1));
    ranOnceAndIsReplayed();
  }

  @Test
  void aLateAbandonLeavesTheNextOwnerAlone() {
    Claim<Integer> first = service.begin(key, null, NUMBER);
    CountDownLatch taken = new CountDownLatch(1);
    proxy.loseReply(
        request -> {
          // Between the first abandon, executed by now, and its re-send.
          if (request.name().equals("EVALSHA") && taken.getCount() == 1) {
            assertThat(direct.begin(key, null, NUMBER).attempt(), is(1));
            taken.countDown();
            return true;
          }
          return false;
        },
        1,
        Then.CUT);
    first.abandon();
    assertThat(taken.getCount(), is(0L));
    assertThat(direct.isDuplicate(key), is(true));
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void aStoredResultIsReportedAsKeptThoughTheFirstReplyIsLost(Then then) {
    Loss loss = proxy.loseReply("EVALSHA", 1, then);
    assertThat(service.storeRequest(key, 1), is(true));
    assertThat(loss.happened(), is(true));
    assertThat(direct.getResult(key, Integer.class), is(Optional.of(1)));
  }

  @Test
  void anExtensionHoldsThoughTheFirstReplyIsLost() {
    Claim<Integer> claim = service.begin(key, null, NUMBER);
    Loss loss = proxy.loseReply("EVALSHA", 1, Then.CUT);
    assertThat(claim.extend(Duration.ofDays(2)), is(true));
    assertThat(loss.happened(), is(true));
    InProgressException e =
        assertThrows(InProgressException.class, () -> direct.begin(key, null, NUMBER));
    assertThat(e.retryAfter(), is(greaterThan(Duration.ofDays(1))));
  }

  @Test
  void nothingRunsWhileRedisIsStoppedAndEverythingDoesAfterwards() {
    proxy.refuse();
    assertThrows(JedisException.class, this::execute);
    assertThrows(JedisException.class, () -> service.begin(key, null, NUMBER));
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
        () -> {
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
        () -> {
          leaveDeadConnections();
          return runs.incrementAndGet();
        });
    ranOnceAndIsReplayed();
  }

  @Test
  void aPoolFullOfDeadConnectionsKeepsNoKeyFromBeingFreed() {
    IllegalStateException thrown =
        assertThrows(
            IllegalStateException.class,
            () ->
                service.execute(
                    key,
                    Integer.class,
                    () -> {
                      leaveDeadConnections();
                      throw new IllegalStateException();
                    }));
    assertThat(thrown.getSuppressed().length, is(0));
    assertThat(direct.isDuplicate(key), is(false));
  }

  /** Fills the pool with connections, and cuts them all. */
  private void leaveDeadConnections() {
    UnifiedJedis client = behindProxy.over(PooledClient::over, given -> given);
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
    Claim<Integer> claim = service.begin(key, null, NUMBER);
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
  void aResultThatRedisCannotTakeComesWithTheExceptionAndTheClaimStays() {
    String result = new String("done");
    ResultNotRecordedException e =
        assertThrows(
            ResultNotRecordedException.class,
            () ->
                service.execute(
                    key,
                    String.class,
                    () -> {
                      proxy.refuse();
                      return result;
                    }));
    assertThat(e.reason(), is(Reason.REDIS_UNAVAILABLE));
    assertThat(e.result(), is(sameInstance(result)));
    assertThrows(InProgressException.class, () -> direct.begin(key, null, NUMBER));
  }

  @Test
  void aFailureOfTheWorkIsThrownAsItIsWhileRedisIsStopped() {
    AssertionError failure = new AssertionError();
    AssertionError thrown =
        assertThrows(
            AssertionError.class,
            () ->
                service.execute(
                    key,
                    Integer.class,
                    () -> {
                      proxy.refuse();
                      throw failure;
                    }));
    assertThat(thrown, is(sameInstance(failure)));
    assertThat(thrown.getSuppressed()[0], is(instanceOf(JedisException.class)));
    assertThat(direct.isDuplicate(key), is(true));
  }

  @Test
  void aCompletionThatArrivesAfterATakeoverChangesNothing() throws Exception {
    Claim<Integer> slow = service.begin(key, null, NUMBER);
    proxy.blackHole(Direction.TO_SERVER);
    ExecutorService executor = Executors.newSingleThreadExecutor();
    try {
      long sent = proxy.requests("EVALSHA");
      Future<ResultNotRecordedException> refused =
          executor.submit(
              () -> assertThrows(ResultNotRecordedException.class, () -> slow.complete(1)));
      Awaitility.await().until(() -> proxy.requests("EVALSHA") > sent);
      stored.passLease();
      Claim<Integer> next = direct.begin(key, null, NUMBER);
      assertThat(next.attempt(), is(2));
      StoredRecord.Content content = stored.content();
      proxy.heal();
      assertThat(refused.get().reason(), is(Reason.LEASE_LOST));
      assertThat(stored.content(), is(content));
    } finally {
      executor.shutdownNow();
    }
  }
}
