package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;

/** Leases that are renewed while the work runs, and no longer than was said. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class IdempotencyKeepAliveIT {

  private static final TypeToken<String> TEXT = TypeToken.get(String.class);
  private static final Duration LEASE = Duration.ofSeconds(2);
  private static final Duration LONG = Duration.ofMinutes(5);

  private final IdempotencyService service;
  private final IdempotencyService other;
  private final Request request;
  private final StoredRecord stored;

  IdempotencyKeepAliveIT(TestRedis redis) {
    this.service = Services.builder(redis).lease(LEASE).keepAlive(LONG).build();
    this.other = Services.on(redis);
    this.request = Request.of(redis.unique("key"));
    this.stored = new StoredRecord(redis.admin(), service, request.key());
  }

  private int step() {
    return Integer.parseInt(stored.word(StoredRecord.Word.STEP));
  }

  @Test
  void workThatTakesSeveralLeasesKeepsItsKey() {
    long start = System.nanoTime();
    Execution<String> first =
        service.execute(
            request,
            TEXT,
            claim -> {
              Awaitility.await()
                  .pollInterval(Duration.ofMillis(20))
                  .until(
                      () -> {
                        assertThrows(InProgressException.class, () -> other.begin(request, TEXT));
                        return step() >= 4;
                      });
              return "done";
            });
    assertThat(System.nanoTime() - start, is(greaterThan(LEASE.toNanos())));
    assertThat(first, is(new Execution<>("done", false, 1)));
    assertThat(other.begin(request, TEXT).result(), is("done"));
  }

  @Test
  void anOwnerOfItsOwnLeaseIsNotCutShort() {
    try (Claim<String> claim = service.begin(request, TEXT)) {
      assertThat(claim.extend(Duration.ofHours(1)), is(true));
      int before = step();
      Awaitility.await().until(() -> step() > before);
      assertThat(
          other.status(request.key()).timeLeft().orElseThrow(),
          is(greaterThan(Duration.ofMinutes(59))));
    }
  }

  @Test
  void renewingEndsWhenItsTimeIsOver() {
    Claim<String> hanging = service.begin(request.keepAlive(LEASE.plusMillis(500)), TEXT);
    Claim<String> next =
        Awaitility.await()
            .atMost(Duration.ofSeconds(30))
            .ignoreExceptionsInstanceOf(InProgressException.class)
            .until(() -> other.begin(request, TEXT), claim -> true);
    assertThat(next.attempt(), is(2));
    hanging.close();
    next.complete("next");
    assertThat(other.begin(request, TEXT).result(), is("next"));
  }

  @Test
  void whatIsEndedIsNotRenewed() {
    Claim<String> claim = service.begin(request, TEXT);
    Awaitility.await().until(() -> step() >= 1);
    claim.abandon();
    StoredRecord.Exactly freed = stored.exactly();
    Awaitility.await().during(LEASE).until(() -> stored.exactly().equals(freed));
  }
}
