package io.github.redistoolkit.cache;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Failures of Redis that the caller is spared, because the load itself went well: all counted, one
 * in ten seconds logged.
 */
final class RedisFailures {

  private static final Logger LOG = LoggerFactory.getLogger(RedisFailures.class);
  private static final long QUIET_NANOS = Duration.ofSeconds(10).toNanos();

  private final Counters counters;
  private final AtomicLong nextWarning = new AtomicLong(System.nanoTime());

  RedisFailures(Counters counters) {
    this.counters = counters;
  }

  void add(String key, JedisException failure) {
    counters.redisFailures.increment();
    counters.tell(listener -> listener.onRedisFailure(key, failure));
    long now = System.nanoTime();
    long next = nextWarning.get();
    if (now - next >= 0 && nextWarning.compareAndSet(next, now + QUIET_NANOS)) {
      LOG.warn("Redis failed for key {}, so what is loaded may not be cached", key, failure);
    } else {
      LOG.debug("Redis failed for key {}", key, failure);
    }
  }
}
