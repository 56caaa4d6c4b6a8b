package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import com.google.gson.JsonParser;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Entries that are loaded again before they end. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class CacheRefreshIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final TestRedis redis;
  private final String prefix;
  private final ExecutorService background = Executors.newFixedThreadPool(4);
  private final List<CacheService<Integer>> jvms = new ArrayList<>();
  private final CacheService<Integer> cache;
  private final AtomicInteger loads = new AtomicInteger();

  CacheRefreshIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("refresh:");
    for (int i = 0; i < 4; i++) {
      jvms.add(
          Fixtures.builder(redis, prefix, Integer.class).earlyRefresh(0.5, background).build());
    }
    this.cache = jvms.get(0);
  }

  @AfterEach
  void endsWhatItStarted() throws InterruptedException {
    background.shutdownNow();
    assertThat(background.awaitTermination(1, TimeUnit.MINUTES), is(true));
    jvms.forEach(CacheService::close);
  }

  private long pttl() {
    return redis.admin().pttl(prefix + "k");
  }

  @Test
  void aHitThatIsNotNearTheEndRefreshesNothing() {
    cache.set("k", 1, MINUTE);
    for (int i = 0; i < 20; i++) {
      assertThat(cache.getOrLoad("k", MINUTE, loads::incrementAndGet), is(1));
    }
    assertThat(cache.stats().earlyLoads(), is(0L));
    assertThat(loads.get(), is(0));
  }

  @Test
  void oneJvmOfTheFleetRefreshesWhileAllReadOn() throws Exception {
    cache.set("k", 1, Duration.ofSeconds(20));
    CountDownLatch end = new CountDownLatch(1);
    Loader<Integer> slow =
        () -> {
          loads.incrementAndGet();
          end.await();
          return 2;
        };
    for (int i = 0; i < 20; i++) {
      for (CacheService<Integer> jvm : jvms) {
        assertThat(jvm.getOrLoad("k", MINUTE, slow), is(1));
      }
    }
    Awaitility.await().until(() -> loads.get() == 1);
    // Other programs read the value too: only white space stands behind it.
    String stored = redis.admin().get(prefix + "k");
    assertThat(stored.length(), is(101));
    assertThat(JsonParser.parseString(stored).getAsInt(), is(1));
    assertThat(cache.getAll(List.of("k")).get("k"), is(1));
    end.countDown();
    Awaitility.await().until(() -> cache.get("k").equals(Optional.of(2)));
    assertThat(pttl(), is(greaterThan(50_000L)));
    assertThat(redis.admin().get(prefix + "k"), is("2"));
    assertThat(loads.get(), is(1));
    assertThat(jvms.stream().mapToLong(jvm -> jvm.stats().earlyLoads()).sum(), is(1L));
  }

  @Test
  void aRefreshThatIsOvertakenIsNotStored() throws Exception {
    for (Runnable overtaking :
        List.<Runnable>of(() -> jvms.get(1).set("k", 1), () -> jvms.get(1).delete("k"))) {
      cache.set("k", 1, Duration.ofSeconds(20));
      CountDownLatch begun = new CountDownLatch(1);
      CountDownLatch end = new CountDownLatch(1);
      long refused = cache.stats().refusedFills();
      Awaitility.await()
          .until(
              () -> {
                int read =
                    cache.getOrLoad(
                        "k",
                        MINUTE,
                        () -> {
                          begun.countDown();
                          end.await();
                          return 2;
                        });
                return read == 1 && begun.getCount() == 0;
              });
      // The same value again: what the refresh began with looks no different.
      overtaking.run();
      Optional<Integer> newer = cache.get("k");
      end.countDown();
      Awaitility.await().until(() -> cache.stats().refusedFills() == refused + 1);
      assertThat(cache.get("k"), is(newer));
    }
  }

  @Test
  void aRefreshThatFailsLeavesTheEntryAndItsLife() {
    cache.set("k", 1, Duration.ofSeconds(20));
    Loader<Integer> failing =
        () -> {
          loads.incrementAndGet();
          throw new IllegalStateException("no database");
        };
    Awaitility.await().until(() -> cache.getOrLoad("k", MINUTE, failing) == 1 && loads.get() == 1);
    Awaitility.await().until(() -> cache.stats().loadFailures() == 1);
    for (int i = 0; i < 20; i++) {
      assertThat(cache.getOrLoad("k", MINUTE, failing), is(1));
    }
    assertThat(pttl(), is(lessThanOrEqualTo(20_000L)));
    assertThat(pttl(), is(greaterThan(0L)));
    // It is tried again after a lease.
    Awaitility.await()
        .atMost(Duration.ofSeconds(15))
        .until(() -> cache.getOrLoad("k", MINUTE, failing) == 1 && loads.get() >= 2);
  }
}
