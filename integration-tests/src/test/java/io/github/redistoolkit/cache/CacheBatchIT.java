package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.aMapWithSize;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.SetParams;

@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
@Tag("smoke")
class CacheBatchIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final TestRedis redis;
  private final String prefix;
  private final CacheService<Integer> cache;

  CacheBatchIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("batch:");
    this.cache = Fixtures.builder(redis, prefix, Integer.class).build();
  }

  @AfterEach
  void givesEveryConnectionBack() {
    assertThat(redis.borrowed(), is(0));
  }

  private static Map<String, Integer> numbers(int count) {
    Map<String, Integer> numbers = new LinkedHashMap<>();
    IntStream.range(0, count).forEach(i -> numbers.put("key" + i, i));
    return numbers;
  }

  @Test
  void aBatchIsSetReadAndDeletedInOnePipeline() {
    Map<String, Integer> values = Map.of("key1", 1, "key2", 2, "key3", 3);
    cache.setAll(values, MINUTE);
    assertThat(cache.getAll(values.keySet()), is(values));
    assertThat(cache.get("key1").orElseThrow(), is(1));
    assertThat(cache.get("key2").orElseThrow(), is(2));
    assertThat(cache.deleteAll(values.keySet()), is(3L));
    assertThat(cache.getAll(values.keySet()), is(aMapWithSize(0)));
    assertThat(cache.deleteAll(values.keySet()), is(0L));
  }

  @Test
  void everyEntryOfABatchHasTheTtl() {
    cache.setAll(numbers(3), MINUTE);
    for (String key : numbers(3).keySet()) {
      long pttl = redis.admin().pttl(prefix + key);
      assertThat(pttl, is(allOf(greaterThan(50_000L), lessThanOrEqualTo(60_000L))));
    }
  }

  @Test
  void tenThousandKeysTravelInChunksOfOneRoundTrip() {
    Map<String, Integer> values = numbers(10_000);
    cache.setAll(values, MINUTE);
    long gets = redis.calls("get") + redis.calls("mget");
    Map<String, Integer> read = cache.getAll(values.keySet());
    assertThat(redis.calls("get") + redis.calls("mget") - gets, is(perKeyOnACluster(10)));
    assertThat(read, is(values));
    assertThat(List.copyOf(read.keySet()), is(List.copyOf(values.keySet())));
    assertThat(cache.deleteAll(values.keySet()), is(10_000L));
    long scripts = redis.calls("evalsha") + redis.calls("eval");
    assertThat(cache.deleteAll(values.keySet()), is(0L));
    assertThat(redis.calls("evalsha") + redis.calls("eval") - scripts, is(perKeyOnACluster(40)));
  }

  /** Commands for 10,000 keys: one for many keys, or pipelined ones for one key each. */
  private long perKeyOnACluster(long chunks) {
    return redis.topology() == Topology.CLUSTER ? 10_000 : chunks;
  }

  @Test
  void hitsComeInTheOrderOfTheRequestWithoutDuplicatesAndMisses() {
    cache.setAll(Map.of("a", 1, "b", 2, "c", 3), MINUTE);
    Map<String, Integer> found = cache.getAll(List.of("c", "nope", "a", "c", "b"));
    assertThat(found.keySet(), contains("c", "a", "b"));
    assertThat(cache.deleteAll(List.of("a", "a", "b")), is(2L));
  }

  @Test
  void anEmptyBatchSendsNothing() {
    try (Outage down = new Outage(redis)) {
      CacheService<Integer> cut = Fixtures.builder(down.redis(), Integer.class).build();
      assertThat(cut.getAll(List.of()), is(aMapWithSize(0)));
      cut.setAll(Map.of(), MINUTE);
      assertThat(cut.deleteAll(List.of()), is(0L));
      assertThrows(JedisException.class, () -> cut.getAll(List.of("a")));
      assertThrows(JedisException.class, () -> cut.setAll(Map.of("a", 1), MINUTE));
      assertThrows(JedisException.class, () -> cut.deleteAll(List.of("a")));
    }
  }

  @Test
  void aBatchWithABadKeyOrValueDoesNothing() {
    Map<String, Integer> withNull = new LinkedHashMap<>(Map.of("good", 1));
    withNull.put("bad", null);
    assertThrows(NullPointerException.class, () -> cache.setAll(withNull, MINUTE));
    Map<String, Integer> withEmpty = new LinkedHashMap<>(Map.of("good", 1));
    withEmpty.put("", 2);
    assertThrows(IllegalArgumentException.class, () -> cache.setAll(withEmpty, MINUTE));
    assertThrows(NullPointerException.class, () -> cache.getAll(Arrays.asList("good", null)));
    assertThrows(IllegalArgumentException.class, () -> cache.deleteAll(List.of("good", "")));
    assertThat(redis.admin().exists(prefix + "good"), is(false));
  }

  @Test
  void leasesHoldsAndOtherRedisTypesAreMissesInABatch() {
    cache.set("value", 1);
    redis.admin().set(prefix + "lease", "#lease:x", SetParams.setParams().px(60_000));
    redis.admin().set(prefix + "hold", "#hold:x@99999999999999", SetParams.setParams().px(60_000));
    redis.admin().lpush(prefix + "list", "x");
    List<String> keys = List.of("lease", "value", "hold", "list");
    assertThat(cache.getAll(keys), is(Map.of("value", 1)));
    assertThat(cache.deleteAll(keys), is(2L));
    assertThat(redis.admin().exists(prefix + "hold"), is(true));
    assertThat(redis.admin().exists(prefix + "lease"), is(false));
  }

  @Test
  void aPartialFailureNamesTheKeysThatFailed() {
    try (TestRedis user = redis.withKeys(prefix + "mine*")) {
      CacheService<Integer> limited = Fixtures.builder(user, prefix, Integer.class).build();
      Map<String, Integer> values = Map.of("mine1", 1, "theirs", 2, "mine2", 3);
      CacheBatchException failure =
          assertThrows(CacheBatchException.class, () -> limited.setAll(values, MINUTE));
      assertThat(failure.failedKeys(), is(Set.of("theirs")));
      assertThat(failure.getMessage(), containsString("1 of 3 keys failed: theirs"));
      assertThat(failure.getCause().getMessage(), containsString("NOPERM"));
      assertThat(cache.getAll(values.keySet()), is(Map.of("mine1", 1, "mine2", 3)));
      CacheBatchException unread =
          assertThrows(CacheBatchException.class, () -> limited.getAll(List.of("theirs")));
      assertThat(unread.failedKeys(), is(Set.of("theirs")));
      CacheBatchException undeleted =
          assertThrows(CacheBatchException.class, () -> limited.deleteAll(List.of("theirs")));
      assertThat(undeleted.failedKeys(), is(Set.of("theirs")));
    }
  }

  @Test
  void aPartialFailureOfLaterChunksNamesNoKeyOfTheFirst() {
    try (TestRedis user = redis.withKeys(prefix + "key*")) {
      CacheService<Integer> limited = Fixtures.builder(user, prefix, Integer.class).build();
      cache.setAll(numbers(Batches.CHUNK), MINUTE);
      List<String> read = new ArrayList<>(numbers(Batches.CHUNK).keySet());
      read.add("theirs");
      CacheBatchException unread =
          assertThrows(CacheBatchException.class, () -> limited.getAll(read));
      assertThat(unread.failedKeys(), hasItem("theirs"));
      assertThat(unread.failedKeys(), not(hasItem("key0")));
      List<String> deleted = new ArrayList<>(numbers(Batches.DELETE_CHUNK).keySet());
      deleted.add("theirs");
      CacheBatchException undeleted =
          assertThrows(CacheBatchException.class, () -> limited.deleteAll(deleted));
      assertThat(undeleted.failedKeys(), is(Set.of("theirs")));
      assertThat(undeleted.getMessage(), containsString("1 of 251 keys failed: theirs"));
      assertThat(cache.getAll(read), is(aMapWithSize(Batches.CHUNK - Batches.DELETE_CHUNK)));
    }
  }

  @Test
  void deletingABatchWorksWhenTheServerHasForgottenItsScripts() {
    cache.setAll(numbers(2500), MINUTE);
    redis.admin().scriptFlush();
    assertThat(cache.deleteAll(numbers(2500).keySet()), is(2500L));
  }

  @Test
  void aBatchOfDeletesIsSentTogetherAgainWhenTheServersHaveForgottenTheScript() {
    cache.setAll(numbers(2500), MINUTE);
    redis.admin().scriptFlush();
    try (FaultProxy network = redis.proxy();
        TestRedis far = redis.through(network)) {
      network.latency(Duration.ofMillis(20));
      CacheService<Integer> slow = Fixtures.builder(far, prefix, Integer.class).build();
      long start = System.nanoTime();
      assertThat(slow.deleteAll(numbers(2500).keySet()), is(2500L));
      // One by one they would take a round trip each: 50 seconds in a Cluster.
      assertThat(Duration.ofNanos(System.nanoTime() - start), is(lessThan(Duration.ofSeconds(10))));
    }
  }

  @Test
  void batchesOfSeveralCachesOverOneClientDoNotWaitForEachOther() throws Exception {
    ExecutorService threads = Executors.newCachedThreadPool();
    // One that hangs would do so for longer than all of this takes.
    try (TestRedis narrow = redis.impatient(Duration.ofMinutes(5)).withMaxTotal(1)) {
      List<Callable<Boolean>> batches = new ArrayList<>();
      for (int service = 0; service < 10; service++) {
        CacheService<Integer> mine =
            Fixtures.builder(narrow, prefix + service + ":", Integer.class).build();
        Map<String, Integer> values = numbers(200);
        batches.add(
            () -> {
              for (int i = 0; i < 20; i++) {
                mine.setAll(values, MINUTE);
                assertThat(mine.getAll(values.keySet()), is(values));
              }
              return true;
            });
      }
      List<Future<Boolean>> done = threads.invokeAll(batches, 2, TimeUnit.MINUTES);
      for (Future<Boolean> batch : done) {
        assertThat("came to an end", batch.isCancelled(), is(false));
        assertThat(batch.get(), is(true));
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void fiftyBatchesAtATimeShareTwoConnections() throws Exception {
    Map<String, Integer> values = numbers(Matrix.size(500, 10_000));
    cache.setAll(values, MINUTE);
    ExecutorService threads = Executors.newFixedThreadPool(50);
    try (TestRedis small = redis.withMaxTotal(2)) {
      CacheService<Integer> narrow = Fixtures.builder(small, prefix, Integer.class).build();
      List<Callable<Boolean>> reads =
          Collections.nCopies(25, () -> narrow.getAll(values.keySet()).equals(values));
      List<Callable<Boolean>> writes =
          Collections.nCopies(
              25,
              () -> {
                narrow.setAll(values, MINUTE);
                return true;
              });
      List<Callable<Boolean>> mixed = new ArrayList<>(reads);
      mixed.addAll(writes);
      for (Future<Boolean> batch : threads.invokeAll(mixed)) {
        assertThat(batch.get(), is(true));
      }
      long removed = 0;
      List<Callable<Long>> deletes =
          Collections.nCopies(50, () -> narrow.deleteAll(values.keySet()));
      for (Future<Long> delete : threads.invokeAll(deletes)) {
        removed += delete.get();
      }
      // Each entry was deleted by one of the fifty.
      assertThat(removed, is((long) values.size()));
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void clearingRemovesThisPrefixAndNothingElse() {
    cache.setAll(numbers(2500), MINUTE);
    List<String> others = List.of(prefix.substring(0, prefix.length() - 1), "x" + prefix + "key1");
    others.forEach(other -> redis.admin().set(other, "other"));
    long forbidden = redis.calls("keys") + redis.calls("flushdb") + redis.calls("flushall");
    assertThat(cache.clear(), is(2500L));
    assertThat(
        redis.calls("keys") + redis.calls("flushdb") + redis.calls("flushall"), is(forbidden));
    others.forEach(other -> assertThat(redis.admin().get(other), is("other")));
    assertThat(cache.clear(), is(0L));
  }

  @Test
  void globCharactersInThePrefixAreLiteral() {
    String literal = redis.unique("a*b?[c]\\^-:");
    CacheService<Integer> odd = Fixtures.builder(redis, literal, Integer.class).build();
    odd.set("1", 1);
    List<String> decoys =
        List.of(
            literal.replace("*", "xx") + "1",
            literal.replace("?", "y") + "1",
            literal.replace("[c]", "c") + "1",
            literal.replace("*", "xx").replace("?", "y").replace("[c]", "c") + "1");
    decoys.forEach(decoy -> redis.admin().set(decoy, "other"));
    assertThat(odd.clear(), is(1L));
    decoys.forEach(decoy -> assertThat(redis.admin().get(decoy), is("other")));
  }

  @Test
  void keysOfABatchExceptionAreLimitedInTheMessageOnly() {
    List<String> keys = List.copyOf(numbers(100).keySet());
    CacheBatchException failure = new CacheBatchException(keys, 100, new JedisException("first"));
    assertThat(failure.failedKeys().size(), is(100));
    assertThat(failure.getMessage(), not(containsString("key50")));
  }
}
