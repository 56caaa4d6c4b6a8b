package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Optional;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import redis.clients.jedis.exceptions.JedisDataException;

/** Servers that have no memory left. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class IdempotencyOutOfMemoryIT extends IdempotencyServersSuite {

  private final String done = redis.unique("done");
  private final String givenUp = redis.unique("given");

  IdempotencyOutOfMemoryIT(TestRedis shared) {
    super(shared, Services::on);
  }

  @Test
  void withoutMemoryNothingIsClaimedAndAResultCanBeRecordedLater() {
    assertThat(service.execute(done, Integer.class, own -> 7), is(7));
    Claim<Integer> claim = service.begin(Request.of(key), NUMBER);
    Claim<Integer> given = service.begin(Request.of(givenUp), NUMBER);
    StoredRecord.Exactly before = stored.exactly();
    servers.exhaustMemory();

    refusesForLackOfMemory(
        () -> service.execute("other", Integer.class, own -> runs.incrementAndGet()));
    refusesForLackOfMemory(() -> service.storeRequest("other", 1));
    refusesForLackOfMemory(() -> claim.extend(Duration.ofDays(1)));
    ResultNotRecordedException e =
        assertThrows(ResultNotRecordedException.class, () -> claim.complete(1));
    assertThat(e.reason(), is(Reason.REDIS_UNAVAILABLE));
    assertThat(stored.exactly(), is(before));
    assertThat(service.isDuplicate("other"), is(false));
    assertThat(service.execute(done, Integer.class, own -> runs.incrementAndGet()), is(7));
    refusesForLackOfMemory(given::abandon);

    servers.restoreMemory();
    Awaitility.await().until(() -> !service.isDuplicate(givenUp));
    claim.complete(1);
    assertThat(service.getResult(key, Integer.class), is(Optional.of(1)));
  }

  private void refusesForLackOfMemory(Executable call) {
    assertThat(assertThrows(JedisDataException.class, call).getMessage(), containsString("OOM"));
    assertThat(runs.get(), is(0));
  }
}
