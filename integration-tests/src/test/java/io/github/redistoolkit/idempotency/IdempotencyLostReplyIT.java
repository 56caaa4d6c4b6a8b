package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.idempotency.StoredRecord.Word;
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
import java.util.Map;
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
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyLostReplyIT extends IdempotencyFaultSuite {

  // How many arguments follow the key of a script, by which those that are lost here are told
  // apart.
  private static final int BEGIN = 4;
  private static final int COMPLETE = 6;
  private static final int STORE = 5;
  private static final int EXTEND = 3;
  private static final int ABANDON = 1;
  private static final int QUESTION = 0;

  IdempotencyLostReplyIT(TestRedis redis) {
    super(redis, Duration.ofSeconds(5), settings -> settings.waitFor(Duration.ofSeconds(30)));
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
    Loss loss = proxy.loseReply(script(BEGIN), 1, then);
    assertThat(execute(), is(1));
    assertThat(loss.happened(), is(true));
    assertThat(stored.word(Word.ATTEMPT), is("1"));
    ranOnceAndIsReplayed();
  }

  @Test
  void aRecordIsForgottenThoughTheReplyIsLost() {
    assertThat(execute(), is(1));
    Loss loss = proxy.loseReply("UNLINK", 1, Then.CUT);
    if (behindProxy.topology() == Topology.CLUSTER) {
      // Its client sends it again, unseen, and finds nothing left.
      assertThat(service.forget(key), is(false));
    } else {
      assertThrows(JedisConnectionException.class, () -> service.forget(key));
    }
    assertThat(loss.happened(), is(true));
    assertThat(stored.exists(), is(false));
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
    Claim<Integer> first = service.begin(key, null, NUMBER);
    CountDownLatch taken = new CountDownLatch(1);
    proxy.loseReply(
        request -> {
          // Between the first abandon, executed by now, and its re-send.
          if (script(ABANDON).test(request) && taken.getCount() == 1) {
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
    Loss loss = proxy.loseReply(script(STORE), 1, then);
    assertThat(service.storeRequest(key, 1), is(true));
    assertThat(loss.happened(), is(true));
    assertThat(direct.getResult(key, Integer.class), is(Optional.of(1)));
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void anExtensionHoldsThoughTheFirstReplyIsLost(Then then) {
    Claim<Integer> claim = service.begin(key, null, NUMBER);
    Loss loss = proxy.loseReply(script(EXTEND), 1, then);
    assertThat(claim.extend(Duration.ofDays(2)), is(true));
    assertThat(loss.happened(), is(true));
    InProgressException e =
        assertThrows(InProgressException.class, () -> direct.begin(key, null, NUMBER));
    assertThat(e.retryAfter(), is(greaterThan(Duration.ofDays(1))));
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void aQuestionWhoseReplyIsLostThrowsAndMayBeAskedAgain(Then then) {
    assertThat(direct.storeRequest(key, 1), is(true));
    Map<Supplier<Object>, Object> answers =
        Map.of(
            () -> service.isDuplicate(key),
            true,
            () -> service.getResult(key, Integer.class),
            Optional.of(1));
    answers.forEach(
        (question, answer) -> {
          Loss loss = proxy.loseReply(script(QUESTION), 1, then);
          if (behindProxy.topology() == Topology.CLUSTER) {
            assertThat(question.get(), is(answer)); // its client asks again, unseen
          } else {
            assertThrows(JedisConnectionException.class, question::get);
          }
          assertThat(loss.happened(), is(true));
          assertThat(question.get(), is(answer));
        });
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void aWaiterGetsTheResultThoughTheReplyToAPollIsLost(Then then) throws Exception {
    Claim<Integer> first = direct.begin(key, null, NUMBER);
    Loss loss = proxy.loseReply(script(BEGIN), 2, then);
    CompletableFuture<Integer> waiter = CompletableFuture.supplyAsync(this::execute);
    loss.await();
    first.complete(7);
    assertThat(waiter.get(), is(7));
    assertThat(runs.get(), is(0));
  }

  @ParameterizedTest
  @MethodSource("waysToLoseAReply")
  void aWaiterRunsOnceThoughTheReplyToThePollThatMadeItTheOwnerIsLost(Then then) throws Exception {
    Claim<Integer> first = direct.begin(key, null, NUMBER);
    String owner = stored.word(Word.OWNER);
    CompletableFuture<Integer> waiter = CompletableFuture.supplyAsync(this::execute);
    Awaitility.await().until(() -> proxy.requests("EVALSHA") >= 2);
    // Not that the first one's claim is gone: that may be after a poll and before its reply.
    Loss loss = proxy.loseReply(script(BEGIN).and(request -> isHeldByAnother(owner)), 1, then);
    first.abandon();
    loss.await();
    assertThat(waiter.get(), is(1));
    assertThat(stored.word(Word.ATTEMPT), is("1"));
    ranOnceAndIsReplayed();
  }

  private boolean isHeldByAnother(String owner) {
    String content = stored.content();
    return content != null && !content.contains(owner);
  }

  @Test
  void aBeginWhoseEveryReplyIsLostRunsNothingAndLeavesAClaimThatEndsWithItsLease() {
    int more = 100; // than any client sends
    for (int n = 0; n < more; n++) {
      Loss loss = proxy.loseReply(IdempotencyLostReplyIT::isScript, 1, Then.CUT);
      assertThat(loss.happened(), is(false));
    }
    assertThrows(JedisException.class, this::execute);
    proxy.heal();
    assertThat(runs.get(), is(0));
    assertThrows(InProgressException.class, () -> direct.begin(key, null, NUMBER));
    stored.passLease();
    assertThat(direct.begin(key, null, NUMBER).attempt(), is(2));
  }
}
