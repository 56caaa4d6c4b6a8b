package io.github.redistoolkit.testing;

import java.util.HashSet;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.RedisSentinelClient;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.builders.ClusterClientBuilder;

/** The clients that Jedis has from 7.2 on; a class of their own, so that the bed loads without. */
final class RedisClients {

  private RedisClients() {}

  static UnifiedJedis standalone(
      Deployment deployment, JedisClientConfig config, Client.Limits limits) {
    return RedisClient.builder()
        .hostAndPort(deployment.nodes().get(0))
        .clientConfig(config)
        .poolConfig(limits.ofClient())
        .build();
  }

  static UnifiedJedis sentinel(
      Deployment deployment, JedisClientConfig config, Client.Limits limits) {
    return RedisSentinelClient.builder()
        .masterName(Deployment.PRIMARY_NAME)
        .sentinels(new HashSet<>(deployment.sentinels()))
        .sentinelClientConfig(Client.sentinelConfig(deployment))
        .clientConfig(config)
        .poolConfig(limits.ofClient())
        .build();
  }

  static UnifiedJedis cluster(
      Deployment deployment, JedisClientConfig config, Client.Limits limits) {
    ClusterClientBuilder<RedisClusterClient> builder =
        RedisClusterClient.builder()
            .nodes(new HashSet<>(deployment.nodes()))
            .clientConfig(config)
            .poolConfig(limits.ofClient());
    if (limits.retriesFor() != null) {
      builder.maxTotalRetriesDuration(limits.retriesFor());
    }
    return builder.build();
  }
}
