package io.github.redistoolkit.cache;

import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;

/** The same Redis, from a side from which it is down. */
final class Outage implements AutoCloseable {

  private final FaultProxy network;
  private final TestRedis behind;

  /** Gives up soon if it is one that tries again by itself, for ten seconds as a rule. */
  private final TestRedis hasty;

  Outage(TestRedis redis) {
    network = redis.proxy();
    behind = redis.through(network);
    hasty = behind.retryingFor(Duration.ofSeconds(1));
    network.refuse();
  }

  TestRedis redis() {
    return hasty;
  }

  @Override
  public void close() {
    behind.close();
    network.close();
  }
}
