package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.CoreAccess;
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
import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisException;

/** Which nodes of a Cluster are not asked after one of them has not answered. */
@EachClient(topologies = Topology.CLUSTER)
class CacheCoolDownIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final RedisAccess redis;
  private final Parts parts;
  private final CoolDown coolDown;

  /** Keys of different nodes. */
  private final String here;

  private final String there;
  private final JedisException noAnswer = new JedisConnectionException("on purpose");

  CacheCoolDownIT(TestRedis test) {
    this.redis = CoreAccess.of(test);
    this.parts = new Parts(redis, test.unique("cool:"), MINUTE, MINUTE, Duration.ZERO);
    this.coolDown = parts.coolDown;
    this.here = "0";
    this.there =
        IntStream.range(1, 1000)
            .mapToObj(String::valueOf)
            .filter(key -> !node(key).equals(node(here)))
            .findFirst()
            .orElseThrow();
  }

  private String node(String key) {
    return redis.nodeFor(parts.names.of(key));
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
    parts.time.pass(CoolDown.SHORTEST);
    assertThat("one tries", asked(), is(List.of(here, there)));
    assertThat("and was answered", coolDown.isPaused(there), is(false));
  }

  @Test
  void aBatchThatSaysNothingOfItsKeysIsAFailureOfAllTheirNodes() {
    fail(List.of(here, there), noAnswer);
    assertThat(asked(), is(nullValue()));
    parts.time.pass(CoolDown.SHORTEST);
    fail(List.of(here, there), new CacheBatchException(List.of(there), 2, noAnswer));
    assertThat(asked(), is(List.of(here)));
    parts.time.pass(CoolDown.SHORTEST);
    assertThat("twice as long", asked(), is(List.of(here)));
  }

  @Test
  void aBulkLoadStoresWhatTheOtherNodesHave() {
    fail(List.of(there), noAnswer);
    List<Set<String>> calls = new ArrayList<>();
    Map<String, Integer> values =
        parts.loadAll(
            List.of(there, here),
            keys -> {
              calls.add(keys);
              Map<String, Integer> all = new LinkedHashMap<>();
              keys.forEach(key -> all.put(key, 1));
              return all;
            });
    assertThat(values, is(Map.of(here, 1, there, 1)));
    assertThat(calls, is(List.of(Set.of(here, there))));
    assertThat(parts.store.read(here).valueOrNull(), is(1));
    assertThat(parts.store.read(there).valueOrNull(), is(nullValue()));
    assertThat(parts.counters.uncachedLoads.sum(), is(1L));
  }
}
