package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisException;

/** Which nodes of a Cluster are not asked after one of them has not answered. */
@EachClient(topologies = Topology.CLUSTER)
class CoolDownIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final RedisAccess redis;
  private final Names names;
  private final Counters counters = new Counters(new CacheListener() {});
  private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1);
  private final CoolDown coolDown;

  /** Keys of different nodes. */
  private final String here;

  private final String there;
  private final Leases leases;
  private final JedisException noAnswer = new JedisConnectionException("on purpose");

  CoolDownIT(TestRedis test) {
    this.redis = test.access();
    this.names = new Names(test.unique("cool:"), Names.Writing.VERBATIM, 1024);
    this.coolDown = new CoolDown(redis, names, counters, nanos::get);
    this.leases = new Leases(redis);
    this.here = "0";
    this.there =
        IntStream.range(1, 1000)
            .mapToObj(String::valueOf)
            .filter(key -> !node(key).equals(node(here)))
            .findFirst()
            .orElseThrow();
  }

  @AfterEach
  void closeLeases() {
    leases.close();
  }

  private String node(String key) {
    return redis.nodeFor(names.of(key));
  }

  private void fail(List<String> keys, JedisException failure) {
    assertThrows(
        JedisException.class,
        () ->
            coolDown.askAllNow(
                keys,
                unused -> {
                  throw failure;
                }));
  }

  private List<String> asked() {
    return coolDown.askAllNow(List.of(here, there), Function.identity());
  }

  @Test
  void theNodeThatDidNotAnswerABatchIsLeftOutAndNoOther() {
    fail(List.of(here, there), new CacheBatchException(List.of(there), 2, noAnswer));
    assertThat(coolDown.isPaused(here), is(false));
    assertThat(coolDown.isPaused(there), is(true));
    assertThat(asked(), is(List.of(here)));
    nanos.addAndGet(CoolDown.SHORTEST.toNanos());
    assertThat("one tries", asked(), is(List.of(here, there)));
    assertThat("and was answered", coolDown.isPaused(there), is(false));
  }

  @Test
  void aBatchThatSaysNothingOfItsKeysIsAFailureOfAllTheirNodes() {
    fail(List.of(here, there), noAnswer);
    assertThat(asked(), is(nullValue()));
    nanos.addAndGet(CoolDown.SHORTEST.toNanos());
    fail(List.of(here, there), new CacheBatchException(List.of(there), 2, noAnswer));
    assertThat(asked(), is(List.of(here)));
    nanos.addAndGet(CoolDown.SHORTEST.toNanos());
    assertThat("twice as long", asked(), is(List.of(here)));
  }

  @Test
  void aBulkLoadStoresWhatTheOtherNodesHave() {
    Codec<Integer> codec = new Codec<>(Json.standard(), TypeToken.get(Integer.class));
    Store<Integer> store =
        new NearStore<>(redis, names, codec, null, counters, RedisStore.Reading.VALUE_ALONE, 0);
    LoaderRuns<Integer> runs = new LoaderRuns<>(codec, counters);
    Lifetimes lifetimes = new Lifetimes(MINUTE.toMillis(), 0, 0, 0);
    RedisFailures failures = new RedisFailures(counters);
    LeasedLoads<Integer> leased =
        new LeasedLoads<>(store, coolDown, runs, leases, lifetimes, counters, failures);
    Waits<Integer> waits = new Waits<>(store, coolDown, leased, lifetimes, counters, failures);
    BulkLoads<Integer> bulk =
        new BulkLoads<>(store, coolDown, runs, leased, waits, counters, failures);
    fail(List.of(there), noAnswer);
    List<Set<String>> calls = new ArrayList<>();
    Map<String, Integer> values =
        bulk.getAll(
            List.of(there, here),
            MINUTE.toMillis(),
            Patience.of(MINUTE),
            keys -> {
              calls.add(keys);
              Map<String, Integer> all = new LinkedHashMap<>();
              keys.forEach(key -> all.put(key, 1));
              return all;
            });
    assertThat(values, is(Map.of(here, 1, there, 1)));
    assertThat(calls, is(List.of(Set.of(here, there))));
    assertThat(store.read(here).valueOrNull(), is(1));
    assertThat(store.read(there).valueOrNull(), is(nullValue()));
    assertThat(counters.uncachedLoads.sum(), is(1L));
  }
}
