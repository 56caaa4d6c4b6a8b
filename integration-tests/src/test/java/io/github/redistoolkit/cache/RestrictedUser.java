package io.github.redistoolkit.cache;

import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.HashSet;
import java.util.stream.Stream;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.UnifiedJedis;

/** A user of the servers with limited rights, and a client of that user. */
final class RestrictedUser implements AutoCloseable {

  private final TestRedis redis;
  private final String name;
  private final UnifiedJedis client;

  RestrictedUser(TestRedis redis, String... rules) {
    this.redis = redis;
    this.name = redis.unique("restricted");
    change(
        Stream.concat(Stream.of("on", ">secret", "+@all"), Stream.of(rules))
            .toArray(String[]::new));
    JedisClientConfig config =
        DefaultJedisClientConfig.builder().user(name).password("secret").build();
    this.client =
        redis.topology() == Topology.CLUSTER
            ? RedisClusterClient.builder()
                .nodes(new HashSet<>(redis.primaries()))
                .clientConfig(config)
                .build()
            : RedisClient.builder().hostAndPort(redis.address()).clientConfig(config).build();
  }

  void change(String... rules) {
    for (HostAndPort primary : redis.primaries()) {
      try (Jedis jedis = redis.open(primary)) {
        jedis.aclSetUser(name, rules);
      }
    }
  }

  UnifiedJedis client() {
    return client;
  }

  @Override
  public void close() {
    client.close();
    for (HostAndPort primary : redis.primaries()) {
      try (Jedis jedis = redis.open(primary)) {
        jedis.aclDelUser(name);
      }
    }
  }
}
