package io.github.redistoolkit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.fail;

import io.github.redistoolkit.cache.CacheAside;
import io.github.redistoolkit.cache.CacheGroup;
import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.coalescing.Coalescing;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.json.JsonCodec;
import io.github.redistoolkit.lock.Lease;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.lock.RedisLocks;
import io.github.redistoolkit.lock.RedisReadWriteLock;
import io.github.redistoolkit.micrometer.CacheMetrics;
import io.github.redistoolkit.micrometer.LockMetrics;
import io.github.redistoolkit.micrometer.RateLimiterMetrics;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.pubsub.Subscription;
import io.github.redistoolkit.ratelimit.Decision;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.servlet.IdempotencyFilter;
import io.github.redistoolkit.servlet.RateLimitFilter;
import io.github.redistoolkit.spring.ToolkitCaches;
import io.github.redistoolkit.stream.DurableTopic;
import io.github.redistoolkit.stream.From;
import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.TestRedis;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import jakarta.servlet.Filter;
import java.io.IOException;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import net.javacrumbs.shedlock.core.LockConfiguration;
import net.javacrumbs.shedlock.core.LockProvider;
import net.javacrumbs.shedlock.core.SimpleLock;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.cache.annotation.Cacheable;
import org.springframework.context.annotation.Bean;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;
import tools.jackson.databind.json.JsonMapper;

/** The README's examples, compiled and run, and kept word for word what the README shows. */
@Tag("integration")
@Tag("smoke")
class ReadmeIT {

  private static final Path README = Path.of("../README.md");
  private static final Path THIS_FILE =
      Path.of("src/test/java/io/github/redistoolkit/ReadmeIT.java");

  private static final String[] KEYS = {
    "user:123",
    "user:456",
    "lock:{resource:123}",
    "lock:{resource:123}:s",
    "lock:{resource:123}:q",
    "rwlock:{index:7}",
    "rl:api:{user-123}",
    "rl:clients:{42}",
    "greeting",
    "topic:{orders}",
    "topic:{orders}:groups",
    "topic:{orders}:again:billing"
  };

  private final TestRedis redis = TestRedis.of(ClientKind.POOL);
  private final Pool<Jedis> pool = redis.over(given -> given, client -> fail("not a pool"));
  private final String requestId = redis.unique("request");
  private final Order order = new Order("order-1");
  private final Table database = new Table();
  private final Table store = database;
  private final List<Order> charged = new CopyOnWriteArrayList<>();
  private final List<Order> searched = new ArrayList<>();
  private final List<Long> refused = new ArrayList<>();
  private final BlockingQueue<UserEvent> handled = new LinkedBlockingQueue<>();

  /** The server may be someone's, and the examples' names are not marked as the tests' own. */
  @BeforeEach
  void requireUnusedKeys() {
    assertThat(redis.admin().exists(KEYS), is(0L));
  }

  @AfterEach
  void close() {
    redis.admin().del(KEYS);
    redis.removeKeys();
    redis.close();
  }

  @Test
  void everyExampleOfTheReadmeStandsInThisFile() throws IOException {
    String here = comparable(Files.readString(THIS_FILE));
    Matcher block =
        Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(Files.readString(README));
    int examples = 0;
    while (block.find()) {
      assertThat(block.group(1), here.contains(comparable(block.group(1))), is(true));
      examples++;
    }
    assertThat(examples, is(13));
  }

  private void search(Order wanted, Duration most) {
    assertThat(most, is(greaterThan(Duration.ZERO)));
    searched.add(wanted);
  }

  /** What users of another library are to write instead. What they have is of that library. */
  @Test
  void whatTheReadmeShowsBesideOtherLibrariesStandsInThisFile() throws IOException {
    String here = comparable(Files.readString(THIS_FILE));
    String readme = Files.readString(README);
    String section = readme.substring(readme.indexOf("## Coming from another library"));
    Matcher row =
        Pattern.compile("(?m)^\\| [^|\n]*: [^|\n]*\\| `([^`]*)`.*\\|$")
            .matcher(section.substring(0, section.indexOf("```")));
    int rows = 0;
    while (row.find()) {
      assertThat(row.group(1), here.contains(comparable(row.group(1))), is(true));
      rows++;
    }
    assertThat(rows, is(8));
  }

