package io.github.redistoolkit.cache;

import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;

/**
 * A network that fails on demand, with which suites begin; nothing is left borrowed or open after a
 * test.
 */
abstract class CacheFaultSuite {

  static final Duration MINUTE = Duration.ofMinutes(1);

  final TestRedis redis;
  final FaultProxy network;

  /** The same Redis, over that network. */
  final TestRedis behind;

  final ExecutorService threads = Executors.newCachedThreadPool();

  CacheFaultSuite(TestRedis redis) {
    this.redis = redis;
    this.network = redis.proxy();
    this.behind = redis.through(network);
  }

  @AfterEach
  void leavesNothingBehind() {
    network.heal();
    threads.shutdownNow();
    Awaitility.await().until(() -> behind.borrowed() == 0);
    behind.close();
    network.close();
  }
}
