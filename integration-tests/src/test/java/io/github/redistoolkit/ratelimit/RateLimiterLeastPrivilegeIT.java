package io.github.redistoolkit.ratelimit;

import io.github.redistoolkit.testing.LeastPrivilege;
import io.github.redistoolkit.testing.TestRedis;

/** The same, as a user who may do no more than the documentation says that the module needs. */
class RateLimiterLeastPrivilegeIT extends RateLimiterIT {

  RateLimiterLeastPrivilegeIT(TestRedis redis) {
    super(LeastPrivilege.of(redis, "redis-ratelimit"));
  }
}
