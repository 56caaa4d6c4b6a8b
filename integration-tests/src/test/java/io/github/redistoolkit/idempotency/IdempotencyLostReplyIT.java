package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.idempotency.StoredRecord.Word;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Loss;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Replies that are lost after their script was executed. A script is sent again then: by the
 * service, and before that, unseen, by a client of a Cluster.
 */
@LeavesServerAlone
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class IdempotencyLostReplyIT extends IdempotencyFaultSuite {

  private static final String BEGIN = "SET";

  // How many arguments follow the key of a script, by which those that are lost here are told
  // apart.
  private static final int TAKE = 9;
  private static final int COMPLETE = 3;
  private static final int EXTEND = 3;
  private static final int ABANDON = 4;
  private static final int FORGET = 2;
  private static final int QUESTION = 0;

  IdempotencyLostReplyIT(TestRedis redis) {
    super(redis, Duration.ofSeconds(5), settings -> settings.maxWait(Duration.ofSeconds(30)));
  }

  /** By default those that do not cost a read timeout each. */
  static List<Then> waysToLoseAReply() {
    return Matrix.ofThisRun() == Matrix.FULL ? List.of(Then.values()) : List.of(Then.CUT);
  }

  private static Predicate<FaultProxy.Request> script(int arguments) {
    return request -> isScript(request) && request.arguments().size() == 3 + arguments;
  }

  private static boolean isScript(FaultProxy.Request request) {
    return request.name().equals("EVALSHA") || request.name().equals("EVAL");
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void theWorkRunsOnceThoughTheReplyToBeginIsLost(Then then) {
    Loss loss = proxy.loseReply(BEGIN, 1, then);
    assertThat(execute(), is(1));
    assertThat(loss.happened(), is(true));
    assertThat(stored.attempt(), is(1));
    ranOnceAndIsReplayed();
  }

  @Test
  void aRecordIsForgottenThoughTheReplyIsLost() {
    assertThat(execute(), is(1));
    Loss loss = proxy.loseReply(script(FORGET), 1, Then.CUT);
    assertThat(service.forget(key), is(true));
    assertThat(loss.happened(), is(true));
    assertThat(stored.isFree(), is(true));
    assertThat(service.forget(key), is(false));
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void theWorkRunsOnceThoughTheReplyToCompleteIsLost(Then then) {
    Loss loss = proxy.loseReply(script(COMPLETE), 1, then);
    assertThat(execute(), is(1));
    assertThat(loss.happened(), is(true));
    ranOnceAndIsReplayed();
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void theKeyIsFreeAtOnceThoughTheReplyToAbandonIsLost(Then then) {
    Loss loss = proxy.loseReply(script(ABANDON), 1, then);
    IllegalStateException thrown = FailingWork.execute(service, key, () -> {});
    assertThat(loss.happened(), is(true));
    assertThat(thrown.getSuppressed().length, is(0));
    assertThat(execute(), is(1));
    ranOnceAndIsReplayed();
  }

  @Test
  void aLateAbandonLeavesTheNextOwnerAlone() {
    Claim<Integer> first = service.begin(Request.of(key), NUMBER);
    CountDownLatch taken = new CountDownLatch(1);
    proxy.loseReply(
        request -> {
          // Between the first abandon, executed by now, and its re-send.
          if (script(ABANDON).test(request) && taken.getCount() == 1) {
            assertThat(direct.begin(Request.of(key), NUMBER).attempt(), is(1));
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
    Loss loss = proxy.loseReply(BEGIN, 1, then);
    assertThat(service.storeRequest(key, 1), is(true));
    assertThat(loss.happened(), is(true));
    assertThat(direct.getResult(key, Integer.class), is(Optional.of(1)));
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void anExtensionHoldsThoughTheFirstReplyIsLost(Then then) {
    Claim<Integer> claim = service.begin(Request.of(key), NUMBER);
    Loss loss = proxy.loseReply(script(EXTEND), 1, then);
    assertThat(claim.extend(Duration.ofDays(2)), is(true));
    assertThat(loss.happened(), is(true));
    InProgressException e =
        assertThrows(InProgressException.class, () -> direct.begin(Request.of(key), NUMBER));
    assertThat(e.retryAfter(), is(greaterThan(Duration.ofDays(1))));
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void aQuestionWhoseReplyIsLostThrowsAndMayBeAskedAgain(Then then) {
    assertThat(direct.storeRequest(key, 1), is(true));
    loses(proxy.loseReply(script(QUESTION), 1, then), () -> service.isDuplicate(key), true);
    loses(
        proxy.loseReply("GET", 1, then),
        () -> service.getResult(key, Integer.class),
        Optional.of(1));
  }

  private void loses(Loss loss, Supplier<Object> question, Object answer) {
    if (behindProxy.topology() == Topology.CLUSTER) {
      assertThat(question.get(), is(answer)); // its client asks again, unseen
    } else {
      assertThrows(JedisConnectionException.class, question::get);
    }
    assertThat(loss.happened(), is(true));
    assertThat(question.get(), is(answer));
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void aWaiterGetsTheResultThoughTheReplyToAPollIsLost(Then then) throws Exception {
    Claim<Integer> first = direct.begin(Request.of(key), NUMBER);
    Loss loss = proxy.loseReply(BEGIN, 2, then);
    CompletableFuture<Integer> waiter = CompletableFuture.supplyAsync(this::execute);
    loss.await();
    first.complete(7);
    assertThat(waiter.get(), is(7));
    assertThat(runs.get(), is(0));
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void aWaiterRunsOnceThoughTheReplyToThePollThatMadeItTheOwnerIsLost(Then then) throws Exception {
    Claim<Integer> first = direct.begin(Request.of(key), NUMBER);
    String owner = stored.word(Word.OWNER);
    CompletableFuture<Integer> waiter = CompletableFuture.supplyAsync(this::execute);
    Awaitility.await().until(() -> proxy.requests(BEGIN) >= 2);
    // Not that the first one's claim is gone: that may be after a poll and before its reply.
    Loss loss = proxy.loseReply(script(TAKE).and(request -> isHeldByAnother(owner)), 1, then);
    first.abandon();
    loss.await();
    assertThat(waiter.get(), is(1));
    assertThat(stored.attempt(), is(1));
    ranOnceAndIsReplayed();
  }

  private boolean isHeldByAnother(String owner) {
    String content = stored.content();
    return content != null && !content.contains(owner);
  }

  @Test
  @Proves("idempotency.outage-frees")
  void aBeginWhoseEveryReplyIsLostRunsNothingAndIsTakenBackSoon() {
    loseEveryReply();
    assertThrows(JedisException.class, this::execute);
    assertThat(stored.isFree(), is(false));
    proxy.heal();
    assertThat(runs.get(), is(0));
    // Another process, which cannot know.
    assertThat(
        Awaitility.await()
            .ignoreExceptionsInstanceOf(InProgressException.class)
            .until(() -> direct.begin(Request.of(key), NUMBER), claim -> true)
            .attempt(),
        is(1));
  }

  @Test
  void theSameCallerBeginsAgainAtOnceAfterABeginWhoseEveryReplyIsLost() {
    loseEveryReply();
    assertThrows(JedisException.class, this::execute);
    proxy.heal();
    assertThat(
        service.execute(Request.of(key).maxWait(Duration.ZERO), NUMBER, own -> own.attempt()),
        is(new Execution<>(1, false, 1)));
  }

  private void loseEveryReply() {
    int more = 100; // than any client sends
    for (int n = 0; n < more; n++) {
      Loss loss =
          proxy.loseReply(
              request -> isScript(request) || request.name().equals(BEGIN), 1, Then.CUT);
      assertThat(loss.happened(), is(false));
    }
  }
}