  /** Without comments, and whatever lines the formatter has made. */
  private static String comparable(String java) {
    return java.replaceAll("(?m)^ *//.*$", "").replaceAll("\\s+", " ").replace(" .", ".");
  }

  @Test
  void cache() {
    CacheService<User> cache = new CacheService<>(pool, "user:", User.class);
    cache.set("123", new User("123", "John"), Duration.ofMinutes(10));
    Optional<User> hit = cache.get("123");

    User loaded = cache.getOrLoad("456", Duration.ofMinutes(10), () -> database.find("456"));

    CacheAside<String, User> users =
        new CacheAside<>(cache, Duration.ofMinutes(10), id -> id, database::find);
    users.update("123", () -> database.rename("123", "Jane"));

    CacheGroup<User> household = cache.group("customer:7");
    User head = household.getOrLoad("head", Duration.ofMinutes(10), () -> database.find("123"));
    cache.invalidateGroup("customer:7");

    assertThat(head, is(new User("123", "Jane")));
    assertThat(household.get("head"), is(Optional.empty()));
    assertThat(hit, is(Optional.of(new User("123", "John"))));
    assertThat(loaded, is(new User("456", "Ann")));
    assertThat(users.get("123"), is(new User("123", "Jane")));
  }

  @Test
  void idempotency() {
    for (int attempt = 0; attempt < 2; attempt++) {
      IdempotencyService payments = new IdempotencyService(pool, "payments", Duration.ofHours(24));

      Receipt receipt =
          payments.execute("shop-1:" + requestId, Receipt.class, claim -> charge(order));

      assertThat(receipt, is(new Receipt("order-1")));
    }
    assertThat(charged, contains(order));
  }

  @Test
  void lock() throws InterruptedException {
    RedisLock lock = new RedisLock(pool, "resource:123", Duration.ofSeconds(30));
    try (Lease lease = lock.acquire(Duration.ofSeconds(10))) {
      store.write("balance", lease.token());
    }

    assertThat(store.tokens.get("balance"), is(greaterThan(0L)));
  }

  @Test
  void readWriteLock() throws InterruptedException {
    RedisReadWriteLock index = new RedisReadWriteLock(pool, "index:7", Duration.ofSeconds(30));
    try (Lease reading = index.readLock().acquire(Duration.ofSeconds(10))) {
      search(order, reading.remaining());
    }
    try (Lease writing = index.writeLock().acquire(Duration.ofSeconds(10))) {
      store.write("index", writing.token());
    }

    assertThat(searched, contains(order));
    assertThat(store.tokens.get("index"), is(greaterThan(0L)));
  }

  @Test
  void rateLimit() {
    for (int request = 0; request < 40; request++) {
      RateLimiter limiter =
          RateLimiter.builder(pool, "api")
              .limit(Limit.of(10, Duration.ofSeconds(1)), Limit.of(100, Duration.ofMinutes(1)))
              .build();
      Decision decision = limiter.tryAcquire("user-123");
      if (!decision.allowed()) {
        tooManyRequests(decision.retryAfterSeconds().orElseThrow());
      }
    }
    // In each second ten are granted, and these take no three.
    assertThat(refused.size(), is(allOf(greaterThan(0), lessThanOrEqualTo(30))));
  }

  @Test
  void pubSub() throws InterruptedException {
    RedisPubSub pubsub = new RedisPubSub(pool);

    Subscription subscription =
        pubsub.subscribe("events:user", UserEvent.class, message -> handle(message.body()));
    pubsub.publish("events:user", new UserEvent("user_created", "123"));

    assertThat(handled.poll(5, TimeUnit.SECONDS), is(new UserEvent("user_created", "123")));
    assertThat(subscription.isActive(), is(true));
    assertThat(pubsub.close(Duration.ofSeconds(10)), is(true));
  }

