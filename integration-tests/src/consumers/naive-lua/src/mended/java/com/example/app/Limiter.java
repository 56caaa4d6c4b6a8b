package com.example.app;

import java.util.List;
import redis.clients.jedis.UnifiedJedis;

/** The same, but who counts first begins the window in the same step. */
public final class Limiter {

  private static final String COUNT =
      """
      local count = redis.call('INCR', KEYS[1])
      if count == 1 then
        redis.call('EXPIRE', KEYS[1], ARGV[1])
      end
      return count
      """;

  private final UnifiedJedis client;
  private final long limit;
  private final long windowSeconds;

  public Limiter(UnifiedJedis client, long limit, long windowSeconds) {
    this.client = client;
    this.limit = limit;
    this.windowSeconds = windowSeconds;
  }

  public boolean tryAcquire(String user) {
    Object count = client.eval(COUNT, List.of(user), List.of(String.valueOf(windowSeconds)));
    return (Long) count <= limit;
  }
}
