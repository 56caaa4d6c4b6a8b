package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import org.junit.jupiter.api.AfterEach;

/** A network that fails on demand besides, of which nothing is left when a test ends. */
abstract class PubSubFaultSuite extends PubSubSuite {

  final FaultProxy proxy;

  /** The same Redis, over that network. */
  final TestRedis proxied;

  PubSubFaultSuite(TestRedis redis) {
    super(redis);
    this.proxy = redis.proxy();
    this.proxied = redis.through(proxy);
  }

  @AfterEach
  void endFaults() {
    proxied.close();
    proxy.close();
  }
}
