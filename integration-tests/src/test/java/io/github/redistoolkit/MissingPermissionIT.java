package io.github.redistoolkit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.containsStringIgnoringCase;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.cache.CacheAside;
import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.core.FreshLog;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.pubsub.CapturedLog;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.stream.DurableListener;
import io.github.redistoolkit.stream.DurableSubscription;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.From;
import io.github.redistoolkit.stream.PartitionKey;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeastPrivilege;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.exceptions.JedisAccessControlException;
import redis.clients.jedis.params.XReadGroupParams;
import redis.clients.jedis.resps.StreamConsumerInfo;

/** A user who lacks one of the commands that a module needs learns which, and who needs it. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class MissingPermissionIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  /**
   * What no caller waits for, or only if memory is short, an entry about to end, or a wake-up
   * unheard.
   */
  private static final Set<String> IN_THE_BACKGROUND =
      Set.of(
          "redis-pubsub unsubscribe",
          "redis-pubsub punsubscribe",
          "redis-pubsub sunsubscribe",
          "redis-pubsub ping",
          "redis-lock ltrim",
          "redis-ratelimit pexpire",
          "redis-cache append",
          "redis-cache setrange",
          "redis-cache strlen",
          "redis-cache del",
          "redis-cache pexpire");

  private static final int PARTITION_COUNT = 3;
  private static final String PARTITIONS = "redis-stream with partitions, besides";

  /** What redis-stream does seldom: here it does so with partitions. */
  private static final Set<String> SELDOM =
      Set.of(
          "xtrim",
          "xsetid",
          "xgroup|createconsumer",
          "xgroup|delconsumer",
          "hmget",
          "hdel",
          "hincrby");

  private static final String REFUSED = "Redis refuses what a consumer says";

  private final TestRedis redis;
  private final List<Throwable> thrown = Collections.synchronizedList(new ArrayList<>());

  MissingPermissionIT(TestRedis redis) {
    this.redis = redis.ours();
  }

  static Stream<Arguments> commands() {
    return Stream.concat(ofModules(), ofPartitions());
  }

  private static Stream<Arguments> ofPartitions() {
    List<String> besides = LeastPrivilege.commands(PARTITIONS);
    return Stream.concat(besides.stream(), SELDOM.stream().sorted())
        .map(command -> Arguments.of(PARTITIONS, command));
  }

  private static Stream<Arguments> ofModules() {
    return Stream.of(
            "redis-cache",
            "redis-idempotency",
            "redis-lock",
            "redis-ratelimit",
            "redis-pubsub",
            "redis-stream")
        .flatMap(
            module ->
                LeastPrivilege.commands(module).stream()
                    .filter(command -> !IN_THE_BACKGROUND.contains(module + " " + command))
                    .filter(command -> !module.equals("redis-stream") || !SELDOM.contains(command))
                    .map(command -> Arguments.of(module, command)));
  }

  @ParameterizedTest
  @MethodSource("commands")
  void whoLacksACommandLearnsWhichAndWhoNeedsIt(String module, String command) {
    String[] rows =
        module.equals(PARTITIONS) ? new String[] {"redis-stream", module} : new String[] {module};
    List<String> rules = new ArrayList<>(LeastPrivilege.rules(redis, rows));
    assertThat(rules.remove("+" + command), is(true));
    if (command.equals("eval")) {
      forgetScripts();
    }
    FreshLog.of(CacheService.class);
    List<String> told = new ArrayList<>();
    List<String> logged = new ArrayList<>();
    try (CapturedLog log = new CapturedLog();
        TestRedis user = redis.as(rules).retryingFor(Duration.ofSeconds(1))) {
      use(module, command, user, log);
      // A load that went well spares its caller what Redis says.
      log.text().lines().filter(line -> line.contains("Redis failed for key")).forEach(told::add);
      // What is done after a handler has no caller. All that may be lacking does not fit a line.
      logged.addAll(refused(log));
    }
    List.copyOf(thrown).forEach(failure -> refusal(failure).ifPresent(told::add));
    boolean unused = command.equals("mget") && redis.topology() == Topology.CLUSTER;
    assertThat(told.isEmpty() && logged.isEmpty(), is(unused));
    assertThat(told, everyItem(containsString(rows[0] + " needs")));
    assertThat(logged, everyItem(containsString(rows[0] + " needs")));
    // What a script lacks is told by the commands that it may need, without their subcommands.
    assertThat(told, everyItem(containsStringIgnoringCase(command.replaceFirst("\\|.*", ""))));
  }

  /** What is behind a failure; empty if it only follows from another one. */
  private static Optional<String> refusal(Throwable failure) {
    return Stream.iterate(failure, Objects::nonNull, Throwable::getCause)
        .filter(JedisAccessControlException.class::isInstance)
        .map(Throwable::getMessage)
        .findFirst();
  }

  private void forgetScripts() {
    for (HostAndPort primary : redis.primaries()) {
      try (Jedis jedis = redis.open(primary)) {
        assertThat(jedis.scriptFlush(), is("OK"));
      }
    }
  }

  private void attempt(Callable<?> call) {
    try {
      Object unused = call.call();
    } catch (Throwable e) {
      thrown.add(e);
    }
  }

  private void attempt(Runnable call) {
    attempt(
        () -> {
          call.run();
          return true;
        });
  }

  private void use(String module, String command, TestRedis user, CapturedLog log) {
    switch (module) {
      case "redis-cache" -> useCache(user);
      case "redis-idempotency" -> useIdempotency(user);
      case "redis-lock" -> useLock(user);
      case "redis-ratelimit" -> useRateLimiter(user);
      case "redis-stream" -> useStream(user, log);
      case PARTITIONS -> usePartitions(command, user, log);
      default -> usePubSub(user);
    }
  }

  private void useCache(TestRedis user) {
    String prefix = redis.unique("users:");
    try (CacheService<String> cache =
        user.over(
            pool -> new CacheService<>(pool, prefix, String.class),
            client -> new CacheService<>(client, prefix, String.class))) {
      CacheAside<String, String> users = new CacheAside<>(cache, id -> id, id -> "loaded");
      attempt(() -> cache.set("a", "1", MINUTE));
      attempt(() -> cache.get("a"));
      attempt(() -> cache.ttl("a"));
      attempt(() -> cache.getAll(List.of("a", "b")));
      attempt(() -> cache.setAll(Map.of("a", "1", "b", "2"), MINUTE));
      attempt(() -> cache.putIfAbsent("c", "1", MINUTE));
      attempt(() -> cache.delete("a"));
      attempt(() -> cache.deleteAll(List.of("b", "c")));
      attempt(() -> users.get("d"));
      attempt(() -> users.invalidate("d"));
      attempt(cache::clear);
    }
  }

  private void useIdempotency(TestRedis user) {
    IdempotencyService service =
        user.over(
            pool -> new IdempotencyService(pool, "orders", MINUTE),
            client -> new IdempotencyService(client, "orders", MINUTE));
    String key = redis.unique("request");
    attempt(() -> service.execute(key, String.class, claim -> "done"));
    attempt(() -> service.execute(key, String.class, claim -> "done"));
    attempt(() -> service.isDuplicate(key));
    attempt(() -> service.getResult(key, String.class));
    attempt(() -> service.forget(key));
  }

  private void useLock(TestRedis user) {
    String name = redis.unique("resource");
    RedisLock lock =
        user.over(
            pool -> new RedisLock(pool, name, MINUTE),
            client -> new RedisLock(client, name, MINUTE));
    Thread waiter = new Thread(() -> waitFor(name), "missing-permission-waiter");
    attempt(
        () -> {
          Lease held = lock.tryAcquire().orElseThrow();
          attempt(() -> lock.tryAcquire(Duration.ofMillis(300)));
          waiter.start();
          Awaitility.await().until(() -> isWaitedFor(name));
          held.close();
          return lock.isLocked();
        });
    waiter.interrupt();
  }

  private void waitFor(String name) {
    RedisLock lock =
        redis.over(
            pool -> new RedisLock(pool, name, MINUTE),
            client -> new RedisLock(client, name, MINUTE));
    try {
      lock.tryAcquire(MINUTE).ifPresent(Lease::close);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // the holder's part is over
    }
  }

  /** Whether the fifth word of the lock's state says so. */
  private boolean isWaitedFor(String name) {
    return !redis.admin().get("lock:{" + name + "}").split(" ", 6)[4].equals("0");
  }

  private void useRateLimiter(TestRedis user) {
    String id = redis.unique("user");
    RateLimiter limiter =
        user.over(
                pool -> RateLimiter.builder(pool, "calls"),
                client -> RateLimiter.builder(client, "calls"))
            .limit(Limit.of(1000, MINUTE), Limit.tokenBucket(1000, 1, MINUTE))
            .build();
    RateLimiter short1 =
        user.over(
                pool -> RateLimiter.builder(pool, "short"),
                client -> RateLimiter.builder(client, "short"))
            .limit(Limit.of(1000, MINUTE))
            .build();
    for (int i = 0; i < 3; i++) {
      attempt(() -> limiter.isAllowed(id));
      attempt(() -> short1.isAllowed(id));
    }
    attempt(() -> limiter.reset(id));
  }

  private void usePubSub(TestRedis user) {
    String channel = redis.mark();
    try (RedisPubSub pubSub = user.over(RedisPubSub::new, RedisPubSub::new)) {
      attempt(() -> pubSub.subscribe(channel, String.class, message -> {}));
      attempt(() -> pubSub.subscribePattern(channel + "*", String.class, message -> {}));
      attempt(() -> pubSub.subscribeSharded(channel, String.class, message -> {}));
      attempt(() -> pubSub.publish(channel, "text"));
      attempt(() -> pubSub.publishSharded(channel, "text"));
    }
  }

  private void useStream(TestRedis user, CapturedLog log) {
    String name = redis.unique("orders");
    String stream = "topic:{" + name + "}";
    String group = "group";
    // Something to take over, from a consumer that is gone.
    redis.admin().xadd(stream, StreamEntryID.NEW_ENTRY, Map.of("d", "\"left\""));
    redis.admin().xgroupCreate(stream, group, new StreamEntryID(0, 0), true);
    var unused =
        redis
            .admin()
            .xreadGroup(
                group,
                "gone",
                XReadGroupParams.xReadGroupParams().count(1),
                Map.of(stream, StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY));
    Set<String> followed = ConcurrentHashMap.newKeySet();
    try (DurableTopic<String> topic = topic(user, name).build()) {
      attempt(() -> topic.publish("new"));
      attempt(() -> topic.read(From.start(), 1));
      attempt(
          () ->
              topic.subscribe(
                  group,
                  From.start(),
                  message -> {
                    throw new IllegalStateException("always");
                  }));
      attempt(() -> topic.follow(From.start(), message -> followed.add(message.body())));
      Awaitility.await()
          .until(
              () ->
                  !thrown.isEmpty()
                      || !refused(log).isEmpty()
                      || (followed.size() == 2
                          && redis.admin().xlen(stream + ":dead:" + group) == 2));
      attempt(() -> topic.state(group));
      attempt(() -> topic.redrive(group, topic.deadLetters(group, 1).get(0).id()));
    }
  }

  private DurableTopic.Builder<String> topic(TestRedis user, String name) {
    return user.over(
            pool -> DurableTopic.builder(pool, name, String.class),
            client -> DurableTopic.builder(client, name, String.class))
        .lease(Duration.ofMillis(300))
        .maxDeliveries(2)
        .retryDelay(Duration.ofMillis(1))
        .closeTimeout(Duration.ofMillis(100))
        .listener(
            new DurableListener() {
              @Override
              public void onDisconnected(DurableSubscription subscription, Throwable cause) {
                thrown.add(cause);
              }
            });
  }

  private void usePartitions(String command, TestRedis user, CapturedLog log) {
    String name = redis.unique("orders");
    String group = "group";
    // Of partitions 0 and 1, says CRC16.
    List<String> keys = List.of("d", "a");
    try (DurableTopic<String> topic = topic(user, name).partitions(PARTITION_COUNT).build()) {
      keys.forEach(key -> attempt(() -> topic.publish(key, "new")));
      attempt(
          () ->
              topic.subscribe(
                  group,
                  From.start(),
                  message -> {
                    if (message.body().equals("trimmed")) {
                      String entry = message.id().replaceFirst("@.*", "");
                      long unused =
                          redis.admin().xdel(partition(name, 1), new StreamEntryID(entry));
                    }
                    throw new IllegalStateException("always");
                  }));
      Awaitility.await()
          .until(
              () ->
                  isTold(log)
                      || (deadLetters(partition(name, 0), group) == 1
                          && deadLetters(partition(name, 1), group) == 1));
      if (!isTold(log)) {
        // One that has gone long ago, one whose message is trimmed, a stream that is lost.
        redis.admin().hset("topic:{" + name + "}:members:" + group, "gone", "1");
        attempt(() -> topic.publish(keys.get(1), "trimmed"));
        redis.admin().del(partition(name, 0));
        // That is needed when it is closed.
        boolean later = command.equals("xgroup|delconsumer");
        Awaitility.await()
            .until(
                () -> {
                  removeConsumers(partition(name, 2), group);
                  return later || isTold(log);
                });
      }
    }
  }

  private static String partition(String name, int number) {
    return PartitionKey.of("topic:", name, number, PARTITION_COUNT);
  }

  private long deadLetters(String stream, String group) {
    return redis.admin().xlen(stream + ":dead:" + group);
  }

  /** Of this user: the client of one before may be closed while it sends for the last time. */
  private static List<String> refused(CapturedLog log) {
    return log.text()
        .lines()
        .filter(line -> line.contains(REFUSED) && !line.contains("client has been closed"))
        .toList();
  }

  private boolean isTold(CapturedLog log) {
    return !refused(log).isEmpty()
        || List.copyOf(thrown).stream().anyMatch(each -> refusal(each).isPresent());
  }

  /** Again and again: whoever reads makes itself known. */
  private void removeConsumers(String stream, String group) {
    for (StreamConsumerInfo each : redis.admin().xinfoConsumers2(stream, group)) {
      assertThat(redis.admin().xgroupDelConsumer(stream, group, each.getName()), is(0L));
    }
  }
}
