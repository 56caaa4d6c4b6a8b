package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.oneOf;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.RedisServer;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** A replica takes over from the primary while the cache is in use. */
@EachClient(topologies = {Topology.SENTINEL, Topology.CLUSTER})
class CacheFailoverIT extends CacheServersSuite {

  CacheFailoverIT(TestRedis shared) {
    super(shared);
    awaitAnswer(() -> cache.get(key).isEmpty());
  }

  @AfterEach
  @Override
  void leavesNothingBehind() {
    super.leavesNothingBehind();
    // Sentinels let a failover follow another only after long, so the next test gets new servers.
    servers.primaryOf(key).kill();
  }

  /** Waits until the clients have found the primary, and this is so there. */
  private static void awaitAnswer(Callable<Boolean> condition) {
    Awaitility.await()
        .pollInterval(Duration.ofMillis(50))
        .atMost(Duration.ofSeconds(60))
        .ignoreExceptionsInstanceOf(JedisException.class)
        .until(condition);
  }

  @Test
  void aLoadDuringAFailoverIsReturnedAndCachingResumes() {
    int value =
        cache.getOrLoad(
            key,
            MINUTE,
            () -> {
              servers.failOver(key);
              return 1;
            });
    assertThat(value, is(1));
    AtomicInteger next = new AtomicInteger(2);
    awaitAnswer(
        () -> {
          // It stored the value or, if a moment without a primary kept it from that, did not.
          Integer read = otherJvm.getOrLoad(key, MINUTE, next::getAndIncrement);
          assertThat(read == 1 || read == next.get() - 1, is(true));
          return otherJvm.get(key).equals(Optional.of(read));
        });
  }

  @Test
  void whenThePrimaryDiesDuringALoadItsCallersGetTheValueAndAnotherLoadMayFollow()
      throws Exception {
    RedisServer primary = servers.primaryOf(key);
    List<Future<Integer>> joiners = new ArrayList<>();
    int value =
        cache.getOrLoad(
            key,
            MINUTE,
            () -> {
              joiners.add(threads.submit(() -> cache.getOrLoad(key, MINUTE, () -> 2)));
              joiners.add(threads.submit(() -> otherJvm.getOrLoad(key, MINUTE, () -> 3)));
              servers.awaitReplicated(key);
              primary.kill();
              servers.awaitFailover(key, primary.address());
              return 1;
            });
    assertThat(value, is(1));
    for (Future<Integer> joiner : joiners) {
      assertThat(joiner.get(1, TimeUnit.MINUTES), is(oneOf(1, 2, 3)));
    }
    awaitAnswer(
        () -> {
          int read = otherJvm.getOrLoad(key, MINUTE, () -> 4);
          return otherJvm.get(key).equals(Optional.of(read));
        });
  }

  @Test
  void aWriteThatWasReplicatedStillRefusesTheOlderFill() {
    int old =
        cache.getOrLoad(
            key,
            MINUTE,
            () -> {
              otherJvm.set(key, 2);
              servers.awaitReplicated(key);
              servers.failOver(key);
              return 1;
            });
    assertThat(old, is(1));
    awaitAnswer(
        () -> {
          assertThat(otherJvm.get(key), is(Optional.of(2)));
          return true;
        });
    assertThat(cache.getOrLoad(key, MINUTE, () -> 3), is(2));
  }

  @Test
  void readsNeverFailAndAreNeverWrongWhileThePrimaryDiesAndTheReplicaTakesOver() throws Exception {
    RedisServer primary = servers.primaryOf(key);
    AtomicBoolean enough = new AtomicBoolean();
    List<Future<Integer>> readers = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      CacheService<Integer> read = i % 2 == 0 ? cache : otherJvm;
      readers.add(threads.submit(() -> readUntil(enough, read)));
    }
    Awaitility.await().until(() -> cache.stats().hits() > 10);
    primary.kill();
    servers.awaitFailover(key, primary.address());
    // What was not replicated is absent until a reader loads it again.
    awaitAnswer(() -> cache.get("{" + key + "}0").isPresent());
    enough.set(true);
    for (Future<Integer> reader : readers) {
      assertThat(reader.get(1, TimeUnit.MINUTES), is(greaterThan(0)));
    }
  }

  private int readUntil(AtomicBoolean enough, CacheService<Integer> read) {
    int times = 0;
    do {
      int number = times % 10;
      String one = "{" + key + "}" + number;
      assertThat(read.getOrLoad(one, MINUTE, () -> number), is(number));
      times++;
    } while (!enough.get());
    return times;
  }

  @Test
  void aBatchDuringAFailoverIsDoneOrNamesWhatIsNot() throws Exception {
    Map<String, Integer> values = new LinkedHashMap<>();
    IntStream.range(0, 200).forEach(i -> values.put(key + i, i));
    AtomicBoolean enough = new AtomicBoolean();
    Future<Integer> batches =
        threads.submit(
            () -> {
              int done = 0;
              do {
                done += doneOrNamed(values);
              } while (!enough.get());
              return done;
            });
    Awaitility.await().until(() -> cache.stats().hits() > 400);
    servers.failOver(key);
    awaitAnswer(
        () -> {
          otherJvm.setAll(values, MINUTE);
          // The one may still have been sent to the old primary, and the other to the new one.
          return otherJvm.getAll(values.keySet()).equals(values);
        });
    enough.set(true);
    assertThat(batches.get(1, TimeUnit.MINUTES), is(greaterThan(0)));
    assertThat(cache.getAll(values.keySet()), is(values));
    assertThat(otherJvm.deleteAll(values.keySet()), is(200L));
  }

  /** Returns how many keys were read. Nothing that is read is wrong. */
  @CanIgnoreReturnValue
  private int doneOrNamed(Map<String, Integer> values) {
    try {
      cache.setAll(values, MINUTE);
      Map<String, Integer> found = cache.getAll(values.keySet());
      found.forEach((name, value) -> assertThat(value, is(values.get(name))));
      return found.size();
    } catch (CacheBatchException e) {
      assertThat(values.keySet().containsAll(e.failedKeys()), is(true));
      assertThat(e.failedKeys().isEmpty(), is(false));
      return 0;
    } catch (JedisException nothingWasSent) {
      return 0;
    }
  }

  @Test
  void anUpdateDuringAFailoverLeavesNothingStale() {
    CacheAside<String, Integer> aside = aside(cache);
    CacheAside<String, Integer> elsewhere = aside(otherJvm);
    assertThat(aside.get(key), is(1));
    try {
      int updated =
          aside.update(
              key,
              () -> {
                servers.awaitReplicated(key);
                servers.failOver(key);
                assertThat(elsewhere.get(key), is(1));
                return database.incrementAndGet();
              });
      assertThat(updated, is(2));
    } catch (CacheInvalidationException notReleased) {
      assertThat(notReleased.result(), is(2));
    }
    assertThat(elsewhere.get(key), is(2));
    assertThat(aside.get(key), is(2));
    Awaitility.await()
        .atMost(Duration.ofSeconds(40))
        .until(
            () -> {
              assertThat(elsewhere.get(key), is(2));
              return otherJvm.get(key).equals(Optional.of(2));
            });
  }
}
