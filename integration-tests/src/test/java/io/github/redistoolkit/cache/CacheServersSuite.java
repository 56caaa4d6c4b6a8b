package io.github.redistoolkit.cache;

import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;

/**
 * Servers to be disturbed and two caches on them, with which suites begin; nothing runs on after a
 * test.
 */
abstract class CacheServersSuite {

  static final Duration MINUTE = Duration.ofMinutes(1);

  final PrivateRedis servers;
  final TestRedis redis;
  final String key;
  final CacheService<Integer> cache;

  /** Shares nothing with the first but Redis. */
  final CacheService<Integer> otherJvm;

  /** What {@link #aside} loads from. */
  final AtomicInteger database = new AtomicInteger(1);

  final ExecutorService threads = Executors.newCachedThreadPool();

  CacheServersSuite(TestRedis shared) {
    this.servers = shared.privateServers();
    this.redis = servers.redis();
    this.key = redis.unique("key");
    this.cache = Fixtures.cache(redis, Integer.class);
    this.otherJvm = Fixtures.cache(redis, Integer.class);
  }

  @AfterEach
  void leavesNothingBehind() {
    threads.shutdownNow();
    cache.close();
    otherJvm.close();
  }

  CacheAside<String, Integer> aside(CacheService<Integer> through) {
    return new CacheAside<>(through, MINUTE, id -> id, id -> database.get());
  }
}
