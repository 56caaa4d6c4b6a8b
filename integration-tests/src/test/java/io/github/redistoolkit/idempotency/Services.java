package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.CoreAccess;
import io.github.redistoolkit.testing.TestRedis;

/** What the suites test, built on the pool or the client that a suite's Redis is reached by. */
final class Services {

  static final String NAME = "tests";

  private Services() {}

  static IdempotencyService.Builder builder(TestRedis redis) {
    return builder(redis, NAME);
  }

  static IdempotencyService.Builder builder(TestRedis redis, String name) {
    return redis.over(
        pool -> IdempotencyService.builder(pool, name),
        client -> IdempotencyService.builder(client, name));
  }

  /** One with the defaults. */
  static IdempotencyService on(TestRedis redis) {
    return builder(redis).build();
  }

  /** What a service sends, each of it once. */
  static Records records(TestRedis redis) {
    return new Records(CoreAccess.of(redis), Alarms.shared());
  }
}