  @Test
  void durableTopic() {
    DurableTopic<Order> orders = DurableTopic.builder(pool, "orders", Order.class).build();

    IdempotencyService once =
        IdempotencyService.builder(pool, "orders-billing")
            .ttl(Duration.ofHours(24))
            .maxWait(Duration.ofMinutes(2)) // for the claim of a consumer that died at it
            .build();
    orders.subscribe(
        "billing",
        From.start(),
        message ->
            once.execute(
                message.id(),
                Receipt.class,
                claim ->
                    claim.attempt() > 1 // what had that one done?
                        ? chargeUnlessCharged(message.body())
                        : charge(message.body())));

    orders.publish(order);

    try (orders) {
      Awaitility.await().until(() -> orders.state("billing").orElseThrow().pending() == 0);
      Awaitility.await().until(() -> charged, contains(order));
      // Delivered once more, it has no second effect.
      String id = orders.read(From.start(), 1).get(0).id();
      Receipt again = once.execute(id, Receipt.class, claim -> charge(order));
      assertThat(again, is(new Receipt(order.id())));
      assertThat(charged, contains(order));
      redis.admin().del("idem:orders-billing:{" + id + "}");
    }
  }

  @Test
  void manyThreadsFewConnections() {
    UnifiedJedis shared = Coalescing.over(pool);
    shared.set("greeting", "hello");
    RateLimiter perClient =
        RateLimiter.builder(shared, "clients").limit(Limit.of(10, Duration.ofSeconds(1))).build();

    assertThat(shared.get("greeting"), is("hello"));
    assertThat(perClient.tryAcquire("42").allowed(), is(true));
  }

  @Test
  void comingFromAnotherLibrary() throws InterruptedException {
    RedisLocks locks = RedisLocks.over(pool);
    CacheService<User> cache = new CacheService<>(pool, "user:", User.class);

    Optional<Lease> lease =
        new RedisLock(pool, "resource:123", Duration.ofSeconds(30))
            .tryAcquire(Duration.ofSeconds(10));
    assertThat(lease.orElseThrow().release(), is(true));
    lease = locks.lock("resource:123", Duration.ofSeconds(30)).tryAcquire(Duration.ofSeconds(10));
    assertThat(lease.orElseThrow().release(), is(true));
    assertThat(
        cache.getOrLoad("456", Duration.ofMinutes(10), () -> database.find("456")),
        is(new User("456", "Ann")));
    assertThat(
        new RateLimiter(pool, "api", 100, Duration.ofMinutes(1)).isAllowed("user-123"), is(true));
    assertThat(Limit.tokenBucket(100, 10, Duration.ofSeconds(1)).permits(), is(100L));
  }

  /** As one of Spring's, it is made where {@code @Cacheable} is read. */
  @Cacheable(cacheNames = "users", sync = true)
  User cached(String id) {
    return database.find(id);
  }

  @Test
  void shedLock() {
    final class ToolkitLockProvider implements LockProvider {
      private final Pool<Jedis> pool;

      ToolkitLockProvider(Pool<Jedis> pool) {
        this.pool = pool;
      }

      @Override
      public Optional<SimpleLock> lock(LockConfiguration job) {
        RedisLock.Builder lock = RedisLock.builder(pool, job.getName(), job.getLockAtMostFor());
        if (!job.getLockAtLeastFor().isZero()) {
          lock = lock.keepAtLeast(job.getLockAtLeastFor());
        }
        return lock.build().tryAcquire().map(lease -> lease::close);
      }
    }

    LockProvider provider = new ToolkitLockProvider(pool);
    LockConfiguration job = job(redis.unique("job"), Duration.ZERO);
    LockConfiguration atLeast = job(redis.unique("job"), Duration.ofSeconds(20));

    for (int run = 0; run < 2; run++) {
      SimpleLock lock = provider.lock(job).orElseThrow();
      assertThat(provider.lock(job).isPresent(), is(false));
      lock.unlock();
    }
    provider.lock(atLeast).orElseThrow().unlock();
    assertThat(provider.lock(atLeast).isPresent(), is(false));
  }

