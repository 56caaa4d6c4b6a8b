package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Servers that make room by evicting entries. */
@EachClient(topologies = Topology.STANDALONE)
class CacheEvictionIT {

  private static final Duration HOUR = Duration.ofHours(1);

  private final TestRedis shared;

  CacheEvictionIT(TestRedis shared) {
    this.shared = shared;
  }

  @Test
  void readingManyLargeValuesAtOnceEvictsNone() {
    PrivateRedis server =
        shared.privateServers("maxmemory 120mb", "maxmemory-policy allkeys-lru", "save \"\"");
    try (CacheService<String> cache =
        Fixtures.builder(server.redis(), "large:", String.class).build()) {
      Map<String, String> large =
          IntStream.range(0, 800)
              .boxed()
              .collect(Collectors.toMap(i -> "k" + i, i -> i + "x".repeat(100_000)));
      cache.setAll(large, HOUR);
      assertThat(server.redis().admin().dbSize(), is(800L));
      assertThat(cache.getAll(large.keySet()).size(), is(800));
      assertThat(server.redis().admin().dbSize(), is(800L));
    }
  }

  @Test
  void leasesAreNotEvictedBeforeEntriesWhereWhatExpiresFirstIs() throws Exception {
    PrivateRedis server =
        shared.privateServers("maxmemory 20mb", "maxmemory-policy volatile-ttl", "save \"\"");
    ExecutorService threads = Executors.newCachedThreadPool();
    try (CacheService<String> cache =
        Fixtures.builder(server.redis(), "full:", String.class).build()) {
      // What there is expires sooner than what is being loaded.
      Map<String, String> filling =
          IntStream.range(0, 400)
              .boxed()
              .collect(Collectors.toMap(i -> "old" + i, i -> "x".repeat(40_000)));
      cache.setAll(filling, Duration.ofMinutes(10));
      int loads = 50;
      CountDownLatch begun = new CountDownLatch(loads);
      CountDownLatch full = new CountDownLatch(1);
      List<Future<String>> callers = new ArrayList<>();
      for (int i = 0; i < loads; i++) {
        String key = "new" + i;
        callers.add(
            threads.submit(
                () ->
                    cache.getOrLoad(
                        key,
                        HOUR,
                        () -> {
                          begun.countDown();
                          full.await();
                          return "v";
                        })));
      }
      assertThat(begun.await(1, TimeUnit.MINUTES), is(true));
      cache.setAll(
          IntStream.range(0, 200)
              .boxed()
              .collect(Collectors.toMap(i -> "more" + i, i -> "x".repeat(40_000))),
          Duration.ofMinutes(20));
      full.countDown();
      for (Future<String> caller : callers) {
        assertThat(caller.get(1, TimeUnit.MINUTES), is("v"));
      }
      // Eviction looks at samples, so now and then it is not the entry that expires first.
      assertThat(cache.stats().refusedFills(), is(lessThan(5L)));
    } finally {
      threads.shutdownNow();
    }
  }
}
