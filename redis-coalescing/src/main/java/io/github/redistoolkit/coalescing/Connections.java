package io.github.redistoolkit.coalescing;

import io.github.redistoolkit.core.Loan;
import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.Optional;

/** Where the lanes' connections come from: the caller's pool, or a script in tests. */
interface Connections {

  Loan borrow();

  /** How long a caller waits for one; empty if without a bound. */
  Optional<Duration> maxWait();

  static Connections of(RedisAccess redis) {
    return new Connections() {
      @Override
      public Loan borrow() {
        return redis.borrow();
      }

      @Override
      public Optional<Duration> maxWait() {
        return redis.maxWait();
      }
    };
  }
}
