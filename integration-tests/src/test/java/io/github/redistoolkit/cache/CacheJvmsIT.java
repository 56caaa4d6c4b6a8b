package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.startsWith;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.ChildJvm;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.params.SetParams;

/** The cache in several JVMs, some of which end or stop at the worst moment. */
@LeavesServerAlone
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class CacheJvmsIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final TestRedis redis;
  private final String key;

  CacheJvmsIT(TestRedis redis) {
    this.redis = redis;
    this.key = redis.unique("jvms");
  }

  /** The number under a key that stands for the database; outside of the cache's prefix. */
  private static int database(TestRedis redis, String key) {
    String value = redis.admin().get("db:" + key);
    return value == null ? 0 : Integer.parseInt(value);
  }

  private static void database(TestRedis redis, String key, int value) {
    redis.admin().set("db:" + key, String.valueOf(value), SetParams.setParams().px(600_000));
  }

  /** Misses the same keys on many threads, and tells of each load. */
  static final class Missing {
    public static void main(String[] args) throws Exception {
      Child child = Child.of(args);
      String key = args[2];
      int count = Integer.parseInt(args[3]);
      int rounds = Integer.parseInt(args[4]);
      ExecutorService threads = Executors.newFixedThreadPool(count);
      try (TestRedis redis = child.redis();
          CacheService<Integer> cache = Fixtures.cache(redis, Integer.class)) {
        child.awaitStart();
        for (int round = 0; round < rounds; round++) {
          String missing = key + ":" + round;
          Loader<Integer> loader =
              () -> {
                TimeUnit.MILLISECONDS.sleep(300);
                child.send("loaded " + missing);
                return 1;
              };
          List<Future<Integer>> callers = new ArrayList<>();
          for (int i = 0; i < count; i++) {
            callers.add(threads.submit(() -> cache.getOrLoad(missing, MINUTE, loader)));
          }
          for (Future<Integer> caller : callers) {
            if (caller.get() == null) {
              throw new AssertionError("no value");
            }
          }
        }
        child.send("done");
      } finally {
        threads.shutdownNow();
      }
    }
  }

  @Test
  void callersOfSeveralJvmsShareOneLoadPerMiss() throws Exception {
    int rounds = Matrix.size(2, 20);
    String threads = String.valueOf(Matrix.size(50, 200));
    int count = Matrix.size(2, 4);
    try (ChildJvms jvms =
        ChildJvms.start(redis, count, Missing.class, key, threads, String.valueOf(rounds))) {
      jvms.go();
      List<String> lines = jvms.finish();
      assertThat(Collections.frequency(lines, "done"), is(count));
      for (int round = 0; round < rounds; round++) {
        assertThat(Collections.frequency(lines, "loaded " + key + ":" + round), is(1));
      }
    }
  }

  /** Begins a load and never ends it. */
  static final class Stuck {
    public static void main(String[] args) throws Exception {
      Child child = Child.of(args);
      try (TestRedis redis = child.redis();
          CacheService<Integer> cache =
              Fixtures.builder(redis, Integer.class).lease(Duration.ofSeconds(3)).build()) {
        Integer never =
            cache.getOrLoad(
                args[2],
                MINUTE,
                () -> {
                  child.send("loading");
                  new CountDownLatch(1).await();
                  return 0;
                });
        child.send(String.valueOf(never));
      }
    }
  }

  @Test
  void whenTheLoadersJvmIsKilledAnotherTakesOverAfterTheLease() throws Exception {
    try (ChildJvms jvms = ChildJvms.start(redis, 1, Stuck.class, key);
        CacheService<Integer> cache = Fixtures.cache(redis, Integer.class)) {
      assertThat(jvms.get(0).receive(), is("loading"));
      awaitRenewal();
      jvms.get(0).kill();
      long start = System.nanoTime();
      assertThat(cache.getOrLoad(key, MINUTE, () -> 2), is(2));
      // The lease of three seconds, and what a busy machine takes.
      assertThat(System.nanoTime() - start, is(lessThan(TimeUnit.SECONDS.toNanos(11))));
    }
  }

  /** Waits until the lease has more life left than before, which by itself only gets less. */
  private void awaitRenewal() {
    AtomicLong shortest = new AtomicLong(Long.MAX_VALUE);
    Awaitility.await()
        .until(
            () -> {
              assertThat(redis.admin().get(key), startsWith("#lease:"));
              long life = redis.admin().pttl(key);
              return life > shortest.getAndAccumulate(life, Math::min);
            });
  }

  /** Loads the old state of one key after the other, and reads what there is afterwards. */
  static final class Overtaken {
    public static void main(String[] args) throws Exception {
      Child child = Child.of(args);
      ExecutorService threads = Executors.newCachedThreadPool();
      try (TestRedis redis = child.redis();
          CacheService<Integer> cache = Fixtures.cache(redis, Integer.class)) {
        while (true) {
          String key = child.receive();
          Future<Integer> old =
              threads.submit(
                  () ->
                      cache.getOrLoad(
                          key,
                          MINUTE,
                          () -> {
                            int state = database(redis, key);
                            child.send("loaded");
                            LockSupport.parkNanos(ThreadLocalRandom.current().nextInt(2_000_000));
                            return state;
                          }));
          child.receive();
          Integer during = cache.getOrLoad(key, MINUTE, () -> database(redis, key));
          Integer mayBeOld = old.get();
          Integer after = cache.getOrLoad(key, MINUTE, () -> database(redis, key));
          child.send(during + " " + after + " " + (mayBeOld != null));
        }
      }
    }
  }

  @Test
  @Proves("cache.no-older-load")
  void aLoadThatIsOvertakenByAWriteOfAnotherJvmNeverAppears() throws Exception {
    try (ChildJvms jvms = ChildJvms.start(redis, 1, Overtaken.class);
        CacheService<Integer> cache = Fixtures.cache(redis, Integer.class)) {
      ChildJvm loading = jvms.get(0);
      for (int i = 0; i < Matrix.size(50, 1000); i++) {
        String overtaken = key + ":" + i;
        database(redis, overtaken, 1);
        loading.send(overtaken);
        assertThat(loading.receive(), is("loaded"));
        LockSupport.parkNanos(ThreadLocalRandom.current().nextInt(2_000_000));
        database(redis, overtaken, 2);
        if (i % 2 == 0) {
          cache.delete(overtaken);
        } else {
          cache.set(overtaken, 2);
        }
        loading.send("written");
        assertThat(cache.getOrLoad(overtaken, MINUTE, () -> database(redis, overtaken)), is(2));
        assertThat(loading.receive(), is("2 2 true"));
        assertThat(cache.get(overtaken), is(Optional.of(2)));
      }
    }
  }

  /** Commits, and ends before it can invalidate. */
  static final class Updating {
    public static void main(String[] args) throws Exception {
      Child child = Child.of(args);
      try (TestRedis redis = child.redis();
          CacheService<Integer> cache =
              Fixtures.builder(redis, Integer.class)
                  .hold(Duration.ofSeconds(Long.parseLong(args[3])))
                  .build()) {
        CacheAside<String, Integer> aside =
            new CacheAside<>(cache, MINUTE, id -> id, id -> database(redis, id));
        aside.update(
            args[2],
            () -> {
              database(redis, args[2], 2);
              child.send("committed");
              new CountDownLatch(1).await();
              return 0;
            });
      }
    }
  }

  @Test
  @Proves("cache.crash-in-update")
  void whenAnUpdatingJvmIsKilledAfterItsCommitNothingStaleIsLeftAndCachingResumes()
      throws Exception {
    int holdSeconds = Matrix.size(5, 30);
    database(redis, key, 1);
    try (CacheService<Integer> cache = Fixtures.cache(redis, Integer.class)) {
      CacheAside<String, Integer> aside =
          new CacheAside<>(cache, MINUTE, id -> id, id -> database(redis, id));
      // There is something that would be stale.
      assertThat(aside.get(key), is(1));
      assertThat(cache.get(key), is(Optional.of(1)));
      killAfterCommit(holdSeconds);
      assertThat(redis.admin().get(key), startsWith("#hold:"));
      Awaitility.await()
          .pollInterval(Duration.ofMillis(20))
          .atMost(Duration.ofSeconds(holdSeconds + 10))
          .until(
              () -> {
                assertThat(aside.get(key), is(2));
                return cache.get(key).isPresent();
              });
      assertThat(cache.get(key), is(Optional.of(2)));
    }
  }

  private void killAfterCommit(int holdSeconds) throws Exception {
    try (ChildJvms jvms =
        ChildJvms.start(redis, 1, Updating.class, key, String.valueOf(holdSeconds))) {
      assertThat(jvms.get(0).receive(), is("committed"));
      jvms.get(0).kill();
    }
  }
}
