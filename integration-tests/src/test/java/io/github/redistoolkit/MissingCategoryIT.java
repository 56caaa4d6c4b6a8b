package io.github.redistoolkit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.notNullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.cache.CacheGroup;
import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.cache.CacheStats.NearState;
import io.github.redistoolkit.core.FreshLog;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.lock.RedisSemaphore;
import io.github.redistoolkit.pubsub.CapturedLog;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.OnUnavailable;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.stream.DurableListener;
import io.github.redistoolkit.stream.DurableSubscription;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.From;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeastPrivilege;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.exceptions.JedisAccessControlException;

/**
 * A user who may run nothing of a whole category gets what the table in {@code docs/operations.md}
 * says, cell by cell.
 */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class MissingCategoryIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  /** What each text of the table means. */
  private final Map<String, Check> checks =
      Map.ofEntries(
          Map.entry("nothing changes", this::nothingChanges),
          Map.entry("throws", this::everythingThrows),
          Map.entry("throws, under every policy", (module, user) -> limitsThrow(user)),
          Map.entry(
              "`get`, `set` and their batches work; deleting, updates and groups throw; a load goes"
                  + " without the cache, counted in `uncachedLoads` and logged",
              (module, user) -> cacheWithoutScripts(user)),
          Map.entry(
              "without a near cache nothing changes; a near cache stays off, and the log says why",
              (module, user) -> nearCacheStaysOff(user)),
          Map.entry(
              "`publish`, `read` and following from a given place work; the rest throws",
              (module, user) -> topicWithoutScripts(user)),
          Map.entry(
              "nothing is read, and `onDisconnected` is told; the rest works",
              (module, user) -> topicIsNotRead(user)),
          Map.entry(
              "`tryAcquire()` works; a caller that waits throws",
              (module, user) -> waitingThrows(user)));

  private final TestRedis redis;

  MissingCategoryIT(TestRedis redis) {
    this.redis = redis.ours();
  }

  private interface Check {
    void of(String module, TestRedis user) throws Exception;
  }

  static Stream<Arguments> cells() {
    List<String> modules =
        List.of(
            "redis-cache",
            "redis-idempotency",
            "redis-lock",
            "redis-ratelimit",
            "redis-pubsub",
            "redis-stream");
    return Stream.of("@scripting", "@blocking", "@pubsub")
        .flatMap(category -> modules.stream().map(module -> Arguments.of(category, module)));
  }

  @ParameterizedTest
  @MethodSource("cells")
  void isAsTheTableSays(String category, String module) throws Exception {
    String cell = LeastPrivilege.cell(module, "`-" + category + "`");
    Check check = checks.get(cell);
    assertThat("a check for what the table says: " + cell, check, is(notNullValue()));
    FreshLog.of(CacheService.class);
    try (TestRedis user = redis.withoutCommands(category).retryingFor(Duration.ofSeconds(1))) {
      check.of(module, user);
    }
  }

  private static void refused(String module, Executable call) {
    Throwable thrown = assertThrows(Throwable.class, call);
    Optional<String> refusal =
        Stream.iterate(thrown, Objects::nonNull, Throwable::getCause)
            .filter(JedisAccessControlException.class::isInstance)
            .map(Throwable::getMessage)
            .findFirst();
    assertThat(String.valueOf(thrown), refusal.orElse(""), containsString(module + " needs"));
  }

  private void nothingChanges(String module, TestRedis user) throws Exception {
    switch (module) {
      case "redis-cache" -> cacheWorks(user);
      case "redis-idempotency" -> idempotencyWorks(user);
      case "redis-lock" -> locksWork(user);
      case "redis-ratelimit" -> limitsWork(user);
      case "redis-stream" -> topicsWork(user);
      default -> pubSubWorks(user);
    }
  }

  private void everythingThrows(String module, TestRedis user) {
    switch (module) {
      case "redis-idempotency" -> {
        IdempotencyService requests = requests(user);
        refused(module, () -> requests.execute(redis.unique("r"), String.class, claim -> "done"));
      }
      case "redis-lock" -> {
        refused(module, () -> lock(user, redis.unique("lock")).tryAcquire());
        refused(module, () -> lock(user, redis.unique("lock")).tryAcquire(MINUTE));
        refused(module, () -> semaphore(user, redis.unique("permit")).tryAcquire());
      }
      case "redis-pubsub" -> {
        String channel = redis.unique("channel");
        try (RedisPubSub pubSub = user.over(RedisPubSub::new, RedisPubSub::new)) {
          refused(module, () -> pubSub.subscribe(channel, String.class, message -> {}));
          refused(module, () -> pubSub.subscribePattern(channel, String.class, message -> {}));
          refused(module, () -> pubSub.subscribeSharded(channel, String.class, message -> {}));
          refused(module, () -> pubSub.publish(channel, "text"));
          refused(module, () -> pubSub.publishSharded(channel, "text"));
        }
      }
      default -> throw new AssertionError("nothing that throws is known of " + module);
    }
  }

  private static IdempotencyService requests(TestRedis user) {
    return user.over(
        pool -> new IdempotencyService(pool, "orders", MINUTE),
        client -> new IdempotencyService(client, "orders", MINUTE));
  }

  private static RedisLock lock(TestRedis user, String name) {
    return user.over(
        pool -> new RedisLock(pool, name, MINUTE), client -> new RedisLock(client, name, MINUTE));
  }

  private static RedisSemaphore semaphore(TestRedis user, String name) {
    return user.over(
        pool -> new RedisSemaphore(pool, name, 1, MINUTE),
        client -> new RedisSemaphore(client, name, 1, MINUTE));
  }

  private CacheService<String> cache(TestRedis user) {
    String prefix = redis.unique("cache:");
    return user.over(
        pool -> new CacheService<>(pool, prefix, String.class),
        client -> new CacheService<>(client, prefix, String.class));
  }

  private void cacheWorks(TestRedis user) throws Exception {
    try (CacheService<String> cache = cache(user)) {
      cache.set("a", "1", MINUTE);
      assertThat(cache.get("a"), is(Optional.of("1")));
      cache.setAll(Map.of("b", "2"), MINUTE);
      assertThat(cache.getAll(List.of("a", "b")), is(Map.of("a", "1", "b", "2")));
      assertThat(cache.getOrLoad("c", MINUTE, () -> "3"), is("3"));
      assertThat(cache.stats().uncachedLoads(), is(0L));
      assertThat(cache.delete("a"), is(true));
      CacheGroup<String> group = cache.group("group");
      assertThat(group.getOrLoad("d", MINUTE, () -> "4"), is("4"));
      cache.invalidateGroup("group");
    }
  }

  private void cacheWithoutScripts(TestRedis user) throws Exception {
    try (CacheService<String> cache = cache(user);
        CapturedLog log = new CapturedLog()) {
      cache.set("a", "1", MINUTE);
      assertThat(cache.get("a"), is(Optional.of("1")));
      cache.setAll(Map.of("b", "2"), MINUTE);
      assertThat(cache.getAll(List.of("a", "b")), is(Map.of("a", "1", "b", "2")));
      assertThat(cache.getOrLoad("c", MINUTE, () -> "3"), is("3"));
      assertThat(cache.stats().uncachedLoads(), is(1L));
      assertThat(log.text(), log.warnsOf("NOPERM"), is(true));
      refused("redis-cache", () -> cache.delete("a"));
      refused("redis-cache", () -> cache.deleteAll(List.of("a")));
      refused("redis-cache", () -> cache.invalidateGroup("group"));
      refused("redis-cache", () -> cache.beginGroupUpdate("group").close());
    }
  }

  private void nearCacheStaysOff(TestRedis user) throws Exception {
    cacheWorks(user);
    String prefix = redis.unique("near:");
    try (CapturedLog log = new CapturedLog();
        CacheService<String> cache =
            user.over(
                pool -> CacheService.builder(pool, prefix, String.class).nearCache(10).build(),
                used -> CacheService.builder(used, prefix, String.class).nearCache(10).build())) {
      cache.set("a", "1", MINUTE);
      Awaitility.await()
          .until(
              () ->
                  cache.get("a").isPresent()
                      && log.warnsOf("Near caches")
                      && log.warnsOf("NOPERM"));
      assertThat(cache.stats().near().state(), is(NearState.UNSURE));
      assertThat(cache.stats().nearHits(), is(0L));
    }
  }

  private void idempotencyWorks(TestRedis user) throws Exception {
    IdempotencyService requests = requests(user);
    String key = redis.unique("request");
    assertThat(requests.execute(key, String.class, claim -> "done"), is("done"));
    assertThat(requests.execute(key, String.class, claim -> "again"), is("done"));
  }

  private void locksWork(TestRedis user) throws Exception {
    String name = redis.unique("lock");
    RedisLock lock = lock(user, name);
    try (Lease held = lock.tryAcquire().orElseThrow()) {
      assertThat(lock.tryAcquire(Duration.ofMillis(300)).isPresent(), is(false));
      assertThat(held.isHeld(), is(true));
    }
    lock.acquire(MINUTE).close();
    semaphore(user, name).acquire(MINUTE).close();
  }

  private void waitingThrows(TestRedis user) throws Exception {
    String name = redis.unique("lock");
    RedisLock lock = lock(user, name);
    RedisSemaphore semaphore = semaphore(user, name);
    try (Lease held = lock.tryAcquire().orElseThrow();
        Lease permit = semaphore.tryAcquire().orElseThrow()) {
      assertThat(lock.tryAcquire(), is(Optional.empty()));
      refused("redis-lock", () -> lock.tryAcquire(MINUTE));
      refused("redis-lock", () -> semaphore.tryAcquire(MINUTE));
      assertThat(held.isHeld() && permit.isHeld(), is(true));
    }
    lock.tryAcquire().orElseThrow().close();
  }

  private static RateLimiter limiter(TestRedis user, OnUnavailable policy) {
    return user.over(
            pool -> RateLimiter.builder(pool, "calls"),
            client -> RateLimiter.builder(client, "calls"))
        .limit(Limit.of(1, MINUTE))
        .onUnavailable(policy)
        .build();
  }

  private void limitsWork(TestRedis user) {
    RateLimiter limiter = limiter(user, OnUnavailable.THROW);
    String id = redis.unique("id");
    assertThat(limiter.isAllowed(id), is(true));
    assertThat(limiter.isAllowed(id), is(false));
  }

  private void limitsThrow(TestRedis user) {
    for (OnUnavailable policy : OnUnavailable.values()) {
      RateLimiter limiter = limiter(user, policy);
      refused("redis-ratelimit", () -> limiter.isAllowed(redis.unique("id")));
    }
  }

  private void pubSubWorks(TestRedis user) throws Exception {
    String channel = redis.unique("channel");
    BlockingQueue<String> heard = new LinkedBlockingQueue<>();
    try (RedisPubSub pubSub = user.over(RedisPubSub::new, RedisPubSub::new)) {
      var unused = pubSub.subscribe(channel, String.class, message -> heard.add(message.body()));
      var unusedCount = pubSub.publish(channel, "text");
      assertThat(heard.poll(10, TimeUnit.SECONDS), is("text"));
    }
  }

  private DurableTopic<String> topic(TestRedis user, DurableListener listener) {
    String name = redis.unique("topic");
    return user.over(
            pool -> DurableTopic.builder(pool, name, String.class),
            client -> DurableTopic.builder(client, name, String.class))
        .closeTimeout(Duration.ofSeconds(1))
        .listener(listener)
        .build();
  }

  private void topicsWork(TestRedis user) throws Exception {
    BlockingQueue<String> handled = new LinkedBlockingQueue<>();
    try (DurableTopic<String> topic = topic(user, new DurableListener() {})) {
      topic.subscribe("group", From.start(), message -> handled.add(message.body()));
      topic.publish("text");
      assertThat(handled.poll(10, TimeUnit.SECONDS), is("text"));
      Awaitility.await().until(() -> topic.state("group").orElseThrow().pending() == 0);
    }
  }

  private void topicWithoutScripts(TestRedis user) throws Exception {
    BlockingQueue<String> followed = new LinkedBlockingQueue<>();
    try (DurableTopic<String> topic = topic(user, new DurableListener() {})) {
      topic.publish("text");
      assertThat(topic.read(From.start(), 10).size(), is(1));
      topic.follow(From.start(), message -> followed.add(message.body()));
      assertThat(followed.poll(10, TimeUnit.SECONDS), is("text"));
      refused("redis-stream", () -> topic.follow(From.now(), message -> {}));
      refused("redis-stream", () -> topic.subscribe("group", From.start(), message -> {}));
      refused("redis-stream", () -> topic.state("group").isPresent());
      refused("redis-stream", () -> topic.redrive("group", "1-1"));
    }
  }

  private void topicIsNotRead(TestRedis user) throws Exception {
    BlockingQueue<String> handled = new LinkedBlockingQueue<>();
    BlockingQueue<Throwable> causes = new LinkedBlockingQueue<>();
    DurableListener listener =
        new DurableListener() {
          @Override
          public void onDisconnected(DurableSubscription subscription, Throwable cause) {
            causes.add(cause);
          }
        };
    try (DurableTopic<String> topic = topic(user, listener)) {
      topic.subscribe("group", From.start(), message -> handled.add(message.body()));
      topic.publish("text");
      Throwable told = causes.poll(10, TimeUnit.SECONDS);
      assertThat(String.valueOf(told), containsString("redis-stream needs"));
      assertThat(topic.state("group").orElseThrow().lag(), is(1L));
      assertThat(topic.read(From.start(), 10).size(), is(1));
      assertThat(handled.isEmpty(), is(true));
    }
  }
}
