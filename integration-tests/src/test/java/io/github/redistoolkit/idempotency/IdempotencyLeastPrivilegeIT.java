package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.testing.LeastPrivilege;
import io.github.redistoolkit.testing.TestRedis;

/** The same, as a user who may do no more than the documentation says that the module needs. */
class IdempotencyLeastPrivilegeIT extends IdempotencyIT {

  IdempotencyLeastPrivilegeIT(TestRedis redis) {
    super(LeastPrivilege.of(redis, "redis-idempotency", "~<prefix>*")); // one test sets a prefix
  }
}
