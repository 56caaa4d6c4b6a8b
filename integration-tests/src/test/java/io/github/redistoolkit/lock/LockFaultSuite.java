package io.github.redistoolkit.lock;

import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;

/** A network that fails on demand, with which suites begin; nothing of it is left after a test. */
abstract class LockFaultSuite {

  static final Duration LEASE = Duration.ofSeconds(30);

  final TestRedis redis;
  final FaultProxy proxy;

  /** The same Redis, over that network. */
  final TestRedis faulty;

  final AtomicInteger losses = new AtomicInteger();

  LockFaultSuite(TestRedis redis) {
    this.redis = redis;
    this.proxy = redis.proxy();
    this.faulty = redis.through(proxy);
  }

  @AfterEach
  void leavesNothingBehind() {
    proxy.close();
    faulty.close();
  }

  /** A name whose server knows the scripts, so that the next request is what a test counts. */
  String prepared(String text) {
    return Locks.prepared(redis, text);
  }
}
