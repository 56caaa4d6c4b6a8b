package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.sameInstance;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.CoreAccess;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Entries past their time whose load fails while Redis fails too. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class CacheStaleNetworkIT extends CacheFaultSuite {

  private static final Duration HOUR = Duration.ofHours(1);
  private static final Duration LEASE = Duration.ofMinutes(1);

  private final String prefix;
  private final CacheService<Integer> cache;
  private final AtomicInteger loads = new AtomicInteger();
  private final IllegalStateException noDatabase = new IllegalStateException("no database");
  private final Loader<Integer> failing =
      () -> {
        loads.incrementAndGet();
        throw noDatabase;
      };

  CacheStaleNetworkIT(TestRedis redis) {
    super(redis);
    this.prefix = redis.unique("stale-fault:");
    this.cache =
        Fixtures.builder(behind, prefix, Integer.class).staleIfError(HOUR).lease(LEASE).build();
  }

  @AfterEach
  void closeCache() {
    cache.close();
  }

  /** Stores 1, which is soon past its time. */
  private void expired(String key) {
    cache.set(key, 1, Duration.ofMillis(1));
    Awaitility.await().until(() -> cache.ttl(key).isEmpty());
  }

  private String stored(String key) {
    return redis.admin().get(prefix + key);
  }

  private Parts parts() {
    return new Parts(CoreAccess.of(behind), prefix, LEASE, MINUTE, HOUR);
  }

  /** Fails, and Redis is not to be had when that is to be told there. */
  private Integer failWithRedis() {
    network.refuse();
    throw noDatabase;
  }

  @Test
  void afterALoadThatFailedWithRedisTheFleetWaitsForALeaseToo() {
    expired("k");
    assertThat(
        assertThrows(
            IllegalStateException.class, () -> cache.getOrLoad("k", MINUTE, this::failWithRedis)),
        is(sameInstance(noDatabase)));
    network.accept();
    // Its own lease may be there still, or what removes it in the background was heard.
    Awaitility.await()
        .ignoreExceptionsMatching(e -> e == noDatabase)
        .until(() -> cache.getOrLoad("k", MINUTE, failing) == 1);
    Awaitility.await().until(() -> !stored("k").startsWith("#lease:"));
    assertThat(cache.getOrLoad("k", MINUTE, failing), is(1));
    assertThat("without Redis alone", (long) loads.get(), is(cache.stats().uncachedLoads()));
  }

  @Test
  void whoFindsTheLeaseOfALoadThatFailedHeedsThePause() {
    Parts late = parts();
    for (String key : List.of("k", "a", "b")) {
      expired(key);
      late.time.pass(CoolDown.LONGEST);
      assertThat(
          assertThrows(IllegalStateException.class, () -> late.load(key, this::failWithRedis)),
          is(sameInstance(noDatabase)));
      network.accept();
      assertThat(stored(key), startsWith("#lease:"));
    }
    // Nothing removes the leases but whoever finds them.
    late.time.pass(CoolDown.LONGEST);
    assertThat(late.load("k", failing), is(1));
    assertThat(
        late.loadAll(
            List.of("a", "b"),
            keys -> {
              throw noDatabase;
            }),
        is(Map.of("a", 1, "b", 1)));
    assertThat(loads.get(), is(0));
  }

  @Test
  void onceThePauseIsOverItsLeaseIsNoHindrance() {
    Parts late = parts();
    expired("k");
    assertThrows(IllegalStateException.class, () -> late.load("k", this::failWithRedis));
    network.accept();
    late.time.pass(LEASE);
    assertThat(late.load("k", () -> 2), is(2));
  }

  @Test
  void whoFindsTheLeaseOfALoadThatWentWellLoadsAtOnce() {
    Parts late = parts();
    expired("k");
    assertThat(
        late.load(
            "k",
            () -> {
              network.refuse();
              return 2;
            }),
        is(2));
    network.accept();
    assertThat(stored("k"), startsWith("#lease:"));
    late.time.pass(CoolDown.LONGEST);
    assertThat(late.load("k", () -> 3), is(3));
  }
}
