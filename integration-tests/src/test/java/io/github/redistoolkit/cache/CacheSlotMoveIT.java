package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.SlotMove;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;

/** A slot goes to another node while it is in use: what is there, what is not, and afterwards. */
@EachClient(topologies = Topology.CLUSTER)
class CacheSlotMoveIT extends CacheServersSuite {

  CacheSlotMoveIT(TestRedis shared) {
    super(shared);
  }

  @Test
  void aLoadGoesOnWhereItsLeaseWentAndIsSharedAllTheTime() throws Exception {
    SlotMove move = servers.beginMoveOfSlot(key);
    AtomicInteger loads = new AtomicInteger();
    List<Future<Integer>> joiners = new ArrayList<>();
    Loader<Integer> never = loads::incrementAndGet;
    int value =
        cache.getOrLoad(
            key,
            MINUTE,
            () -> {
              joiners.add(threads.submit(() -> otherJvm.getOrLoad(key, MINUTE, never)));
              move.moveKeys();
              // From now on the source says ASK.
              joiners.add(threads.submit(() -> otherJvm.getOrLoad(key, MINUTE, never)));
              joiners.add(threads.submit(() -> cache.getOrLoad(key, MINUTE, never)));
              TimeUnit.MILLISECONDS.sleep(200);
              return 7;
            });
    assertThat(value, is(7));
    for (Future<Integer> joiner : joiners) {
      assertThat(joiner.get(10, TimeUnit.SECONDS), is(7));
    }
    assertThat(otherJvm.getOrLoad(key, MINUTE, never), is(7));
    move.finish();
    assertThat(otherJvm.getOrLoad(key, MINUTE, never), is(7));
    assertThat(loads.get(), is(0));
    assertThat(cache.stats().redisFailures() + otherJvm.stats().redisFailures(), is(0L));
    assertThat(servers.primaryOf(key).address(), is(move.target()));
  }

  @Test
  void aLoadIsStoredThoughTheSlotHasAnotherOwnerWhenItEnds() {
    int value =
        cache.getOrLoad(
            key,
            MINUTE,
            () -> {
              servers.moveSlot(key);
              return 7;
            });
    assertThat(value, is(7));
    assertThat(otherJvm.get(key), is(Optional.of(7)));
  }

  @Test
  void aSetDuringTheMoveStillRefusesTheOlderFill() {
    SlotMove move = servers.beginMoveOfSlot(key);
    int old =
        cache.getOrLoad(
            key,
            MINUTE,
            () -> {
              move.moveKeys();
              otherJvm.set(key, 8);
              return 7;
            });
    assertThat(old, is(7));
    assertThat(cache.get(key), is(Optional.of(8)));
    move.finish();
    assertThat(cache.get(key), is(Optional.of(8)));
    assertThat(cache.stats().refusedFills(), is(1L));
  }

  @Test
  void anUpdateHoldsTheKeyWhereverItIs() {
    CacheAside<String, Integer> aside = aside(cache);
    CacheAside<String, Integer> elsewhere = aside(otherJvm);
    assertThat(aside.get(key), is(1));
    SlotMove move = servers.beginMoveOfSlot(key);
    aside.update(
        key,
        () -> {
          assertThat(elsewhere.get(key), is(1));
          move.moveKeys();
          assertThat(elsewhere.get(key), is(1));
          assertThat(otherJvm.get(key), is(Optional.empty()));
          return database.incrementAndGet();
        });
    assertThat(redis.admin().get(key), is(nullValue()));
    assertThat(elsewhere.get(key), is(2));
    move.finish();
    assertThat(aside.get(key), is(2));
    assertThat(otherJvm.get(key), is(Optional.of(2)));
  }

  @Test
  void clearingFindsWhatHasMovedSinceTheClientLastLooked() {
    String prefix = "{" + key + "}:";
    try (CacheService<Integer> moved = Fixtures.builder(redis, prefix, Integer.class).build()) {
      Map<String, Integer> values = values(300);
      moved.setAll(values, MINUTE);
      servers.moveSlot(prefix);
      assertThat(moved.clear(), is(300L));
      assertThat(moved.getAll(values.keySet()).isEmpty(), is(true));
    }
  }

  @Test
  void batchesAreCompleteInEachStepOfAMove() {
    // Some of the keys are in the slot that moves, most are not.
    Map<String, Integer> values = values(300);
    SlotMove move = servers.beginMoveOfSlot(key);
    assertBatches(values);
    cache.setAll(values, MINUTE);
    move.moveKeys();
    assertThat(otherJvm.getAll(values.keySet()), is(values));
    assertBatches(values);
    cache.setAll(values, MINUTE);
    move.finish();
    assertThat(otherJvm.getAll(values.keySet()), is(values));
    assertBatches(values);
  }

  private Map<String, Integer> values(int count) {
    Map<String, Integer> values = new LinkedHashMap<>();
    IntStream.range(0, count).forEach(i -> values.put(i % 3 == 0 ? moving(i) : key + i, i));
    return values;
  }

  private String moving(int i) {
    return "{" + key + "}" + i;
  }

  private void assertBatches(Map<String, Integer> values) {
    cache.setAll(values, MINUTE);
    assertThat(cache.getAll(values.keySet()), is(values));
    assertThat(cache.deleteAll(values.keySet()), is((long) values.size()));
    assertThat(cache.getAll(values.keySet()), is(Map.of()));
  }

  @Test
  void batchesAndLoadsAreCompleteWhileASlotMovesBackAndForth() throws Exception {
    AtomicBoolean enough = new AtomicBoolean();
    Future<Integer> batches = threads.submit(() -> useBatchesUntil(enough));
    Future<Integer> loads = threads.submit(() -> loadUntil(enough));
    for (int i = 0; i < Matrix.size(6, 60); i++) {
      HostAndPort source = servers.primaryOf(key).address();
      servers.moveSlot(key);
      // Jedis gives up after five redirections of one command, so let all nodes agree in between.
      servers.awaitFailover(key, source);
    }
    enough.set(true);
    assertThat(batches.get(1, TimeUnit.MINUTES) > 0, is(true));
    assertThat(loads.get(1, TimeUnit.MINUTES) > 0, is(true));
    assertThat(otherJvm.stats().redisFailures(), is(0L));
  }

  private int useBatchesUntil(AtomicBoolean enough) {
    int times = 0;
    do {
      assertBatches(values(100));
      times++;
    } while (!enough.get());
    return times;
  }

  /** Each key is loaded once, and what was loaded is there. */
  private int loadUntil(AtomicBoolean enough) {
    int times = 0;
    do {
      String loaded = "{" + key + "}load" + times;
      int value = times;
      assertThat(otherJvm.getOrLoad(loaded, MINUTE, () -> value), is(value));
      assertThat(otherJvm.getOrLoad(loaded, MINUTE, () -> -1), is(value));
      assertThat(otherJvm.delete(loaded), is(true));
      times++;
    } while (!enough.get());
    return times;
  }
}
