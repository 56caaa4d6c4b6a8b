package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisDataException;

/** Servers that have no memory left. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class CacheOutOfMemoryIT extends CacheServersSuite {

  CacheOutOfMemoryIT(TestRedis shared) {
    super(shared);
  }

  @Test
  void withoutMemoryReadsAreServedLoadsAreReturnedAndWritesThrow() {
    cache.set(key, 1);
    servers.exhaustMemory();
    try {
      assertThat(cache.get(key), is(Optional.of(1)));
      assertThat(cache.getOrLoad(key, MINUTE, () -> 2), is(1));
      assertThat(cache.getOrLoad(key + "2", MINUTE, () -> 2), is(2));
      assertThat(cache.stats().uncachedLoads(), is(1L));
      JedisDataException oom =
          assertThrows(JedisDataException.class, () -> cache.set(key + "2", 2));
      assertThat(oom.getMessage(), containsString("OOM"));
      CacheBatchException batch =
          assertThrows(CacheBatchException.class, () -> cache.setAll(Map.of(key, 2), MINUTE));
      assertThat(batch.failedKeys(), is(Set.of(key)));
    } finally {
      servers.restoreMemory();
    }
    assertThat(cache.getOrLoad(key + "2", MINUTE, () -> 3), is(3));
    assertThat(cache.get(key + "2"), is(Optional.of(3)));
  }

  @Test
  void whatCannotBeInvalidatedForWantOfMemoryKeepsTheDatabaseUnwritten() {
    CacheAside<String, Integer> aside = aside(cache);
    servers.exhaustMemory();
    try {
      assertThrows(JedisDataException.class, () -> aside.update(key, database::incrementAndGet));
    } finally {
      servers.restoreMemory();
    }
    assertThat(database.get(), is(1));
    assertThat(aside.update(key, database::incrementAndGet), is(2));
    assertThat(aside.get(key), is(2));
  }
}
