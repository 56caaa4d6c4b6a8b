package io.github.redistoolkit.spring;

import io.github.redistoolkit.ratelimit.OnUnavailable;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * The properties of the toolkit.
 *
 * @param idempotency of the idempotency service
 * @param ratelimit of the rate limiters
 */
@ConfigurationProperties("redis.toolkit")
record RedisToolkitProperties(
    @DefaultValue Idempotency idempotency, @DefaultValue RateLimits ratelimit) {

  /**
   * Of the idempotency service.
   *
   * @param name what the requests are for. Services of different names share no keys.
   * @param ttl how long an answer is remembered.
   * @param lease how long an owner may work before another caller takes over.
   * @param keepAlive for how long, at most, the lease of an owner that still works is kept alive.
   *     Without it none is.
   */
  record Idempotency(
      @DefaultValue("application") String name,
      @DefaultValue("24h") Duration ttl,
      @DefaultValue("60s") Duration lease,
      @Nullable Duration keepAlive) {}

  /**
   * Of the rate limiters.
   *
   * @param limits the limits of each limiter by its name, as in "100/1m,10/1s". The bean of the
   *     limiter "api" is "apiRateLimiter".
   * @param onUnavailable what the limiters do when Redis cannot decide.
   */
  record RateLimits(
      @DefaultValue Map<String, String> limits,
      @DefaultValue("throw") OnUnavailable onUnavailable) {}
}
