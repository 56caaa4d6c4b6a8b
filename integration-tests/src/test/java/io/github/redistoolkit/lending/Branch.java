package io.github.redistoolkit.lending;

import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.idempotency.IdempotencyService;
import io.github.redistoolkit.lock.RedisLock;
import io.github.redistoolkit.pubsub.RedisPubSub;
import io.github.redistoolkit.pubsub.Subscription;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import io.github.redistoolkit.servlet.IdempotencyFilter;
import io.github.redistoolkit.servlet.RateLimitFilter;
import java.net.URI;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/**
 * One instance of the lending service, as it would run in one JVM, with a web server of its own;
 * all share database and Redis.
 */
final class Branch implements AutoCloseable {

  static final int APPLICATIONS_A_MINUTE = 60;

  private static final Duration LEASE = Duration.ofSeconds(5);

  private final RedisLock fund;
  private final CacheService<User> userCache;
  private final RedisPubSub events;
  private final Subscription subscription;
  private final Queue<LoanEvent> heard = new ConcurrentLinkedQueue<>();
  private final LendingServer server;

  static Branch open(Pool<Jedis> pool, HeadOffice office) {
    return new Branch(
        office,
        CacheService.builder(pool, office.names() + "user:", User.class),
        IdempotencyService.builder(pool, operation(office)),
        RateLimiter.builder(pool, "lending"),
        RedisLock.builder(pool, office.names() + "fund:main", LEASE),
        RedisPubSub.builder(pool));
  }

  static Branch open(UnifiedJedis client, HeadOffice office) {
    return new Branch(
        office,
        CacheService.builder(client, office.names() + "user:", User.class),
        IdempotencyService.builder(client, operation(office)),
        RateLimiter.builder(client, "lending"),
        RedisLock.builder(client, office.names() + "fund:main", LEASE),
        RedisPubSub.builder(client));
  }

  private static String operation(HeadOffice office) {
    return office.names().replace(':', '-') + "loans";
  }

  private Branch(
      HeadOffice office,
      CacheService.Builder<User> users,
      IdempotencyService.Builder requests,
      RateLimiter.Builder perUser,
      RedisLock.Builder fund,
      RedisPubSub.Builder events) {
    Figures figures = office.figures();
    this.fund = fund.listener(figures.ofLock()).build();
    this.userCache = figures.measured(users.build());
    this.events = figures.measured(events.build());
    // Each branch hears of what any of them does.
    this.subscription =
        this.events.subscribe(
            office.names() + LoanEvent.CHANNEL,
            LoanEvent.class,
            message -> heard.add(message.body()));
    LoanService loans =
        new LoanService(office.database(), this.fund, figures, this.events, office.names());
    RateLimitFilter limit =
        new RateLimitFilter(
            perUser
                .limit(Limit.of(APPLICATIONS_A_MINUTE, Duration.ofMinutes(1)).named("per-minute"))
                .listener(figures.ofLimiter())
                .build(),
            request -> office.names() + request.getUserPrincipal().getName());
    IdempotencyFilter once =
        IdempotencyFilter.builder(
                requests
                    .ttl(Duration.ofHours(1))
                    .keepAlive(Duration.ofMinutes(1))
                    .listener(figures.ofRequests())
                    .build(),
                request -> request.getUserPrincipal().getName())
            .build();
    LendingApi api = new LendingApi(new UserService(office.database(), userCache), loans, figures);
    this.server = LendingServer.start(api, figures.ofResponses(), limit, once);
  }

  RedisLock fund() {
    return fund;
  }

  /** What this branch has heard of. */
  Queue<LoanEvent> heard() {
    return heard;
  }

  URI uri(String path) {
    return server.uri(path);
  }

  @Override
  public void close() {
    server.close();
    subscription.close();
    events.close();
    userCache.close();
  }
}
