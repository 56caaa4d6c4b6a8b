package io.github.redistoolkit.lock;

import io.github.redistoolkit.testing.LeastPrivilege;
import io.github.redistoolkit.testing.TestRedis;

/** The same, as a user who may do no more than the documentation says that semaphores need. */
class SemaphoreLeastPrivilegeIT extends SemaphoreIT {

  SemaphoreLeastPrivilegeIT(TestRedis redis) {
    super(
        LeastPrivilege.of(
            redis, "redis-lock", "redis-lock with semaphores, besides", "~tenant:semaphore:*"));
  }
}
