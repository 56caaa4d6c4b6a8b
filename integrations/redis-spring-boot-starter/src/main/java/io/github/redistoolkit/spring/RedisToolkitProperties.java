package io.github.redistoolkit.spring;

import io.github.redistoolkit.ratelimit.OnUnavailable;
import io.github.redistoolkit.stream.WhenFull;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;

/**
 * The properties of the toolkit.
 *
 * @param idempotency of the idempotency service
 * @param ratelimit of the rate limiters
 * @param streams of the durable topics, by their names. The bean of the topic "orders" is
 *     "ordersDurableTopic".
 */
@ConfigurationProperties("redis.toolkit")
record RedisToolkitProperties(
    @DefaultValue Idempotency idempotency,
    @DefaultValue RateLimits ratelimit,
    @DefaultValue Map<String, Stream> streams) {

  /**
   * Of the idempotency service.
   *
   * @param name what the requests are for. Services of different names share no keys.
   * @param ttl how long an answer is remembered.
   * @param lease how long an owner may work before another caller takes over.
   * @param keepAlive for how long, at most, the lease of an owner that still works is kept alive.
   *     Without it none is.
   * @param http of the filter that handles HTTP requests once; needs redis-servlet.
   */
  record Idempotency(
      @DefaultValue("application") String name,
      @DefaultValue("24h") Duration ttl,
      @DefaultValue("60s") Duration lease,
      @Nullable Duration keepAlive,
      @DefaultValue IdempotencyHttp http) {}

  /**
   * Of the filter that handles HTTP requests once.
   *
   * @param paths before which it stands, such as "/payments/*", below the context path. Unless this
   *     is set, there is no filter.
   * @param methods whose requests are guarded.
   * @param keyOptional whether a request without an Idempotency-Key passes, unguarded. Else it is
   *     answered with 400.
   * @param maxBody the largest body that a guarded request may have.
   * @param replayedHeaders which fields of a response are replayed, besides those that say how to
   *     read the body.
   */
  record IdempotencyHttp(
      @DefaultValue List<String> paths,
      @DefaultValue({"POST", "PATCH"}) List<String> methods,
      @DefaultValue("false") boolean keyOptional,
      @DefaultValue("1MB") DataSize maxBody,
      @DefaultValue({"Location", "ETag"}) List<String> replayedHeaders) {}

  /**
   * Of the rate limiters.
   *
   * @param limits the limits of each limiter by its name, as in "100/1m,10/1s". The bean of the
   *     limiter "api" is "apiRateLimiter".
   * @param http the paths before which each limiter stands, by its name, such as "/api/*", below
   *     the context path; needs redis-servlet.
   * @param onUnavailable what the limiters do when Redis cannot decide.
   */
  record RateLimits(
      @DefaultValue Map<String, String> limits,
      @DefaultValue Map<String, List<String>> http,
      @DefaultValue("throw") OnUnavailable onUnavailable) {}

  /**
   * Of a durable topic. What is not set is as DurableTopic.Builder has it.
   *
   * @param type the class of its messages.
   * @param name what it is called in Redis. Unless set, as in the name of the property.
   * @param partitions over how many streams the topic is spread. It cannot be changed later.
   * @param concurrency how many handlers of one subscription may run at the same time.
   * @param batch how many messages one subscription may have read and not done with.
   * @param lease for how long a message stays with a consumer that does not renew.
   * @param retryDelay how long a message waits before it is delivered again after its handler
   *     threw.
   * @param maxDeliveries how often a message is delivered before it becomes a dead letter.
   * @param handlerTimeout for how long the lease of a handler that runs is renewed. Unless set, as
   *     long as it runs.
   * @param closeTimeout how long handlers that run are waited for at the end.
   * @param maxAge after how long a message is trimmed, whoever still needs it. Unless set, never.
   * @param maxLength how many messages the topic may have. Unless set, any number.
   * @param whenFull what happens then: the next is refused, which is the default, or the oldest is
   *     trimmed.
   */
  record Stream(
      @Nullable Class<?> type,
      @Nullable String name,
      @Nullable Integer partitions,
      @Nullable Integer concurrency,
      @Nullable Integer batch,
      @Nullable Duration lease,
      @Nullable Duration retryDelay,
      @Nullable Integer maxDeliveries,
      @Nullable Duration handlerTimeout,
      @Nullable Duration closeTimeout,
      @Nullable Duration maxAge,
      @Nullable Long maxLength,
      @Nullable WhenFull whenFull) {}
}
