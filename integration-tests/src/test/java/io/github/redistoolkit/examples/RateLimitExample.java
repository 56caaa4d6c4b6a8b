package io.github.redistoolkit.examples;

import io.github.redistoolkit.ratelimit.Decision;
import io.github.redistoolkit.ratelimit.Limit;
import io.github.redistoolkit.ratelimit.RateLimiter;
import java.io.PrintStream;
import java.time.Duration;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

/** A caller asks fifteen times where ten an hour are allowed, and is told when to come back. */
public final class RateLimitExample {

  private RateLimitExample() {}

  /** Runs it on a Redis of the test bed. */
  public static void main(String[] args) {
    try (Bed bed = Bed.open()) {
      run(bed.pool(), bed.prefix(), System.out);
    }
  }

  static void run(Pool<Jedis> pool, String prefix, PrintStream out) {
    RateLimiter limiter =
        RateLimiter.builder(pool, "api")
            .prefix(prefix)
            .limit(Limit.of(10, Duration.ofHours(1)), Limit.of(1_000, Duration.ofDays(1)))
            .build();

    int allowed = 0;
    Decision last = limiter.peek("user-123");
    for (int i = 0; i < 15; i++) {
      last = limiter.tryAcquire("user-123");
      allowed += last.allowed() ? 1 : 0;
    }
    out.println("15 requests, allowed: " + allowed);
    long minutes = (last.retryAfterSeconds().orElseThrow() + 59) / 60;
    out.println("come back in minutes: " + minutes);
    out.println("another user is allowed: " + limiter.isAllowed("user-456"));
  }
}
