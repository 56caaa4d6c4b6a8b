package io.github.redistoolkit.cache;

import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;

/** The same Redis, from a side from which it is down. */
final class Outage implements AutoCloseable {

  private final FaultProxy network;
  private final TestRedis behind;

  Outage(TestRedis redis) {
    network = redis.proxy();
    behind = redis.through(network);
    network.refuse();
  }

  TestRedis redis() {
    return behind;
  }

  @Override
  public void close() {
    behind.close();
    network.close();
  }
}
