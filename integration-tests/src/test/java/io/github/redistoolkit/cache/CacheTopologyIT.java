package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** Near caches where there is more than one server. */
@EachClient(topologies = {Topology.SENTINEL, Topology.CLUSTER})
class CacheTopologyIT extends CacheServersSuite {

  private final CacheService<Integer> near;
  private final List<String> keys = IntStream.range(0, 50).mapToObj(i -> "k" + i).toList();

  CacheTopologyIT(TestRedis shared) {
    super(shared);
    this.near = Fixtures.builder(redis, key + ":", Integer.class).nearCache(1000).build();
  }

  @Test
  void entriesOfAllNodesAreReadNearAndChangesAreHeard() {
    try (CacheService<Integer> reading = near) {
      keys.forEach(k -> reading.set(k, 1));
      awaitNear(reading);
      keys.forEach(k -> redis.admin().set(key + ":" + k, "2"));
      awaitAll(reading, 2);
      awaitNear(reading);
    }
  }

  @Test
  void afterAFailoverNothingStaleIsReadAndCopiesAreTakenAgain() {
    try (CacheService<Integer> reading = near) {
      keys.forEach(k -> reading.set(k, 1));
      awaitNear(reading);
      servers.awaitReplicated(key + ":k0");
      servers.failOver(key + ":k0");
      keys.forEach(k -> untilWritten(() -> redis.admin().set(key + ":" + k, "2")));
      awaitAll(reading, 2);
      awaitNear(reading);
      keys.forEach(k -> redis.admin().set(key + ":" + k, "3"));
      awaitAll(reading, 3);
    }
  }

  private static void untilWritten(Supplier<String> write) {
    Awaitility.await()
        .atMost(Duration.ofMinutes(1))
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(() -> write.get() != null);
  }

  /** No read is later than the promised second, and some time for a slow machine. */
  private void awaitAll(CacheService<Integer> reading, int value) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(3))
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(() -> keys.stream().allMatch(k -> reading.get(k).equals(Optional.of(value))));
  }

  private void awaitNear(CacheService<Integer> reading) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(
            () -> {
              long before = reading.stats().nearHits();
              boolean all = keys.stream().allMatch(k -> reading.get(k).isPresent());
              return all && reading.stats().nearHits() - before == keys.size();
            });
    assertThat(reading.stats().near().state(), is(CacheStats.NearState.ON));
  }
}
