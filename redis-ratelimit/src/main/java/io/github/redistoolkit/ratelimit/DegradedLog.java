package io.github.redistoolkit.ratelimit;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import redis.clients.jedis.exceptions.JedisException;

/** Says once in a while that a policy decides in Redis's place, and why. */
final class DegradedLog {

  private static final Logger LOG = LoggerFactory.getLogger(RateLimiter.class);
  private static final long PAUSE_NANOS = Duration.ofSeconds(10).toNanos();

  // Of all limiters together: what fails is the Redis that they share, mostly.
  private static final AtomicLong NEXT = new AtomicLong(System.nanoTime());
  private static final AtomicLong UNTOLD = new AtomicLong();

  private DegradedLog() {}

  static void tell(String name, OnUnavailable policy, JedisException cause) {
    long count = UNTOLD.incrementAndGet();
    long now = System.nanoTime();
    long next = NEXT.get();
    if (now - next >= 0 && NEXT.compareAndSet(next, now + PAUSE_NANOS)) {
      UNTOLD.addAndGet(-count);
      LOG.warn(
          "Redis cannot decide: {} of limiter {} does, as it or others did {} times since this was"
              + " last said",
          policy,
          name,
          count,
          cause);
    }
  }
}
