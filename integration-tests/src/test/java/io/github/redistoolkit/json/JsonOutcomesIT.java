package io.github.redistoolkit.json;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.core.FreshLog;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.idempotency.Request;
import io.github.redistoolkit.idempotency.ResultNotRecordedException;
import io.github.redistoolkit.idempotency.StoredResultException;
import io.github.redistoolkit.json.Sample.Animal;
import io.github.redistoolkit.json.Sample.Colour;
import io.github.redistoolkit.json.Sample.Dog;
import io.github.redistoolkit.json.Sample.Event;
import io.github.redistoolkit.pubsub.CapturedLog;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.pubsub.Subscription;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.params.SetParams;

/** Who makes a value and who is handed it fare alike; what cannot be read is said once. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class JsonOutcomesIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final TestRedis redis;
  private static final String PREFIX = "outcomes:";

  private final String key;
  private final AtomicInteger runs = new AtomicInteger();

  JsonOutcomesIT(TestRedis redis) {
    this.redis = redis;
    this.key = redis.unique("outcome");
  }

  private <V> CacheService<V> cache(Class<V> type) {
    return redis.over(
        pool -> new CacheService<>(pool, PREFIX, type), c -> new CacheService<>(c, PREFIX, type));
  }

  private IdempotencyService service() {
    return redis.over(
        pool -> new IdempotencyService(pool, "values", MINUTE),
        client -> new IdempotencyService(client, "values", MINUTE));
  }

  @Test
  void allWhoWaitForALoadGetItsRefusal() throws Exception {
    int callers = 4;
    ExecutorService threads = Executors.newFixedThreadPool(callers);
    try (CacheService<Animal> cache = cache(Animal.class)) {
      List<Future<Animal>> results = new ArrayList<>();
      for (int i = 0; i < callers; i++) {
        results.add(
            threads.submit(
                () ->
                    cache.getOrLoad(
                        key,
                        MINUTE,
                        () -> {
                          runs.incrementAndGet();
                          Awaitility.await().until(() -> cache.stats().misses() >= callers);
                          return new Dog();
                        })));
      }
      List<Throwable> failures = new ArrayList<>();
      for (Future<Animal> result : results) {
        failures.add(assertThrows(ExecutionException.class, result::get).getCause());
      }
      assertThat(failures, everyItem(instanceOf(IllegalArgumentException.class)));
      assertThat(failures.get(0).getMessage(), containsString("Dog"));
      assertThat(redis.admin().exists(key), is(false));
    } finally {
      threads.shutdownNow();
    }
  }

  @Test
  void workWhoseTypeCannotBeReadBackDoesNotRun() {
    IdempotencyService service = service();
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                service.execute(
                    Request.of(key).fingerprint("the same"),
                    new TypeToken<Optional<Thread>>() {},
                    claim -> {
                      runs.incrementAndGet();
                      return Optional.empty();
                    }));
    assertThat(e.getMessage(), containsString("Optional<java.lang.Thread>"));
    assertThat(service.isDuplicate(key), is(false));
    assertThrows(IllegalArgumentException.class, () -> cache(Event.class));
    try (RedisPubSub pubSub = redis.over(RedisPubSub::new, RedisPubSub::new)) {
      assertThrows(
          IllegalArgumentException.class, () -> pubSub.subscribe(key, Event.class, message -> {}));
    }
    assertThat(runs.get(), is(0));
  }

  @Test
  void aResultThatWouldBeCutDownIsInTheExceptionAndTheWorkNeverRunsAgain() {
    IdempotencyService service = service();
    Dog dog = new Dog();
    ResultNotRecordedException e =
        assertThrows(ResultNotRecordedException.class, () -> execute(service, dog));
    assertThat(e.result() == dog, is(true));
    assertThat(e.getCause(), instanceOf(IllegalArgumentException.class));
    assertThrows(StoredResultException.class, () -> execute(service, dog));
    assertThat(runs.get(), is(1));
  }

  private void execute(IdempotencyService service, Animal result) {
    service.execute(
        key,
        Animal.class,
        claim -> {
          runs.incrementAndGet();
          return result;
        });
  }

  @Test
  void whatCannotBeReadIsLoggedOnceAndCounted() {
    List.of(CacheService.class, IdempotencyService.class, RedisPubSub.class).forEach(FreshLog::of);
    try (CapturedLog log = new CapturedLog();
        CacheService<Colour> cache = cache(Colour.class);
        RedisPubSub pubSub = redis.over(RedisPubSub::new, RedisPubSub::new)) {
      redis.admin().set(PREFIX + key, "\"SECRET\"", SetParams.setParams().px(60_000));
      IdempotencyService service = service();
      assertThat(service.storeRequest(key, "SECRET"), is(true));
      Subscription subscription = pubSub.subscribe(key, Colour.class, message -> {});
      for (int i = 0; i < 3; i++) {
        assertThat(cache.get(key), is(Optional.empty()));
        assertThrows(StoredResultException.class, () -> service.getResult(key, Colour.class));
        pubSub.publish(key, "SECRET");
      }
      Awaitility.await().until(() -> subscription.undecodable() == 3);
      assertThat(cache.stats().undecodable(), is(3L));
      // Its report comes after its count, and before the report of the next.
      for (String said : List.of("An entry cannot", "A stored result cannot", "A message from")) {
        Awaitility.await().until(() -> log.text().contains(said));
        assertThat(said, log.text().lines().filter(line -> line.contains(said)).count(), is(1L));
      }
      assertThat(log.text().contains("SECRET"), is(false));
    }
  }
}
