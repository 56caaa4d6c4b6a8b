package io.github.redistoolkit.ratelimit;

import io.github.redistoolkit.core.CoreAccess;
import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import redis.clients.jedis.UnifiedJedis;

/**
 * Rate limiters as they are often written, to see that the suites catch what is wrong with them.
 */
final class NaiveLimiters {

  /** What they have in common with a {@link RateLimiter}. */
  @FunctionalInterface
  interface Admission {
    boolean isAllowed(String id);
  }

  private static final LuaScript COUNT =
      LuaScript.of(
          """
          local time = redis.call('TIME')
          local slot = math.floor((time[1] * 1000000 + time[2]) / (ARGV[2] * 1000))
          local key = KEYS[1] .. slot
          local count = redis.call('INCR', key)
          redis.call('PEXPIRE', key, ARGV[2])
          return count <= tonumber(ARGV[1]) and 1 or 0
          """);

  private NaiveLimiters() {}

  /** Atomic, but counts by the calendar: twice the limit passes around each boundary. */
  static Admission fixedWindow(TestRedis redis, int limit, Duration window) {
    RedisAccess access = CoreAccess.of(redis);
    List<String> arguments = List.of(String.valueOf(limit), String.valueOf(window.toMillis()));
    return id ->
        Long.valueOf(1).equals(COUNT.run(access, List.of("naive:{" + id + "}:"), arguments));
  }

  /** Slides, but looks first and writes later: whoever looks meanwhile passes too. */
  static Admission checkThenAct(TestRedis redis, int limit, Duration window) {
    UnifiedJedis client = redis.client();
    return id -> {
      String key = "naive:{" + id + "}";
      long now = System.currentTimeMillis();
      client.zremrangeByScore(key, 0, (double) (now - window.toMillis()));
      if (client.zcard(key) >= limit) {
        return false;
      }
      client.zadd(key, (double) now, UUID.randomUUID().toString());
      client.pexpire(key, window.toMillis());
      return true;
    };
  }
}
