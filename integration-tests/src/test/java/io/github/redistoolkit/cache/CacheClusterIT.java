package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.FaultProxy.Then;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A cluster client sends a command again whose reply was lost; that must change nothing. */
@EachClient(topologies = Topology.CLUSTER)
class CacheClusterIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final String key;
  private final FaultProxy network;
  private final TestRedis behind;
  private final CacheService<Integer> cache;

  CacheClusterIT(TestRedis redis) {
    this.key = redis.unique("cluster");
    this.network = redis.proxy();
    this.behind = redis.through(network);
    this.cache = Fixtures.cache(behind, Integer.class);
  }

  @AfterEach
  void endsWhatItStarted() {
    cache.close();
    Awaitility.await().until(() -> behind.borrowed() == 0);
    behind.close();
    network.close();
  }

  private static Predicate<FaultProxy.Request> script(String argument) {
    return request ->
        request.name().startsWith("EVAL")
            && request.arguments().stream().anyMatch(text -> text.contains(argument));
  }

  @Test
  void aClaimThatIsSentTwiceIsOneLease() throws Exception {
    FaultProxy.Loss loss = network.loseReply(script("#lease:"), 1, Then.CUT);
    AtomicInteger loads = new AtomicInteger();
    assertThat(cache.getOrLoad(key, MINUTE, loads::incrementAndGet), is(1));
    loss.await();
    assertThat(cache.get(key), is(Optional.of(1)));
    assertThat(cache.stats().uncachedLoads(), is(0L));
  }

  @Test
  void aFillThatIsSentTwiceStores() throws Exception {
    FaultProxy.Loss loss = network.loseReply(script("60000"), 1, Then.CUT);
    assertThat(cache.getOrLoad(key, MINUTE, () -> 1), is(1));
    loss.await();
    assertThat(cache.get(key), is(Optional.of(1)));
  }

  @Test
  void anUpdateThatIsSentTwiceReleasesTheKey() throws Exception {
    CacheAside<String, Integer> aside = new CacheAside<>(cache, MINUTE, id -> id, id -> 2);
    FaultProxy.Loss placed = network.loseReply(script("30000"), 1, Then.CUT);
    assertThat(
        aside.update(
            key,
            () -> {
              placed.await();
              FaultProxy.Loss released = network.loseReply(request -> true, 1, Then.CUT);
              return released.happened() ? 0 : 1;
            }),
        is(1));
    assertThat(aside.get(key), is(2));
    assertThat(cache.get(key), is(Optional.of(2)));
  }
}
