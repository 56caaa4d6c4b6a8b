package io.github.redistoolkit.cache;

import io.github.redistoolkit.cache.NearCache.Stamp;
import io.github.redistoolkit.testing.TestRedis;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;

/** A near cache whose fill looks for changes after the read instead of before it. */
final class NaiveNearReads extends NearReads {

  NaiveNearReads(TestRedis redis, String prefix) {
    super(redis, redis, prefix);
  }

  @Override
  long readFromRedis(String key) {
    long value = Long.parseLong(client.get(prefix + key));
    // As long as between two writes of a key, so that the last one is all but certain to fall here.
    LockSupport.parkNanos(ThreadLocalRandom.current().nextInt(5_000_000));
    Stamp tooLate = near.stamp(key);
    if (tooLate != null) {
      near.put(key, tooLate, value, String.valueOf(value), 60_000);
    }
    return value;
  }
}
