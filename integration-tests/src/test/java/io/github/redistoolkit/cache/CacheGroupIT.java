package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Entries that are invalidated together. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class CacheGroupIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final TestRedis redis;
  private final String prefix;
  private final CacheService<Integer> cache;
  private final CacheService<Integer> otherJvm;

  CacheGroupIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("group:");
    this.cache = Fixtures.builder(redis, prefix, Integer.class).build();
    this.otherJvm = Fixtures.builder(redis, prefix, Integer.class).build();
  }

  @AfterEach
  void closeCaches() {
    cache.close();
    otherJvm.close();
  }

  @Test
  void allEntriesOfAGroupAreGoneAtOnceAndThoseOfOthersStay() {
    CacheGroup<Integer> group = cache.group("a");
    IntStream.range(0, 100).forEach(i -> group.set("k" + i, i, MINUTE));
    cache.group("b").set("k1", -1, MINUTE);
    cache.set("k1", -2);
    IntStream.range(0, 100)
        .forEach(i -> assertThat(otherJvm.group("a").get("k" + i), is(Optional.of(i))));
    otherJvm.invalidateGroup("a");
    IntStream.range(0, 100).forEach(i -> assertThat(group.get("k" + i), is(Optional.empty())));
    assertThat(cache.group("b").get("k1"), is(Optional.of(-1)));
    assertThat(cache.get("k1"), is(Optional.of(-2)));
    assertThat(group.getOrLoad("k1", MINUTE, () -> 7), is(7));
    assertThat(otherJvm.group("a").get("k1"), is(Optional.of(7)));
    assertThat(group.delete("k1"), is(true));
    assertThat(group.delete("k1"), is(false));
  }

  @Test
  void anInvalidationIsOneCommandWhateverTheNumberOfEntries() {
    cache.invalidateGroup("a"); // makes the script known where this group is
    CacheGroup<Integer> group = cache.group("a");
    IntStream.range(0, 50).forEach(i -> group.set("k" + i, i, MINUTE));
    long before = redis.calls("evalsha") + redis.calls("eval");
    cache.invalidateGroup("a");
    assertThat(redis.calls("evalsha") + redis.calls("eval") - before, is(1L));
  }

  @Test
  void anEntryOfSeveralNamesGoesWithAnyOfThem() {
    for (String name : new String[] {"a", "b"}) {
      cache.group("a", "b").set("k", 1, MINUTE);
      assertThat(otherJvm.group("b", "a").get("k"), is(Optional.of(1)));
      otherJvm.invalidateGroup(name);
      assertThat(cache.group("a", "b").get("k"), is(Optional.empty()));
    }
  }

  @Test
  void aLoadThatIsUnderWayWhenItsGroupIsInvalidatedIsNotFoundLater() {
    int value =
        cache
            .group("a")
            .getOrLoad(
                "k",
                MINUTE,
                () -> {
                  otherJvm.invalidateGroup("a");
                  assertThat(otherJvm.group("a").getOrLoad("k", MINUTE, () -> 2), is(2));
                  return 1;
                });
    assertThat(value, is(1));
    assertThat(cache.group("a").get("k"), is(Optional.of(2)));
  }

  @Test
  void whileAGroupIsUpdatedNothingOfItIsCached() {
    AtomicInteger database = new AtomicInteger(1);
    CacheGroup<Integer> group = cache.group("a");
    assertThat(group.getOrLoad("k", MINUTE, database::get), is(1));
    try (CacheUpdate update = cache.beginGroupUpdate("a")) {
      assertThat(otherJvm.group("a").getOrLoad("k", MINUTE, database::get), is(1));
      assertThat(group.get("k"), is(Optional.empty()));
      database.set(2);
      update.commit();
    }
    assertThat(otherJvm.group("a").getOrLoad("k", MINUTE, database::get), is(2));
    assertThat(group.get("k"), is(Optional.of(2)));
  }

  @Test
  void withoutRedisLoadsOfDifferentGroupsAreNotTakenForEachOther() throws Exception {
    try (Outage down = new Outage(redis)) {
      CacheService<Integer> alone = Fixtures.builder(down.redis(), prefix, Integer.class).build();
      assertThat(alone.group("a").getOrLoad("k", MINUTE, () -> 1), is(1));
      assertThat(alone.group("b").getOrLoad("k", MINUTE, () -> 2), is(2));
      alone.close();
    }
  }

  @Test
  void versionsAreReadNearWithANearCache() {
    try (CacheService<Integer> near =
        Fixtures.builder(redis, prefix, Integer.class).nearCache(100).build()) {
      CacheGroup<Integer> group = near.group("a");
      group.set("k", 1, MINUTE);
      Awaitility.await()
          .atMost(Duration.ofSeconds(30))
          .until(
              () -> {
                long before = redis.calls("get") + redis.calls("mget");
                boolean there = group.get("k").isPresent();
                return there && redis.calls("get") + redis.calls("mget") == before;
              });
      otherJvm.invalidateGroup("a");
      Awaitility.await().atMost(Duration.ofSeconds(3)).until(() -> group.get("k").isEmpty());
    }
  }

  @Test
  void badNamesAreRefused() {
    assertThrows(NullPointerException.class, () -> cache.group(null));
    assertThrows(IllegalArgumentException.class, () -> cache.group(""));
    assertThrows(IllegalArgumentException.class, () -> cache.invalidateGroup(""));
  }
}
