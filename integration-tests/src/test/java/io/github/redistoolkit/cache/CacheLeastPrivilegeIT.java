package io.github.redistoolkit.cache;

import io.github.redistoolkit.testing.LeastPrivilege;
import io.github.redistoolkit.testing.TestRedis;

/** The same, as a user who may do no more than the documentation says that the module needs. */
class CacheLeastPrivilegeIT extends CacheServiceIT {

  CacheLeastPrivilegeIT(TestRedis redis) {
    super(LeastPrivilege.of(redis, "redis-cache"));
  }
}
