package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.cache.CacheStats.NearState;
import io.github.redistoolkit.core.FreshLog;
import io.github.redistoolkit.pubsub.CapturedLog;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;

/** What the log says of a near cache that is kept off: why, when that changes, and no more. */
@EachClient
class CacheNearLogIT {

  /** What one cause may take: a line at once, and one for each time that what was held back. */
  private static final int LINES_OF_A_CAUSE = 3;

  private final TestRedis redis;

  CacheNearLogIT(TestRedis redis) {
    this.redis = redis.ours();
  }

  @Test
  void saysWhyItIsOffAtOnceAndAgainWhenThatChangesAndDoesNotFlood() {
    FreshLog.of(CacheService.class);
    String prefix = redis.unique("log:");
    try (CapturedLog log = new CapturedLog();
        TestRedis user = redis.withoutCommands("client|tracking");
        CacheService<String> cache =
            user.over(
                pool -> CacheService.builder(pool, prefix, String.class).nearCache(10).build(),
                used -> CacheService.builder(used, prefix, String.class).nearCache(10).build())) {
      long before = rejected("client|tracking");
      await("it begins").until(() -> warnings(log, "NOPERM", "client|tracking").size() > 0);
      await("it lasts").until(() -> rejected("client|tracking") - before >= 16);
      assertFew(warnings(log, "NOPERM", "client|tracking"));

      user.allow("resetpass", ">another");
      // Were it taken for the same event, it would be held back for 20 seconds.
      await("another cause")
          .atMost(Duration.ofSeconds(8))
          .until(() -> warnings(log, "WRONGPASS").size() > 0);
      assertFew(warnings(log, "WRONGPASS"));

      user.allow("nopass", "+client|tracking", "-publish");
      await("one of the prober").until(() -> warnings(log, "NOPERM", "'publish'").size() > 0);
      assertFew(warnings(log, "NOPERM", "'publish'"));

      user.allow("+publish");
      await("it is on")
          .until(() -> cache.get("key").isEmpty() && cache.stats().near().state() == NearState.ON);
      List<String> all = warnings(log, "Near caches");
      assertThat(all.toString(), all.size(), lessThanOrEqualTo(5 * LINES_OF_A_CAUSE));
      assertThat(log.text(), log.text().contains("another"), is(false));
    }
  }

  @Test
  void saysWhyNoConnectionIsToBeHadThoughProbesWereRefusedBefore() {
    FreshLog.of(CacheService.class);
    String prefix = redis.unique("log:");
    try (CapturedLog log = new CapturedLog();
        TestRedis user = redis.withoutCommands("publish", "spublish");
        CacheService<String> cache =
            user.over(
                pool -> CacheService.builder(pool, prefix, String.class).nearCache(10).build(),
                used -> CacheService.builder(used, prefix, String.class).nearCache(10).build())) {
      assertThat(cache.get("key").isEmpty(), is(true));
      await("probes are refused").until(() -> warnings(log, "NOPERM", "publish'").size() > 0);
      user.allow("resetpass", ">another");
      await("no connection is to be had").until(() -> warnings(log, "WRONGPASS").size() > 0);
    }
  }

  @Test
  void saysNothingWhenOtherPrefixesAreAddedAndItIsToHearOfThemToo() {
    FreshLog.of(CacheService.class);
    String prefix = redis.unique("log:");
    try (CapturedLog log = new CapturedLog();
        TestRedis client = redis.with(config -> {})) {
      List<CacheService<String>> caches = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        String each = prefix + i + ":";
        caches.add(
            client.over(
                pool -> CacheService.builder(pool, each, String.class).nearCache(10).build(),
                used -> CacheService.builder(used, each, String.class).nearCache(10).build()));
        if (i > 0) { // the second one while the first connection is being made
          awaitOn(caches);
        }
      }
      caches.forEach(CacheService::close);
      assertThat(warnings(log, "Near caches"), is(empty()));
    }
  }

  private static void awaitOn(List<CacheService<String>> caches) {
    await("all are on")
        .until(
            () ->
                caches.stream()
                    .allMatch(
                        cache ->
                            cache.get("key").isEmpty()
                                && cache.stats().near().state() == NearState.ON));
  }

  private static void assertFew(List<String> lines) {
    assertThat(lines.toString(), lines.size(), lessThanOrEqualTo(LINES_OF_A_CAUSE));
  }

  private static List<String> warnings(CapturedLog log, String... parts) {
    return log.text()
        .lines()
        .filter(line -> line.contains(" WARN ") && List.of(parts).stream().allMatch(line::contains))
        .toList();
  }

  /** How often the server has refused a command for want of a permission. */
  private long rejected(String command) {
    long rejected = 0;
    for (HostAndPort node : redis.nodes()) {
      try (Jedis jedis = redis.open(node)) {
        rejected +=
            jedis
                .info("commandstats")
                .lines()
                .filter(line -> line.startsWith("cmdstat_" + command + ":"))
                .mapToLong(
                    line -> Long.parseLong(line.replaceAll(".*rejected_calls=(\\d+).*", "$1")))
                .sum();
      }
    }
    return rejected;
  }

  private static ConditionFactory await(String what) {
    return Awaitility.await(what)
        .pollDelay(Duration.ZERO)
        .pollInterval(Duration.ofMillis(50))
        .atMost(Duration.ofSeconds(30));
  }
}
