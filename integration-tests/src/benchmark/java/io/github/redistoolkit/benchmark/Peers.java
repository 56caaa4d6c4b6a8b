package io.github.redistoolkit.benchmark;

import com.alicp.jetcache.Cache;
import com.alicp.jetcache.CacheValueHolder;
import com.alicp.jetcache.redis.RedisCacheBuilder;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.apache.commons.pool2.impl.GenericObjectPoolConfig;
import org.redisson.Redisson;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.BaseCodec;
import org.redisson.client.codec.Codec;
import org.redisson.client.protocol.Decoder;
import org.redisson.client.protocol.Encoder;
import org.redisson.config.Config;
import org.springframework.data.redis.connection.RedisConnectionFactory;
import org.springframework.data.redis.connection.RedisStandaloneConfiguration;
import org.springframework.data.redis.connection.jedis.JedisClientConfiguration;
import org.springframework.data.redis.connection.jedis.JedisConnectionFactory;
import org.springframework.data.redis.connection.lettuce.LettuceClientConfiguration;
import org.springframework.data.redis.connection.lettuce.LettuceConnectionFactory;
import org.springframework.data.redis.serializer.RedisSerializer;
import redis.clients.jedis.HostAndPort;

/**
 * Clients of those that do not use Jedis, or make its pool themselves. Each may have as many
 * connections as the pool of the other rows, and writes JSON with the same Gson.
 *
 * <p>Lettuce sends what all threads ask for through one connection, which is its design; the column
 * of connections says so.
 */
final class Peers {

  private static final int MAX_CONNECTIONS = 64;

  private Peers() {}

  static RedissonClient redisson(Access access) {
    return redisson(access, MAX_CONNECTIONS);
  }

  /** One with at most so many connections. */
  static RedissonClient redisson(Access access, int connections) {
    RedisURI uri = RedisURI.create(access.url());
    Config config = new Config();
    config
        .useSingleServer()
        .setAddress((uri.isSsl() ? "rediss://" : "redis://") + uri.getHost() + ":" + uri.getPort())
        .setDatabase(uri.getDatabase())
        // By default it opens 24 in advance; so it has those that it needs, as a JedisPool has.
        .setConnectionMinimumIdleSize(1)
        .setConnectionPoolSize(connections)
        // By default 3 s, which 100,000 keys at once may take on a busy machine.
        .setTimeout(30_000)
        // By default 5, which together with 50 connections allows 250 subscriptions.
        .setSubscriptionsPerConnection(1_000);
    RedisStandaloneConfiguration server = standalone(access);
    if (server.getPassword().isPresent()) {
      config.setUsername(server.getUsername());
      config.setPassword(new String(server.getPassword().get()));
    }
    return access.closing(Redisson.create(config), client -> client.shutdown());
  }

  /** Spring's connections, by the driver that the row names. */
  static RedisConnectionFactory spring(Access access) {
    return access.through() == Through.SPRING_LETTUCE ? springLettuce(access) : springJedis(access);
  }

  private static RedisConnectionFactory springJedis(Access access) {
    GenericObjectPoolConfig<?> pool = new GenericObjectPoolConfig<>();
    pool.setMaxTotal(MAX_CONNECTIONS);
    pool.setMaxIdle(MAX_CONNECTIONS);
    JedisConnectionFactory factory =
        new JedisConnectionFactory(
            standalone(access),
            JedisClientConfiguration.builder().usePooling().poolConfig(pool).build());
    return started(access, factory);
  }

  private static JedisConnectionFactory started(Access access, JedisConnectionFactory factory) {
    factory.afterPropertiesSet();
    factory.start();
    return access.closing(factory, JedisConnectionFactory::destroy);
  }

  private static RedisConnectionFactory springLettuce(Access access) {
    LettuceConnectionFactory factory =
        new LettuceConnectionFactory(
            standalone(access),
            LettuceClientConfiguration.builder().shutdownTimeout(Duration.ZERO).build());
    factory.afterPropertiesSet();
    factory.start();
    return access.closing(factory, LettuceConnectionFactory::destroy);
  }

  /** One over a network that is {@link Access#far}. */
  static RedisClient lettuce(Access access, HostAndPort address) {
    RedisURI uri = RedisURI.create(access.url());
    uri.setHost(address.getHost());
    uri.setPort(address.getPort());
    return lettuce(access, uri);
  }

  static RedisClient lettuce(Access access) {
    return lettuce(access, RedisURI.create(access.url()));
  }

  private static RedisClient lettuce(Access access, RedisURI uri) {
    return access.closing(
        RedisClient.create(uri), client -> client.shutdown(Duration.ZERO, Duration.ofSeconds(2)));
  }

  /** JetCache keeps each value in a holder with its times. */
  static <V> Cache<String, V> jetCache(Access access, Class<V> type, Duration ttl) {
    TypeToken<?> holder = TypeToken.getParameterized(CacheValueHolder.class, type);
    Function<Object, byte[]> encoder =
        value ->
            Json.defaultGson().toJson(value, holder.getType()).getBytes(StandardCharsets.UTF_8);
    Function<byte[], Object> decoder =
        bytes -> Json.defaultGson().fromJson(new String(bytes, StandardCharsets.UTF_8), holder);
    return RedisCacheBuilder.createRedisCacheBuilder()
        .jedisPool(access.pool())
        .keyPrefix(access.name())
        .keyConvertor(null)
        .valueEncoder(encoder)
        .valueDecoder(decoder)
        .expireAfterWrite(ttl.toMillis(), TimeUnit.MILLISECONDS)
        .buildCache();
  }

  private static RedisStandaloneConfiguration standalone(Access access) {
    return (RedisStandaloneConfiguration)
        LettuceConnectionFactory.createRedisConfiguration(RedisURI.create(access.url()));
  }

  /** JSON for Spring. */
  record JsonSerializer<T>(Class<T> type) implements RedisSerializer<T> {

    @Override
    public byte[] serialize(T value) {
      return Json.defaultGson().toJson(value).getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public T deserialize(byte[] bytes) {
      return bytes == null
          ? null
          : Json.defaultGson().fromJson(new String(bytes, StandardCharsets.UTF_8), type);
    }
  }

  /** JSON for Redisson. */
  static Codec jsonCodec(Class<?> type) {
    Encoder encoder =
        value -> {
          ByteBuf out = ByteBufAllocator.DEFAULT.buffer();
          out.writeCharSequence(Json.defaultGson().toJson(value), StandardCharsets.UTF_8);
          return out;
        };
    Decoder<Object> decoder =
        (in, state) -> Json.defaultGson().fromJson(in.toString(StandardCharsets.UTF_8), type);
    return new BaseCodec() {
      @Override
      public Decoder<Object> getValueDecoder() {
        return decoder;
      }

      @Override
      public Encoder getValueEncoder() {
        return encoder;
      }
    };
  }
}
