package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.cache.CacheStats.NearMode;
import io.github.redistoolkit.cache.CacheStats.NearState;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;

/** Proves that a near cache hears of changes, and in which way. */
final class NearHearing {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private NearHearing() {}

  static void require(TestRedis redis, TestRedis through, NearMode mode) {
    String prefix = redis.unique("mode:");
    try (CacheService<String> cache =
            through.over(
                pool -> CacheService.builder(pool, prefix, String.class).nearCache(10).build(),
                used -> CacheService.builder(used, prefix, String.class).nearCache(10).build());
        CacheService<String> other = new CacheService<>(redis.admin(), prefix, String.class)) {
      other.set("key", "1", MINUTE);
      // In a Cluster, a node is heard from the first read of it on.
      assertThat(cache.get("key").orElseThrow(), is("1"));
      for (int i = 2; i < 5; i++) {
        // Copies are answered for a while after the connection was killed.
        await("it hears Redis in this way").until(() -> cache.stats().near().mode(), is(mode));
        awaitNear(cache);
        String changed = String.valueOf(i);
        other.set("key", changed, MINUTE);
        await("what others write is seen").until(() -> cache.get("key").orElseThrow(), is(changed));
        assertThat(cache.stats().near().state(), is(NearState.ON));
        if (i == 3) {
          assertThat(through.killClients("pubsub"), is(greaterThan(0)));
        }
      }
      awaitNear(cache);
      redis.removeKeys();
      await("that all is gone is seen").until(() -> cache.get("key").isEmpty());
    }
  }

  private static void awaitNear(CacheService<String> cache) {
    await("the near cache answers")
        .until(
            () -> {
              long before = cache.stats().nearHits();
              return cache.get("key").isPresent() && cache.stats().nearHits() > before;
            });
  }

  private static ConditionFactory await(String what) {
    return Awaitility.await(what)
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(20))
        .atMost(Duration.ofSeconds(30));
  }
}
