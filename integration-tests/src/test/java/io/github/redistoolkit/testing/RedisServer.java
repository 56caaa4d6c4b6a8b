package io.github.redistoolkit.testing;

import redis.clients.jedis.HostAndPort;

/** A Redis server that tests may use, change and empty. */
interface RedisServer extends AutoCloseable {

  /** Where it listens, on loopback unless it is external. */
  HostAndPort address();

  /** Stops what was started for it; does nothing to an external server. */
  @Override
  void close();
}
