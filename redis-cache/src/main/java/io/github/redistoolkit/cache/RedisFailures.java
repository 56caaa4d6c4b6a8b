package io.github.redistoolkit.cache;

import io.github.redistoolkit.core.EventLog;
import io.github.redistoolkit.core.Failures;
import java.util.concurrent.CompletionException;
import redis.clients.jedis.exceptions.JedisException;

/** Failures of Redis that the caller is spared, because the load itself went well. */
final class RedisFailures {

  private static final EventLog LOG = EventLog.shared(CacheService.class);

  private final Counters counters;

  RedisFailures(Counters counters) {
    this.counters = counters;
  }

  void add(String key, JedisException failure) {
    counters.redisFailures.increment();
    counters.tell(listener -> listener.onRedisFailure(key, failure));
    LOG.warn(failure, "Redis failed for key {}, so what is loaded may not be cached", key);
  }

  /** An interrupt is not Redis's failure: the caller is to end. */
  static void throwIfInterrupted(JedisException e) {
    if (Failures.isInterrupt(e)) {
      throw new CompletionException("interrupted while waiting for a connection", e.getCause());
    }
  }
}
