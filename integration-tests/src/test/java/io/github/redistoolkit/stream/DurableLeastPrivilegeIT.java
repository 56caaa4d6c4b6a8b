package io.github.redistoolkit.stream;

import io.github.redistoolkit.testing.LeastPrivilege;
import io.github.redistoolkit.testing.TestRedis;

/** The same, as a user who may do no more than the documentation says that the module needs. */
class DurableLeastPrivilegeIT extends DurableTopicIT {

  DurableLeastPrivilegeIT(TestRedis redis) {
    super(LeastPrivilege.of(redis, "redis-stream", "~<prefix>*"));
  }
}
