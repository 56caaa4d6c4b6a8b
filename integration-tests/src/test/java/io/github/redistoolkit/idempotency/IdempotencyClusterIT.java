package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.idempotency.ResultNotRecordedException.Reason;
import io.github.redistoolkit.testing.Disturbance;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.SlotMove;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Slots that move, and primaries that hand over to their replicas, while requests are worked on.
 */
@EachClient(topologies = Topology.CLUSTER)
class IdempotencyClusterIT {

  private static final TypeToken<Integer> NUMBER = TypeToken.get(Integer.class);
  private static final Duration LEASE = Duration.ofSeconds(30);

  private final PrivateRedis servers;
  private final TestRedis redis;
  private final IdempotencyService service;
  private final String key;
  private final StoredRecord stored;

  IdempotencyClusterIT(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
    this.service = Services.on(redis);
    this.key = redis.unique("key");
    this.stored = new StoredRecord(redis.admin(), service, key);
  }

  private Claim<Integer> begin() {
    return service.begin(Request.of(key), NUMBER);
  }

  @Test
  void aClaimThatHasMovedAheadOfItsSlotIsExtendedAndCompletedWhereItIs() {
    Claim<Integer> claim = begin();
    SlotMove move = servers.beginMoveOfSlot(stored.redisKey());
    move.moveKeys(); // from here on each request is answered with ASK
    assertThrows(InProgressException.class, this::begin);
    assertThat(claim.extend(LEASE), is(true));
    claim.complete(1);
    assertThat(begin().result(), is(1));
    move.finish(); // and the next with MOVED
    assertThat(begin().result(), is(1));
    assertThat(servers.primaryOf(stored.redisKey()).address(), is(move.target()));
    assertThat(stored.attempt(), is(1));
    assertThat(stored.ttlMillis(), is(greaterThan(0L)));
  }

  @Test
  void aClaimBegunWhereItsSlotIsGoingIsAbandonedAndBegunAgain() {
    SlotMove move = servers.beginMoveOfSlot(stored.redisKey());
    Claim<Integer> claim = begin();
    assertThrows(InProgressException.class, this::begin);
    claim.abandon();
    Claim<Integer> next = begin();
    assertThat(next.attempt(), is(1));
    move.finish();
    next.complete(2);
    assertThat(begin().result(), is(2));
  }

  @Test
  void aClaimWhoseSlotHasMovedIsCompletedOrAbandonedThere() {
    Claim<Integer> claim = begin();
    servers.moveSlot(stored.redisKey());
    claim.abandon();
    Claim<Integer> next = begin();
    servers.moveSlot(stored.redisKey());
    assertThat(next.extend(LEASE), is(true));
    servers.moveSlot(stored.redisKey());
    next.complete(3);
    assertThat(begin().result(), is(3));
  }

  @Test
  void slotsThatMoveUnderLoadCauseNoSecondSideEffect() throws Exception {
    runOnceDuring(Duration.ofMillis(5), servers::moveSlot);
  }

  @Test
  void primariesThatHandOverUnderLoadCauseNoSecondSideEffect() throws Exception {
    // So that replicas are ready for the next one sooner.
    servers.configure("cluster-node-timeout", "1500");
    runOnceDuring(Duration.ofMillis(500), servers::failOver);
  }

  private List<String> keys(int round) {
    return IntStream.range(0, Matrix.size(30, 200))
        .mapToObj(n -> key + "-" + round + "-" + n)
        .toList();
  }

  /** Runs once what has to do with some keys, and with others until they have been disturbed. */
  private void runOnceDuring(Duration period, Consumer<String> disturb) throws Exception {
    int most = 10;
    AtomicReference<List<String>> keys = new AtomicReference<>(keys(1));
    AtomicInteger next = new AtomicInteger();
    IdempotencyService patient =
        Services.builder(redis).lease(LEASE).maxWait(Duration.ofMinutes(1)).build();
    try (Disturbance disturbance =
        Disturbance.every(
            period,
            () -> {
              List<String> now = keys.get();
              disturb.accept(service.redisKey(now.get(next.getAndIncrement() % now.size())));
            })) {
      for (int round = 1; round == 1 || (disturbance.times() == 0 && round <= most); round++) {
        keys.set(keys(round));
        OnceStorm storm = new OnceStorm(20, keys.get(), Duration.ofMillis(20));
        History history = new History();
        storm.run((id, work) -> persistently(patient, id, work), history);
        assertThat(storm.violations(history), is(empty()));
        assertThat(history.events(OnceStorm.RESULT).size(), is(20 * storm.keys().size()));
      }
      assertThat(disturbance.times(), is(greaterThan(0)));
    }
  }

  /** As a caller who asks again whatever Redis did. */
  private static String persistently(
      IdempotencyService service, String id, Operation<String, RuntimeException> work) {
    while (true) {
      try {
        return service.execute(id, String.class, work);
      } catch (JedisException e) {
        assertThat("no interrupt", Thread.currentThread().isInterrupted(), is(false));
      } catch (ResultNotRecordedException e) {
        assertThat(e.reason(), is(Reason.REDIS_UNAVAILABLE));
        return String.valueOf(e.result());
      }
    }
  }
}
