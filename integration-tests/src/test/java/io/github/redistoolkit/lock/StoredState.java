package io.github.redistoolkit.lock;

import java.util.List;
import redis.clients.jedis.UnifiedJedis;

/**
 * What Redis has of a lock, as its scripts write it.
 *
 * @param now the server's time at that moment, in microseconds
 */
record StoredState(
    long now,
    long token,
    long endMicros,
    String owner,
    long move,
    long waitersMicros,
    long promisedMicros,
    List<String> marks) {

  private static final String READ =
      """
      local time = redis.call('TIME')
      return string.format('%.0f', time[1] * 1000000 + time[2])
          .. ' ' .. (redis.call('GET', KEYS[1]) or '0 0 - 0 0 0')
      """;

  static StoredState read(UnifiedJedis admin, String key) {
    List<String> words = List.of(((String) admin.eval(READ, List.of(key), List.of())).split(" "));
    if (words.size() == 2) { // free, and nothing else to say
      return new StoredState(
          Long.parseLong(words.get(0)), Long.parseLong(words.get(1)), 0, "-", 0, 0, 0, List.of());
    }
    return new StoredState(
        Long.parseLong(words.get(0)),
        Long.parseLong(words.get(1)),
        Long.parseLong(words.get(2)),
        words.get(3),
        Long.parseLong(words.get(4)),
        Long.parseLong(words.get(5)),
        Long.parseLong(words.get(6)),
        words.subList(7, words.size()));
  }
}
