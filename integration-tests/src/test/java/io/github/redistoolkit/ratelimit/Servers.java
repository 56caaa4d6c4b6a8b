package io.github.redistoolkit.ratelimit;

import io.github.redistoolkit.testing.TestRedis;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;

/** All servers of a topology that take writes, looked at together. */
record Servers(TestRedis redis) {

  Set<String> keys(String pattern) {
    Set<String> keys = new TreeSet<>();
    each(jedis -> jedis.keys(pattern)).forEach(keys::addAll);
    return keys;
  }

  /** The line of INFO that begins so, of each server. */
  List<String> info(String section, String start) {
    return each(
        jedis ->
            jedis
                .info(section)
                .lines()
                .filter(line -> line.startsWith(start))
                .findFirst()
                .orElse("none"));
  }

  private <T> List<T> each(Function<Jedis, T> look) {
    return redis.primaries().stream().map(server -> at(server, look)).toList();
  }

  private <T> T at(HostAndPort server, Function<Jedis, T> look) {
    try (Jedis jedis = redis.open(server)) {
      return look.apply(jedis);
    }
  }
}
