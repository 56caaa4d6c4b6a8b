package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;

/** What the suites test, built on the pool or the client that a suite's Redis is reached by. */
final class Services {

  private Services() {}

  static IdempotencyService.Builder builder(TestRedis redis) {
    return redis.over(IdempotencyService::builder, IdempotencyService::builder);
  }

  /** One with the defaults. */
  static IdempotencyService on(TestRedis redis) {
    return builder(redis).build();
  }

  /** What a service sends, each of it once. */
  static Records records(TestRedis redis, Duration ttl) {
    return new Records(redis.access(), ttl);
  }
}
