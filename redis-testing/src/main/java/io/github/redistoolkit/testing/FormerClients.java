package io.github.redistoolkit.testing;

import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.apache.commons.pool2.impl.GenericObjectPoolConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.UnifiedJedis;

/**
 * The clients that Jedis had before those of {@link RedisClients}, by reflection: the bed is
 * compiled with a Jedis that has them no longer, or deprecated.
 */
final class FormerClients {

  private static final int ATTEMPTS = 5; // the default of JedisCluster

  private FormerClients() {}

  static UnifiedJedis standalone(
      Deployment deployment, JedisClientConfig config, Client.Limits limits) {
    return make(
        "JedisPooled",
        new Class<?>[] {HostAndPort.class, JedisClientConfig.class, GenericObjectPoolConfig.class},
        deployment.nodes().get(0),
        config,
        limits.ofClient());
  }

  static UnifiedJedis sentinel(
      Deployment deployment, JedisClientConfig config, Client.Limits limits) {
    return make(
        "JedisSentineled",
        new Class<?>[] {
          String.class,
          JedisClientConfig.class,
          GenericObjectPoolConfig.class,
          Set.class,
          JedisClientConfig.class
        },
        Deployment.PRIMARY_NAME,
        config,
        limits.ofClient(),
        new HashSet<>(deployment.sentinels()),
        Client.sentinelConfig(deployment));
  }

  static UnifiedJedis cluster(
      Deployment deployment, JedisClientConfig config, Client.Limits limits) {
    // What JedisCluster does without being told: as often as it may try with the longest timeout.
    Duration byDefault = Duration.ofMillis((long) config.getSocketTimeoutMillis() * ATTEMPTS);
    return make(
        "JedisCluster",
        new Class<?>[] {
          Set.class,
          JedisClientConfig.class,
          int.class,
          Duration.class,
          GenericObjectPoolConfig.class
        },
        new HashSet<>(deployment.nodes()),
        config,
        ATTEMPTS,
        limits.retriesFor() == null ? byDefault : limits.retriesFor(),
        limits.ofClient());
  }

  private static UnifiedJedis make(String type, Class<?>[] parameters, Object... arguments) {
    try {
      return Class.forName("redis.clients.jedis." + type)
          .asSubclass(UnifiedJedis.class)
          .getConstructor(parameters)
          .newInstance(arguments);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("Jedis has no such " + type, e);
    }
  }
}
