package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.testing.TestRedis;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.util.Pool;

/**
 * A pool or client of our own beside that of a {@link TestRedis}, for tests about how connections
 * are made: whatever it is built on, each connection bears a name.
 */
final class NamedClient implements AutoCloseable {

  final String name;
  private final Runnable closeSource;
  private final RedisPubSub.Builder builder;

  private NamedClient(String name, Runnable closeSource, RedisPubSub.Builder builder) {
    this.name = name;
    this.closeSource = closeSource;
    this.builder = builder;
  }

  /** Of the same kind as that of the given Redis. */
  static NamedClient of(TestRedis redis) {
    return of(redis, DefaultJedisClientConfig.builder());
  }

  static NamedClient of(TestRedis redis, DefaultJedisClientConfig.Builder config) {
    String name = redis.unique("name");
    config.clientName(name).timeoutMillis(2000);
    return redis.over(
        pool -> ofPool(name, redis, config.protocol(RedisProtocol.RESP2).build()),
        client -> ofClient(name, redis, config.protocol(RedisProtocol.RESP3).build()));
  }

  @SuppressWarnings("deprecation") // JedisPool is what most code holds
  private static NamedClient ofPool(String name, TestRedis redis, JedisClientConfig config) {
    Pool<Jedis> pool = new JedisPool(redis.address(), config);
    return new NamedClient(name, pool::close, RedisPubSub.builder(pool));
  }

  private static NamedClient ofClient(String name, TestRedis redis, JedisClientConfig config) {
    RedisClient client =
        RedisClient.builder().hostAndPort(redis.address()).clientConfig(config).build();
    return new NamedClient(name, client::close, RedisPubSub.builder(client));
  }

  /** Always the same one. */
  RedisPubSub.Builder builder() {
    return builder;
  }

  @Override
  public void close() {
    closeSource.run();
  }
}
