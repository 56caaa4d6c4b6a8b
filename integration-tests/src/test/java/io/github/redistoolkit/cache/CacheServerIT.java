package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Optional;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** One server that restarts or loads its data; elsewhere a replica takes over. */
@EachClient(topologies = Topology.STANDALONE)
class CacheServerIT extends CacheServersSuite {

  CacheServerIT(TestRedis shared) {
    super(shared);
    awaitAnswer();
  }

  private void awaitAnswer() {
    Awaitility.await()
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(() -> cache.get(key).isEmpty());
  }

  @Test
  void aServerThatRestartsEmptyDuringALoadStoresNoOlderFillAndTheNextLoadIsCached() {
    int value =
        cache.getOrLoad(
            key,
            MINUTE,
            () -> {
              servers.primaryOf(key).restartEmpty();
              awaitAnswer();
              return 1;
            });
    assertThat(value, is(1));
    // The lease was forgotten, so nobody knows whether something was set or deleted since.
    assertThat(cache.stats().refusedFills(), is(1L));
    assertThat(otherJvm.getOrLoad(key, MINUTE, () -> 2), is(2));
    assertThat(cache.get(key), is(Optional.of(2)));
  }

  @Test
  void anUpdateDuringARestartLeavesNothingStale() {
    CacheAside<String, Integer> aside = aside(cache);
    assertThat(aside.get(key), is(1));
    int updated =
        aside.update(
            key,
            () -> {
              servers.primaryOf(key).restartEmpty();
              awaitAnswer();
              return database.incrementAndGet();
            });
    assertThat(updated, is(2));
    assertThat(aside.get(key), is(2));
    assertThat(otherJvm.get(key), is(Optional.of(2)));
  }

  @Test
  void whileTheServerLoadsItsDataReadsAskTheLoaderAndWritesThrow() {
    servers.restartLoadingFor(Duration.ofSeconds(10));
    assertThat(cache.getOrLoad(key, MINUTE, () -> 1), is(1));
    assertThat(cache.stats().uncachedLoads(), is(1L));
    JedisException loading = assertThrows(JedisException.class, () -> cache.set(key, 1));
    assertThat(loading.getMessage(), containsString("LOADING"));
    servers.awaitLoaded();
    assertThat(cache.getOrLoad(key, MINUTE, () -> 2), is(2));
    assertThat(cache.get(key), is(Optional.of(2)));
  }
}
