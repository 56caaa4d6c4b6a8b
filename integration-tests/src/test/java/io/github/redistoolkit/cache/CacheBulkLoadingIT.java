package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Many keys that are loaded with one call. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class CacheBulkLoadingIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final TestRedis redis;
  private final String prefix;
  private final CacheService<String> cache;
  private final CacheService<String> otherJvm;
  private final List<Set<String>> calls = Collections.synchronizedList(new ArrayList<>());
  private final ExecutorService threads = Executors.newCachedThreadPool();

  CacheBulkLoadingIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("bulk:");
    this.cache = Fixtures.builder(redis, prefix, String.class).build();
    this.otherJvm = Fixtures.builder(redis, prefix, String.class).build();
  }

  @AfterEach
  void endsWhatItStarted() {
    threads.shutdownNow();
    cache.close();
    otherJvm.close();
  }

  private Map<String, String> load(Set<String> keys) {
    calls.add(keys);
    Map<String, String> values = new LinkedHashMap<>();
    keys.stream().filter(key -> !key.equals("none")).forEach(key -> values.put(key, "v" + key));
    values.put("not asked for", "v");
    return values;
  }

  @Test
  void whatIsThereIsReadAndTheRestLoadedWithOneCall() {
    cache.set("2", "there");
    Map<String, String> values =
        cache.getAll(List.of("3", "2", "none", "1", "3"), MINUTE, this::load);
    assertThat(List.copyOf(values.keySet()), is(List.of("3", "2", "1")));
    assertThat(values, is(Map.of("3", "v3", "2", "there", "1", "v1")));
    assertThat(calls, is(List.of(Set.of("3", "none", "1"))));
    assertThat(otherJvm.getAll(List.of("1", "2", "3")).size(), is(3));
    assertThat(redis.admin().pttl(prefix + "1"), is(greaterThan(50_000L)));
    assertThat(redis.admin().exists(prefix + "none"), is(false));
    assertThat(redis.admin().exists(prefix + "not asked for"), is(false));
    assertThat(cache.getAll(List.of("1", "2", "3"), MINUTE, this::load).size(), is(3));
    assertThat(calls.size(), is(1));
    assertThat(cache.getAll(List.of(), MINUTE, this::load), is(Map.of()));
  }

  @Test
  void whatAnotherCallerLoadsIsWaitedForAndNotLoadedAgain() throws Exception {
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    Future<String> load =
        threads.submit(
            () ->
                otherJvm.getOrLoad(
                    "1",
                    MINUTE,
                    () -> {
                      begun.countDown();
                      end.await();
                      return "theirs";
                    }));
    assertThat(begun.await(1, TimeUnit.MINUTES), is(true));
    Map<String, String> values =
        cache.getAll(
            List.of("1", "2"),
            MINUTE,
            missing -> {
              end.countDown();
              return load(missing);
            });
    assertThat(values, is(Map.of("1", "theirs", "2", "v2")));
    assertThat(calls, is(List.of(Set.of("2"))));
    assertThat(load.get(1, TimeUnit.MINUTES), is("theirs"));
  }

  /** Callers of all JVMs ask for overlapping keys in every order; each key is loaded once. */
  @Test
  void overlappingCallersLoadEachKeyOnceAndNeverWaitForEachOtherForEver() throws Exception {
    Map<String, AtomicInteger> loads = new ConcurrentHashMap<>();
    List<Future<Map<String, String>>> callers = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      List<String> keys = new ArrayList<>();
      for (int k = 0; k < 30; k++) {
        keys.add("k" + (i * 5 + k) % 60);
      }
      Collections.rotate(keys, i * 7);
      CacheService<String> through = i % 2 == 0 ? cache : otherJvm;
      callers.add(
          threads.submit(
              () ->
                  through.getAll(
                      keys,
                      MINUTE,
                      missing -> {
                        missing.forEach(
                            key ->
                                loads
                                    .computeIfAbsent(key, k -> new AtomicInteger())
                                    .incrementAndGet());
                        TimeUnit.MILLISECONDS.sleep(20);
                        return load(missing);
                      })));
    }
    for (Future<Map<String, String>> caller : callers) {
      Map<String, String> values = caller.get(1, TimeUnit.MINUTES);
      assertThat(values.size(), is(30));
      values.forEach((key, value) -> assertThat(value, is("v" + key)));
    }
    loads.forEach((key, count) -> assertThat(key, count.get(), is(1)));
  }

  @Test
  void aLoadThatIsOvertakenIsNotStored() {
    Map<String, String> values =
        cache.getAll(
            List.of("1", "2", "3"),
            MINUTE,
            missing -> {
              otherJvm.set("1", "newer");
              otherJvm.delete("2");
              return load(missing);
            });
    assertThat(values.size(), is(3));
    assertThat(cache.get("1"), is(Optional.of("newer")));
    assertThat(cache.get("2"), is(Optional.empty()));
    assertThat(cache.get("3"), is(Optional.of("v3")));
    assertThat(cache.stats().refusedFills(), is(2L));
  }

  @Test
  void whatTheLoaderThrowsPassesAndTheNextCallerLoads() {
    IllegalStateException failure =
        assertThrows(
            IllegalStateException.class,
            () ->
                cache.getAll(
                    List.of("1", "2"),
                    MINUTE,
                    missing -> {
                      throw new IllegalStateException("no database");
                    }));
    assertThat(failure.getMessage(), is("no database"));
    assertThat(otherJvm.getAll(List.of("1", "2"), MINUTE, this::load).size(), is(2));
    assertThat(cache.stats().loadFailures(), is(2L));
  }

  @Test
  void withoutRedisAllAreLoadedAndNothingIsStored() throws Exception {
    try (Outage down = new Outage(redis)) {
      CacheService<String> alone = Fixtures.builder(down.redis(), prefix, String.class).build();
      assertThat(alone.getAll(List.of("1", "2"), MINUTE, this::load).size(), is(2));
      assertThat(alone.stats().uncachedLoads(), is(2L));
      alone.close();
    }
    assertThat(calls, containsInAnyOrder(Set.of("1", "2")));
  }

  @Test
  void aListenerIsToldOfLoadsAndCannotDisturbThem() {
    List<String> told = Collections.synchronizedList(new ArrayList<>());
    CacheListener listener =
        new CacheListener() {
          @Override
          public void onLoad(String key, Duration took) {
            told.add("loaded " + key);
            throw new IllegalStateException("from the listener");
          }

          @Override
          public void onLoadFailure(String key, Throwable failure) {
            told.add("failed " + key + " " + failure.getMessage());
          }
        };
    try (CacheService<String> heard =
        Fixtures.builder(redis, prefix, String.class).listener(listener).build()) {
      assertThat(heard.getOrLoad("1", () -> "v"), is("v"));
      assertThat(heard.getAll(List.of("2"), MINUTE, this::load), is(Map.of("2", "v2")));
      assertThrows(
          IllegalStateException.class,
          () ->
              heard.getOrLoad(
                  "3",
                  () -> {
                    throw new IllegalStateException("no database");
                  }));
    }
    assertThat(told, is(List.of("loaded 1", "loaded 2", "failed 3 no database")));
  }
}
