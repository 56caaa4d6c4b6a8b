package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.sameInstance;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.GsonBuilder;
import com.google.gson.JsonParser;
import com.google.gson.TypeAdapter;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonWriter;
import io.github.redistoolkit.core.CoreAccess;
import io.github.redistoolkit.core.FreshLog;
import io.github.redistoolkit.pubsub.CapturedLog;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.params.SetParams;

/** Entries past their time to live that are returned when the loader throws. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class CacheStaleIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final Duration HOUR = Duration.ofHours(1);
  private static final Duration SHORT = Duration.ofMillis(1);
  private static final Duration LEASE = Duration.ofSeconds(20);

  private final TestRedis redis;
  private final String prefix;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final ConcurrentLinkedQueue<String> told = new ConcurrentLinkedQueue<>();
  private final List<CacheService<Integer>> caches = new ArrayList<>();
  private final CacheService<Integer> cache;
  private final CacheService<Integer> otherJvm;

  /** Does not keep entries past their time, nor ask for lives. */
  private final CacheService<Integer> plain;

  private final AtomicInteger loads = new AtomicInteger();
  private final IllegalStateException noDatabase = new IllegalStateException("no database");
  private final Loader<Integer> failing =
      () -> {
        loads.incrementAndGet();
        throw noDatabase;
      };

  CacheStaleIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("stale:");
    this.cache = opened(stale());
    this.otherJvm = opened(stale());
    this.plain = opened(Fixtures.builder(redis, prefix, Integer.class));
  }

  private CacheService.Builder<Integer> stale() {
    return Fixtures.builder(redis, prefix, Integer.class)
        .staleIfError(HOUR)
        .lease(LEASE)
        .listener(
            new CacheListener() {
              @Override
              public void onStale(String key) {
                told.add(key);
              }
            });
  }

  private CacheService<Integer> opened(CacheService.Builder<Integer> builder) {
    CacheService<Integer> opened = builder.build();
    caches.add(opened);
    return opened;
  }

  @AfterEach
  void endsWhatItStarted() throws InterruptedException {
    threads.shutdownNow();
    assertThat(threads.awaitTermination(1, TimeUnit.MINUTES), is(true));
    caches.forEach(CacheService::close);
  }

  /** Stores 1, which is soon past its time. */
  private void expired(String key) {
    cache.set(key, 1, SHORT);
    Awaitility.await().until(() -> cache.ttl(key).isEmpty());
  }

  private long pttl(String key) {
    return redis.admin().pttl(prefix + key);
  }

  private String stored(String key) {
    return redis.admin().get(prefix + key);
  }

  @Test
  void anEntryPastItsTimeIsReturnedIfTheLoaderThrows() {
    expired("k");
    assertThat(cache.getOrLoad("k", MINUTE, failing), is(1));
    assertThat(loads.get(), is(1));
    assertThat(cache.stats().staleHits(), is(1L));
    assertThat(cache.stats().loadFailures(), is(1L));
    assertThat(List.copyOf(told), is(List.of("k")));
  }

  @Test
  void itIsLoadedAsEverIfTheLoaderDoesNot() {
    expired("k");
    assertThat(cache.getOrLoad("k", MINUTE, () -> 2), is(2));
    assertThat(cache.get("k"), is(Optional.of(2)));
    assertThat(cache.stats().staleHits(), is(0L));
    assertThat(cache.ttl("k").orElseThrow(), is(lessThanOrEqualTo(MINUTE)));
    assertThat(pttl("k"), is(allOf(greaterThan(3_600_000L), lessThanOrEqualTo(3_660_000L))));
  }

  @Test
  void nothingButALoadSeesIt() {
    for (CacheService<Integer> each : caches) {
      expired("k");
      assertThat(each.get("k"), is(Optional.empty()));
      assertThat(each.getAll(List.of("k")), is(Map.of()));
      assertThat(each.ttl("k"), is(Optional.empty()));
      assertThat(each.touch("k", MINUTE), is(false));
      assertThat(each.replace("k", 3, MINUTE), is(false));
      assertThat(each.putIfAbsent("k", 3, MINUTE), is(true));
      assertThat(each.get("k"), is(Optional.of(3)));
      expired("k");
      assertThat(each.delete("k"), is(false));
      assertThat(stored("k"), is(nullValue()));
      expired("k");
      assertThat(each.deleteAll(List.of("k")), is(0L));
    }
  }

  @Test
  void whatIsFreshIsSeenByAllAsItIs() {
    cache.set("k", 1, MINUTE);
    for (CacheService<Integer> each : caches) {
      assertThat(each.get("k"), is(Optional.of(1)));
      assertThat(each.getAll(List.of("k")), is(Map.of("k", 1)));
      assertThat(each.ttl("k").orElseThrow(), is(lessThanOrEqualTo(MINUTE)));
      assertThat(each.getOrLoad("k", MINUTE, failing), is(1));
      assertThat(each.touch("k", MINUTE.multipliedBy(2)), is(true));
      assertThat(each.ttl("k").orElseThrow(), is(greaterThan(MINUTE)));
      assertThat(pttl("k"), is(greaterThan(3_660_000L)));
      assertThat(each.putIfAbsent("k", 3, MINUTE), is(false));
      assertThat(each.replace("k", 1, MINUTE), is(true));
    }
    cache.set("k", 1, MINUTE);
    // Other programs read the value too: only white space stands before it.
    assertThat(stored("k").length(), is(101));
    assertThat(JsonParser.parseString(stored("k")).getAsInt(), is(1));
    assertThat(plain.delete("k"), is(true));
  }

  @Test
  void afterAFailureTheFleetTriesAgainOnlyAfterALease() {
    expired("k");
    for (int i = 0; i < 10; i++) {
      assertThat(cache.getOrLoad("k", MINUTE, failing), is(1));
      assertThat(otherJvm.getOrLoad("k", MINUTE, failing), is(1));
      assertThat(otherJvm.getAll(List.of("k"), MINUTE, keys -> Map.of("k", 9)), is(Map.of("k", 1)));
    }
    assertThat(loads.get(), is(1));
    assertThat(otherJvm.stats().staleHits(), is(20L));
    // One that keeps nothing past its time loads all the same.
    assertThat(plain.getOrLoad("k", MINUTE, () -> 2), is(2));

    CacheService<Integer> soonAgain = opened(stale().lease(Duration.ofMillis(100)));
    expired("k");
    assertThat(soonAgain.getOrLoad("k", MINUTE, failing), is(1));
    Awaitility.await().until(() -> soonAgain.getOrLoad("k", MINUTE, () -> 2) == 2);
  }

  @Test
  void allWhoWaitForTheLoadGetIt() throws Exception {
    expired("k");
    CountDownLatch end = new CountDownLatch(1);
    CompletableFuture<Integer> first =
        CompletableFuture.supplyAsync(
            () ->
                cache.getOrLoad(
                    "k",
                    MINUTE,
                    () -> {
                      end.await();
                      return failing.load();
                    }),
            threads);
    Awaitility.await().until(() -> String.valueOf(stored("k")).startsWith("#lease:"));
    List<CompletableFuture<Integer>> others = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      CacheService<Integer> jvm = i % 2 == 0 ? cache : otherJvm;
      others.add(CompletableFuture.supplyAsync(() -> jvm.getOrLoad("k", MINUTE, failing), threads));
    }
    Awaitility.await().until(() -> Fixtures.waitingIn(Waits.class, "join") == 4);
    assertThat(plain.get("k"), is(Optional.empty()));
    end.countDown();
    assertThat(first.get(1, TimeUnit.MINUTES), is(1));
    for (CompletableFuture<Integer> other : others) {
      assertThat(other.get(1, TimeUnit.MINUTES), is(1));
    }
    assertThat(loads.get(), is(1));
  }

  @Test
  void aLeaseOfAJvmThatEndedHandsOnWhatItKept() {
    expired("k");
    String value = stored("k");
    CompletableFuture<Integer> first =
        CompletableFuture.supplyAsync(
            () ->
                cache.getOrLoad(
                    "k",
                    MINUTE,
                    () -> {
                      new CountDownLatch(1).await();
                      return 2;
                    }),
            threads);
    Awaitility.await().until(() -> String.valueOf(stored("k")).startsWith("#lease:"));
    String kept = stored("k");
    assertThat(kept.substring(kept.indexOf('\n')).length(), is(value.length()));
    // As it is once the lease has ended.
    redis
        .admin()
        .set(
            prefix + "k",
            "#lease:elsewhere@1000000000000" + kept.substring(kept.indexOf('\n')),
            SetParams.setParams().px(60_000));
    assertThat(otherJvm.getOrLoad("k", MINUTE, failing), is(1));
    assertThat(loads.get(), is(1));
    assertThat(first.cancel(true), is(true));
  }

  @Test
  void whatOvertakesTheLoadRemovesIt() {
    CacheAside<String, Integer> rows = new CacheAside<>(cache, MINUTE, id -> id, id -> null);
    for (Runnable overtaking :
        List.<Runnable>of(() -> otherJvm.delete("k"), () -> rows.update("k", () -> 2))) {
      expired("k");
      Loader<Integer> overtaken =
          () -> {
            overtaking.run();
            throw noDatabase;
          };
      assertThat(
          assertThrows(IllegalStateException.class, () -> cache.getOrLoad("k", MINUTE, overtaken)),
          is(sameInstance(noDatabase)));
      assertThat(stored("k"), is(nullValue()));
    }
    expired("k");
    assertThat(
        cache.getOrLoad(
            "k",
            MINUTE,
            () -> {
              otherJvm.set("k", 5, MINUTE);
              throw noDatabase;
            }),
        is(5));
  }

  @Test
  void anUpdateLeavesNothingOfIt() {
    expired("k");
    CacheAside<String, Integer> rows = new CacheAside<>(cache, MINUTE, id -> id, id -> null);
    try (CacheUpdate update = rows.beginUpdate("k")) {
      assertThat(stored("k"), startsWith("#hold:"));
      assertThrows(IllegalStateException.class, () -> otherJvm.getOrLoad("k", MINUTE, failing));
      update.commit();
    }
    assertThrows(IllegalStateException.class, () -> cache.getOrLoad("k", MINUTE, failing));
  }

  @Test
  void aRowThatIsGoneTakesItWithIt() {
    expired("k");
    assertThat(cache.getOrLoad("k", MINUTE, () -> null), is(nullValue()));
    assertThat(stored("k"), is(nullValue()));
  }

  @Test
  void anInvalidatedGroupHasNone() {
    CacheGroup<Integer> group = cache.group("customer:7");
    group.set("k", 1, SHORT);
    Awaitility.await().until(() -> group.get("k").isEmpty());
    assertThat(group.getOrLoad("k", MINUTE, failing), is(1));
    otherJvm.invalidateGroup("customer:7");
    assertThrows(IllegalStateException.class, () -> group.getOrLoad("k", MINUTE, failing));
  }

  @Test
  void aBatchHasThemIfThereIsOneForEachKey() {
    expired("a");
    expired("b");
    BulkLoader<Integer> failingAll =
        keys -> {
          throw noDatabase;
        };
    assertThat(
        assertThrows(
            IllegalStateException.class,
            () -> cache.getAll(List.of("a", "b", "c"), MINUTE, failingAll)),
        is(sameInstance(noDatabase)));
    // "c" has nothing; the others are there again, and not loaded for a while.
    assertThat(cache.getAll(List.of("a", "b"), MINUTE, failingAll), is(Map.of("a", 1, "b", 1)));
    expired("d");
    expired("e");
    assertThat(cache.getAll(List.of("d", "e"), MINUTE, failingAll), is(Map.of("d", 1, "e", 1)));
  }

  @Test
  void theFailureThatIsNotThrownIsLoggedWithoutWhatItSays() {
    expired("k\n");
    expired("l");
    FreshLog.of(CacheService.class);
    try (CapturedLog log = new CapturedLog()) {
      assertThat(cache.getOrLoad("k\n", MINUTE, failing), is(1));
      assertThat(
          log.warnsOf(
              "A load failed, and what there was is returned instead"
                  + " (java.lang.IllegalStateException): key k\\u000A, of 1 in all"),
          is(true));
      expired("m");
      BulkLoader<Integer> failingAll =
          keys -> {
            throw new IllegalArgumentException(noDatabase);
          };
      assertThat(cache.getAll(List.of("l", "m"), MINUTE, failingAll), is(Map.of("l", 1, "m", 1)));
      assertThat(
          log.warnsOf(
              "(java.lang.IllegalArgumentException <- java.lang.IllegalStateException):"
                  + " key l, of 2 in all"),
          is(true));
      assertThat(log.text(), not(containsString("no database")));
    }
  }

  /** Which cannot be encoded while it is told so. */
  private record Odd(int number) {}

  @Test
  void whatCannotBePassedOnIsNothingAndNobodyWaitsForIt() throws Exception {
    AtomicBoolean refuses = new AtomicBoolean();
    TypeAdapter<Odd> adapter =
        new TypeAdapter<>() {
          @Override
          public void write(JsonWriter out, Odd value) throws IOException {
            if (refuses.get()) {
              throw new IllegalArgumentException("on purpose");
            }
            out.value(value.number());
          }

          @Override
          public Odd read(JsonReader in) throws IOException {
            return new Odd(in.nextInt());
          }
        };
    try (CacheService<Odd> odd =
        Fixtures.builder(redis, prefix, Odd.class)
            .gson(new GsonBuilder().registerTypeAdapter(Odd.class, adapter.nullSafe()).create())
            .staleIfError(HOUR)
            .build()) {
      odd.setAll(Map.of("a", new Odd(1), "b", new Odd(2), "c", new Odd(3)), SHORT);
      for (String key : List.of("a", "b", "c")) {
        Awaitility.await().until(() -> odd.ttl(key).isEmpty());
      }
      refuses.set(true);
      assertThat(
          assertThrows(
              IllegalStateException.class,
              () ->
                  odd.getOrLoad(
                      "a",
                      MINUTE,
                      () -> {
                        throw noDatabase;
                      })),
          is(sameInstance(noDatabase)));

      CountDownLatch begun = new CountDownLatch(1);
      CountDownLatch end = new CountDownLatch(1);
      Future<Map<String, Odd>> all =
          threads.submit(
              () ->
                  odd.getAll(
                      List.of("b", "c"),
                      MINUTE,
                      keys -> {
                        begun.countDown();
                        end.await();
                        throw noDatabase;
                      }));
      assertThat(begun.await(1, TimeUnit.MINUTES), is(true));
      Future<Odd> joined = threads.submit(() -> odd.getOrLoad("c", MINUTE, () -> new Odd(4)));
      Awaitility.await().until(() -> Fixtures.waitingIn(Waits.class, "join") == 1);
      end.countDown();
      for (Future<?> each : List.of(all, joined)) {
        assertThat(
            assertThrows(ExecutionException.class, () -> each.get(1, TimeUnit.MINUTES)).getCause(),
            is(sameInstance(noDatabase)));
      }
      assertThat(odd.stats().staleHits(), is(0L));
    }
  }

  @Test
  void whateverWasFoundALoadThatFailedMeanwhileIsHeeded() {
    expired("k");
    assertThat(cache.getOrLoad("k", MINUTE, failing), is(1));
    Parts late = new Parts(CoreAccess.of(redis), prefix, LEASE, MINUTE, HOUR);
    for (Found<Integer> found :
        List.<Found<Integer>>of(
            new Found.Absent<>(),
            new Found.Stale<>(1),
            new Found.Lease<>("#lease:ended@1"),
            new Found.Hold<>(),
            new Found.Undecodable<>("0"))) {
      LeasedLoads.Attempt attempt =
          late.leased.claim("k", MINUTE.toMillis(), late.patience(), found);
      assertThat(attempt.isPaused(), is(true));
      assertThat(attempt.load(), is(nullValue()));
    }
  }

  @Test
  void nearCopiesEndWithTheTimeToLive() {
    CacheService<Integer> near = opened(stale().nearCache(100));
    Awaitility.await()
        .until(
            () -> {
              assertThat(near.get("k"), is(Optional.empty())); // In a Cluster that begins it.
              return near.stats().near().state() == CacheStats.NearState.ON;
            });
    cache.set("k", 1, Duration.ofMillis(1500));
    Awaitility.await()
        .until(
            () -> {
              long before = near.stats().nearHits();
              boolean there = near.get("k").isPresent();
              return near.stats().nearHits() > before || !there;
            });
    Awaitility.await().until(() -> near.get("k").isEmpty());
    assertThat(pttl("k"), is(lessThanOrEqualTo(3_600_000L)));
    assertThat(near.getOrLoad("k", MINUTE, failing), is(1));
  }

  @Test
  void anEarlyRefreshKeepsTheTimePastTheEnd() {
    CacheService<Integer> early = opened(stale().earlyRefresh(0.5, threads));
    cache.set("k", 1, Duration.ofSeconds(20));
    Awaitility.await().until(() -> early.getOrLoad("k", MINUTE, () -> 2) == 2);
    assertThat(pttl("k"), is(greaterThan(3_650_000L)));
    assertThat(early.stats().earlyLoads(), is(1L));
    expired("k");
    assertThat(early.getOrLoad("k", MINUTE, failing), is(1));
    assertThat(early.stats().earlyLoads(), is(1L));
  }

  @Test
  void aRefreshThatTheEndOvertakesIsNotStored() throws Exception {
    CacheService<Integer> early = opened(stale().earlyRefresh(0.9, threads));
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    cache.set("k", 1, Duration.ofSeconds(2));
    assertThat(
        early.getOrLoad(
            "k",
            MINUTE,
            () -> {
              begun.countDown();
              end.await();
              return 2;
            }),
        is(1));
    begun.await();
    Awaitility.await().until(() -> cache.ttl("k").isEmpty());
    assertThat(otherJvm.getOrLoad("k", MINUTE, failing), is(1));
    end.countDown();
    Awaitility.await().until(() -> early.stats().refusedFills() == 1);
    assertThat(cache.get("k"), is(Optional.empty()));
  }
}
