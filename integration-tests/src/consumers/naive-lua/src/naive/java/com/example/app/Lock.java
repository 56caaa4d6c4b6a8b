package com.example.app;

import java.util.List;
import redis.clients.jedis.UnifiedJedis;

/** A lock as many have written it. */
public final class Lock {

  private static final String ACQUIRE =
      """
      local taken = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
      if taken then
        return 1
      end
      return 0
      """;

  private static final String RELEASE =
      """
      return redis.call('DEL', KEYS[1])
      """;

  private final UnifiedJedis client;
  private final String name;
  private final String owner;

  public Lock(UnifiedJedis client, String name, String owner) {
    this.client = client;
    this.name = name;
    this.owner = owner;
  }

  public boolean tryAcquire(long leaseMillis) {
    Object reply = client.eval(ACQUIRE, List.of(name), List.of(owner, String.valueOf(leaseMillis)));
    return reply.equals(1L);
  }

  public void release() {
    client.eval(RELEASE, List.of(name), List.of());
  }
}
