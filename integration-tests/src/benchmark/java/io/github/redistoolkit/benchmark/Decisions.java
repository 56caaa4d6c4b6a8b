package io.github.redistoolkit.benchmark;

import io.github.bucket4j.BucketConfiguration;
import io.github.bucket4j.distributed.ExpirationAfterWriteStrategy;
import io.github.bucket4j.distributed.proxy.ProxyManager;
import io.github.bucket4j.distributed.serialization.Mapper;
import io.github.bucket4j.redis.jedis.Bucket4jJedis;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.redisson.api.RFuture;
import org.redisson.api.RRateLimiter;
import org.redisson.api.RateType;
import org.redisson.api.RedissonClient;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/**
 * A rate limiter, asked for one permit at a time.
 *
 * <p>Only ours and Redisson's keep an exact sliding window. A counter by hand lets twice the limit
 * through at the edge of two windows, and so does Bucket4j's bucket, which refills while it is
 * emptied, and whose clock is the client's.
 */
interface Decisions {

  Duration WINDOW = Duration.ofSeconds(1);

  /** Whether this id is granted a permit now. */
  boolean tryAcquire(String id);

  /** Does once what a user does once before an id is asked for. */
  default void prepare(List<String> ids) {}

  /** So many permits a second, as the row limits them. */
  static Decisions open(Access access, long permits) {
    return switch (access.through()) {
      case RAW -> Counter.over(access.pool(), permits);
      case POOL, CLIENT, COALESCING, COALESCING_2 ->
          decidedBy(limiter(access, Limit.of(permits, WINDOW)).build());
      case AHEAD ->
          decidedBy(
              limiter(access, Limit.of(permits, WINDOW))
                  .permitsAhead(1_000_000, Duration.ofMillis(10))
                  .build());
      case DENY_CACHE ->
          decidedBy(limiter(access, Limit.of(permits, WINDOW)).denyCache(10_000).build());
      case REDISSON -> new OfRedisson(Peers.redisson(access), permits);
      case BUCKET4J -> OfBucket4j.over(access.pool(), permits);
      case TWO_KEYS -> TokensInTwoKeys.over(access.pool(), permits);
      default -> throw new IllegalArgumentException(access.through() + " limits no rate");
    };
  }

  /** The same, of a bucket where ours has one. */
  static Decisions openBucket(Access access, long permits) {
    return switch (access.through()) {
      case POOL, CLIENT, COALESCING, COALESCING_2 ->
          decidedBy(limiter(access, Limit.tokenBucket(permits, permits, WINDOW)).build());
      default -> open(access, permits);
    };
  }

  private static RateLimiter.Builder limiter(Access access, Limit limit) {
    return access
        .over(pool -> RateLimiter.builder(pool, "b"), client -> RateLimiter.builder(client, "b"))
        .limit(limit);
  }

  private static Decisions decidedBy(RateLimiter limiter) {
    return id -> limiter.tryAcquire(id).allowed();
  }

  /** What one would write by hand: a script that counts in fixed windows. */
  record Counter(Pool<Jedis> pool, String sha1, List<String> args) implements Decisions {

    private static final String COUNT =
        """
        local n = redis.call('INCR', KEYS[1])
        if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
        return n <= tonumber(ARGV[1]) and 1 or 0
        """;

    static Counter over(Pool<Jedis> pool, long permits) {
      return new Counter(
          pool,
          RawScript.load(pool, COUNT),
          List.of(Long.toString(permits), Long.toString(WINDOW.toMillis())));
    }

    @Override
    public boolean tryAcquire(String id) {
      try (Jedis jedis = pool.getResource()) {
        return jedis.evalsha(sha1, List.of(id), args).equals(1L);
      }
    }
  }

  /** A script that keeps tokens and their time in a key each, and tells time by whole seconds. */
  record TokensInTwoKeys(Pool<Jedis> pool, String sha1, List<String> args) implements Decisions {

    private static final String TAKE =
        """
        local rate, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
        local now = tonumber(redis.call('TIME')[1])
        local tokens = tonumber(redis.call('GET', KEYS[1])) or capacity
        local seen = tonumber(redis.call('GET', KEYS[2])) or 0
        tokens = math.min(capacity, tokens + math.max(0, now - seen) * rate)
        local allowed = tokens >= 1
        if allowed then tokens = tokens - 1 end
        redis.call('SETEX', KEYS[1], 2, tokens)
        redis.call('SETEX', KEYS[2], 2, now)
        return {allowed and 1 or 0, tokens}
        """;

    static TokensInTwoKeys over(Pool<Jedis> pool, long permits) {
      String all = Long.toString(permits);
      return new TokensInTwoKeys(pool, RawScript.load(pool, TAKE), List.of(all, all));
    }

    @Override
    public boolean tryAcquire(String id) {
      try (Jedis jedis = pool.getResource()) {
        List<?> reply = (List<?>) jedis.evalsha(sha1, List.of(id, id + ":time"), args);
        return Long.valueOf(1).equals(reply.get(0));
      }
    }
  }

  /**
   * {@code RRateLimiter}. Each id has to be told its rate before; that is not measured, though who
   * does not know whether an id is new has to do it each time.
   */
  record OfRedisson(RedissonClient redisson, long permits) implements Decisions {

    @Override
    public void prepare(List<String> ids) {
      CompletableFuture<?>[] told =
          ids.stream()
              .map(redisson::getRateLimiter)
              .map(limiter -> limiter.trySetRateAsync(RateType.OVERALL, permits, WINDOW))
              .map(RFuture::toCompletableFuture)
              .toArray(CompletableFuture[]::new);
      CompletableFuture.allOf(told).join();
    }

    @Override
    public boolean tryAcquire(String id) {
      RRateLimiter limiter = redisson.getRateLimiter(id);
      return limiter.tryAcquire();
    }
  }

  /** A bucket in each key, compared and swapped. */
  record OfBucket4j(ProxyManager<String> buckets, BucketConfiguration limit) implements Decisions {

    static OfBucket4j over(Pool<Jedis> pool, long permits) {
      ProxyManager<String> buckets =
          Bucket4jJedis.casBasedBuilder(pool)
              .expirationAfterWrite(
                  ExpirationAfterWriteStrategy.basedOnTimeForRefillingBucketUpToMax(WINDOW))
              .keyMapper(Mapper.STRING)
              .build();
      BucketConfiguration limit =
          BucketConfiguration.builder()
              .addLimit(bucket -> bucket.capacity(permits).refillGreedy(permits, WINDOW))
              .build();
      return new OfBucket4j(buckets, limit);
    }

    @Override
    public boolean tryAcquire(String id) {
      return buckets.builder().build(id, () -> limit).tryConsume(1);
    }
  }
}
