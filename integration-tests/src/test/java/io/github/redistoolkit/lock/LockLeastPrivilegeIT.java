package io.github.redistoolkit.lock;

import io.github.redistoolkit.testing.LeastPrivilege;
import io.github.redistoolkit.testing.TestRedis;

/** The same, as a user who may do no more than the documentation says that the module needs. */
class LockLeastPrivilegeIT extends LockIT {

  LockLeastPrivilegeIT(TestRedis redis) {
    super(LeastPrivilege.of(redis, "redis-lock"));
  }
}
