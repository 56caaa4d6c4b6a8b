package io.github.redistoolkit.cache;

import io.github.redistoolkit.testing.LeastPrivilege;
import io.github.redistoolkit.testing.TestRedis;
import org.junit.jupiter.api.Tag;

/** The same, as a user who may do no more than the documentation says that the module needs. */
@Tag("acl")
class CacheNearLeastPrivilegeIT extends CacheNearIT {

  CacheNearLeastPrivilegeIT(TestRedis redis) {
    super(LeastPrivilege.of(redis, "redis-cache", "redis-cache with a near cache, besides"));
  }
}
