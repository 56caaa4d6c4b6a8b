package io.github.redistoolkit.lending;

import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.ratelimit.RateLimiter;
import java.time.Duration;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * One instance of the lending service, as it would run in one JVM; all share database and Redis.
 */
record Branch(
    UserService users,
    LoanService loans,
    RedisLock fund,
    CacheService<User> userCache,
    RedisPubSub events)
    implements AutoCloseable {

  static final int REQUESTS_A_MINUTE = 60;
  private static final String LOANS = "loans";

  private static final Duration WINDOW = Duration.ofMinutes(1);
  private static final Duration RESULTS_LIVE = Duration.ofHours(1);
  private static final Duration LEASE = Duration.ofSeconds(5);
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  static Branch open(Pool<Jedis> pool, LendingDatabase database, String names) {
    return of(
        database,
        names,
        new CacheService<>(pool, names + "user:", User.class),
        IdempotencyService.builder(pool, LOANS).ttl(RESULTS_LIVE).maxWait(PATIENCE).build(),
        new RateLimiter(pool, "lending", REQUESTS_A_MINUTE, WINDOW),
        new RedisLock(pool, names + "fund:main", LEASE),
        new RedisPubSub(pool));
  }

  static Branch open(UnifiedJedis client, LendingDatabase database, String names) {
    return of(
        database,
        names,
        new CacheService<>(client, names + "user:", User.class),
        IdempotencyService.builder(client, LOANS).ttl(RESULTS_LIVE).maxWait(PATIENCE).build(),
        new RateLimiter(client, "lending", REQUESTS_A_MINUTE, WINDOW),
        new RedisLock(client, names + "fund:main", LEASE),
        new RedisPubSub(client));
  }

  private static Branch of(
      LendingDatabase database,
      String names,
      CacheService<User> userCache,
      IdempotencyService requests,
      RateLimiter perUser,
      RedisLock fund,
      RedisPubSub events) {
    UserService users = new UserService(database, userCache);
    return new Branch(
        users,
        new LoanService(database, users, requests, perUser, fund, events, names),
        fund,
        userCache,
        events);
  }

  @Override
  public void close() {
    events.close();
    userCache.close();
  }
}
