package io.github.redistoolkit.idempotency;

import static io.github.redistoolkit.idempotency.OnceStorm.EFFECT;
import static io.github.redistoolkit.idempotency.OnceStorm.RESULT;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.Disturbance;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Many callers at once. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class IdempotencyConcurrencyIT {

  private static final TypeToken<String> TEXT = TypeToken.get(String.class);

  private final TestRedis redis;
  private final IdempotencyService service;
  private final IdempotencyService impatient;
  private final String key;
  private final OnceStorm storm;

  IdempotencyConcurrencyIT(TestRedis redis) {
    this.redis = redis;
    this.service = Services.builder(redis).maxWait(Duration.ofMinutes(1)).build();
    this.impatient = Services.on(redis);
    this.key = redis.unique("key");
    List<String> keys =
        IntStream.range(0, Matrix.size(10, 200)).mapToObj(n -> key + "-" + n).toList();
    this.storm = new OnceStorm(50, keys, Duration.ofMillis(20));
  }

  /** What happens to every caller of the same keys, each of whom gets a result. */
  private History run(RunsOnce subject) throws Exception {
    History history = new History();
    storm.run(subject, history);
    assertThat(history.events(RESULT).size(), is(storm.threads() * storm.keys().size()));
    return history;
  }

  @Test
  @Proves("idempotency.one-owner")
  void fiftyCallersOfAKeyCauseOneSideEffectAndGetOneResult() throws Exception {
    History history = run((id, work) -> service.execute(id, String.class, work));
    assertThat(storm.violations(history), is(empty()));
    assertThat(redis.borrowed(), is(0));
  }

  @Test
  void aServerThatKeepsForgettingItsScriptsChangesNothing() throws Exception {
    long before = redis.calls("eval");
    try (Disturbance flushing = redis.flushScriptsEvery(Duration.ofMillis(2))) {
      History history = run((id, work) -> service.execute(id, String.class, work));
      assertThat(storm.violations(history), is(empty()));
      Awaitility.await()
          .pollInterval(Duration.ofMillis(1))
          .atMost(Duration.ofMinutes(1))
          .until(
              () -> {
                goThroughEveryTransition(redis.unique("transitions"));
                return flushing.times() > 20 && redis.calls("eval") - before > 10;
              });
    }
  }

  private void goThroughEveryTransition(String id) {
    try (Claim<String> claim = service.begin(Request.of(id).fingerprint("body"), TEXT)) {
      assertThat(claim.attempt(), is(1));
      assertThat(claim.extend(Duration.ofMinutes(2)), is(true));
      assertThat(service.isDuplicate(id), is(true));
    }
    assertThat(service.isDuplicate(id), is(false));
    assertThat(service.storeRequest(id, "stored"), is(true));
    assertThat(service.getResult(id, String.class), is(Optional.of("stored")));
  }

  @Test
  void checkingThenSettingFailsTheSameStorm() throws Exception {
    CheckThenSet naive = new CheckThenSet(redis.client(), Duration.ofMinutes(1));
    History history = run(naive);
    assertThat(storm.violations(history), is(not(empty())));
    assertThat(history.events(EFFECT).size(), is(greaterThan(storm.keys().size())));
  }

  @Test
  void ofFiftyCallersThatDoNotWaitOneOwnsTheWorkAndTheOthersAreToldWhenToRetry() throws Exception {
    Queue<Object> outcomes = Callers.beginAtOnce(impatient, key, 50);
    List<Object> refusals =
        outcomes.stream().filter(InProgressException.class::isInstance).toList();
    assertThat(refusals, hasSize(49));
    assertThat(outcomes.stream().filter(Claim.class::isInstance).toList(), hasSize(1));
  }

  @Test
  void ofFiftyCallersAfterACrashOneTakesOver() throws Exception {
    assertThat(impatient.begin(Request.of(key), TEXT).attempt(), is(1));
    new StoredRecord(redis.admin(), impatient, key).passLease();
    Queue<Object> outcomes = Callers.beginAtOnce(impatient, key, 50);
    List<Claim<?>> takers = new ArrayList<>();
    for (Object outcome : outcomes) {
      if (outcome instanceof Claim<?> claim) {
        takers.add(claim);
      }
    }
    assertThat(takers, hasSize(1));
    assertThat(takers.get(0).attempt(), is(2));
  }
}