  private static LockConfiguration job(String name, Duration atLeast) {
    return new LockConfiguration(Instant.now(), name, Duration.ofSeconds(30), atLeast);
  }

  @Test
  void metrics() {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    CacheService<User> cache = new CacheService<>(pool, "user:", User.class);

    RateLimiter measured =
        RateLimiter.builder(pool, "api")
            .limit(Limit.of(100, Duration.ofMinutes(1)).named("per-minute"))
            .listener(RateLimiterMetrics.listener(registry))
            .build();
    RedisLocks locks =
        RedisLocks.builder(pool).listener(LockMetrics.listener(registry, "orders")).build();
    CacheMetrics.monitor(registry, cache, "users");

    assertThat(measured.isAllowed("user-123"), is(true));
    assertThat(registry.get("redis.ratelimit.decisions").counter().count(), is(1.0));
    Lease lease = locks.lock("resource:123", Duration.ofSeconds(30)).tryAcquire().orElseThrow();
    assertThat(lease.release(), is(true));
    assertThat(registry.get("redis.lock.held").timer().count(), is(1L));
    assertThat(registry.get("cache.gets").functionCounters().size(), is(2));
  }

  /** Suites of their own have requests go through them. */
  @Test
  void http() {
    RateLimiter perUser =
        RateLimiter.builder(pool, "http")
            .limit(Limit.of(100, Duration.ofMinutes(1)).named("per-minute"))
            .build();
    Filter rateLimit =
        new RateLimitFilter(perUser, request -> request.getUserPrincipal().getName());

    // Kept alive, or a request that takes longer than the lease may run twice at once.
    IdempotencyService requests =
        IdempotencyService.builder(pool, "http").keepAlive(Duration.ofMinutes(10)).build();
    Filter idempotency =
        IdempotencyFilter.builder(requests, request -> request.getUserPrincipal().getName())
            .replayedHeaders("Location", "ETag")
            .build();

    assertThat(List.of(rateLimit, idempotency).size(), is(2));
  }

  @Bean
  ToolkitCaches caches(Pool<Jedis> pool) {
    return ToolkitCaches.builder(pool).cache("users", User.class, Duration.ofMinutes(10)).build();
  }

  @Test
  void springCaches() {
    try (ToolkitCaches caches = caches(pool)) {
      assertThat(caches.getCacheNames(), contains("users"));
    }
  }

  @Test
  void ownMapper() {
    final class JacksonCodec implements JsonCodec {
      private final JsonMapper mapper = JsonMapper.builder().build();

      @Override
      public String encode(Object value, Type type) {
        return mapper.writerFor(mapper.constructType(type)).writeValueAsString(value);
      }

      @Override
      public Object decode(String json, Type type) {
        return mapper.readValue(json, mapper.constructType(type));
      }
    }

    CacheService<User> cache =
        CacheService.builder(pool, "user:", User.class).codec(new JacksonCodec()).build();

    cache.set(requestId, new User("123", "John"), Duration.ofMinutes(10));
    assertThat(cache.get(requestId), is(Optional.of(new User("123", "John"))));
  }

  record User(String id, String name) {}

  record Order(String id) {}

  record Receipt(String orderId) {}

  record UserEvent(String event, String userId) {}

  private Receipt charge(Order paid) {
    charged.add(paid);
    return new Receipt(paid.id());
  }

  private Receipt chargeUnlessCharged(Order paid) {
    return charged.contains(paid) ? new Receipt(paid.id()) : charge(paid);
  }

  private void tooManyRequests(long retryAfterSeconds) {
    refused.add(retryAfterSeconds);
  }

  private void handle(UserEvent event) {
    handled.add(event);
  }

  /** What stands behind the examples. */
  private static final class Table {

    private final Map<String, User> users =
        new HashMap<>(Map.of("123", new User("123", "John"), "456", new User("456", "Ann")));
    private final Map<String, Long> tokens = new HashMap<>();

    User find(String id) {
      return users.get(id);
    }

    User rename(String id, String name) {
      return users.put(id, new User(id, name));
    }

    void write(String row, long token) {
      tokens.merge(row, token, Math::max);
    }
  }
}
