package com.example.app;

import java.util.List;
import redis.clients.jedis.UnifiedJedis;

/** A fixed window as many have written it. */
public final class Limiter {

  private static final String COUNT =
      """
      return redis.call('INCR', KEYS[1])
      """;

  private static final String BEGIN_WINDOW =
      """
      return redis.call('EXPIRE', KEYS[1], ARGV[1])
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
    Object count = client.eval(COUNT, List.of(user), List.of());
    if (count.equals(1L)) {
      client.eval(BEGIN_WINDOW, List.of(user), List.of(String.valueOf(windowSeconds)));
    }
    return (Long) count <= limit;
  }
}
