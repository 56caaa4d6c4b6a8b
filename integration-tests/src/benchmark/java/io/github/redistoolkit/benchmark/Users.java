package io.github.redistoolkit.benchmark;

import com.alicp.jetcache.Cache;
import com.google.gson.Gson;
import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.core.Json;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.redisson.api.RBatch;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.Codec;
import org.springframework.data.redis.core.RedisOperations;
import org.springframework.data.redis.core.RedisTemplate;
import org.springframework.data.redis.core.SessionCallback;
import org.springframework.data.redis.core.ValueOperations;
import org.springframework.data.redis.serializer.RedisSerializer;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.params.SetParams;
import redis.clients.jedis.util.Pool;

/** A cache of small records, all of them as JSON by the same Gson. */
interface Users {

  Duration TTL = Duration.ofHours(1);

  /** What is cached. */
  record User(String id, String name, String email, List<String> roles, Instant since) {

    /** One with about 120 bytes of JSON. */
    static User example() {
      return new User(
          "123",
          "John Doe",
          "john.doe@example.com",
          List.of("reader", "borrower"),
          Instant.parse("2026-01-01T12:00:00Z"));
    }
  }

  User get(String key);

  void set(String key, User user);

  /** Those that are there. */
  Map<String, User> getAll(List<String> keys);

  void setAll(Map<String, User> all);

  void deleteAll(List<String> keys);

  /** The cache that the row names; its entries end with the access. */
  static Users open(Access access) {
    return switch (access.through()) {
      case RAW -> new Raw(access.pool(), access.name());
      case POOL, CLIENT, COALESCING, COALESCING_2 ->
          new Ours(
              access
                  .over(
                      pool -> CacheService.builder(pool, access.name(), User.class),
                      client -> CacheService.builder(client, access.name(), User.class))
                  .build());
      case REDISSON ->
          new OfRedisson(Peers.redisson(access), Peers.jsonCodec(User.class), access.name());
      case SPRING_JEDIS, SPRING_LETTUCE -> OfSpring.over(access);
      case JETCACHE -> OfJetCache.over(access);
      default -> throw new IllegalArgumentException(access.through() + " is no cache of Redis");
    };
  }

  private static String[] names(String prefix, List<String> keys) {
    return keys.stream().map(prefix::concat).toArray(String[]::new);
  }

  /** The toolkit's. */
  record Ours(CacheService<User> cache) implements Users {

    @Override
    public User get(String key) {
      Optional<User> user = cache.get(key);
      return user.orElseThrow();
    }

    @Override
    public void set(String key, User user) {
      cache.set(key, user, TTL);
    }

    @Override
    public Map<String, User> getAll(List<String> keys) {
      return cache.getAll(keys);
    }

    @Override
    public void setAll(Map<String, User> all) {
      cache.setAll(all, TTL);
    }

    @Override
    public void deleteAll(List<String> keys) {
      cache.deleteAll(keys);
    }
  }

  /** {@code GET}, {@code SET} and {@code MGET} with Gson. */
  record Raw(Pool<Jedis> pool, String prefix) implements Users {

    private static final Gson GSON = Json.defaultGson();

    @Override
    public User get(String key) {
      String json;
      try (Jedis jedis = pool.getResource()) {
        json = jedis.get(prefix + key);
      }
      return GSON.fromJson(json, User.class);
    }

    @Override
    public void set(String key, User user) {
      String json = GSON.toJson(user);
      try (Jedis jedis = pool.getResource()) {
        jedis.set(prefix + key, json, SetParams.setParams().px(TTL.toMillis()));
      }
    }

    @Override
    public Map<String, User> getAll(List<String> keys) {
      List<String> json;
      try (Jedis jedis = pool.getResource()) {
        json = jedis.mget(names(prefix, keys));
      }
      Map<String, User> found = new HashMap<>();
      for (int i = 0; i < json.size(); i++) {
        found.put(keys.get(i), GSON.fromJson(json.get(i), User.class));
      }
      return found;
    }

    @Override
    public void setAll(Map<String, User> all) {
      try (Jedis jedis = pool.getResource();
          Pipeline pipeline = jedis.pipelined()) {
        all.forEach(
            (key, user) -> {
              SetParams ttl = SetParams.setParams().px(TTL.toMillis());
              var unused = pipeline.set(prefix + key, GSON.toJson(user), ttl);
            });
      }
    }

    @Override
    public void deleteAll(List<String> keys) {
      try (Jedis jedis = pool.getResource()) {
        jedis.del(names(prefix, keys));
      }
    }
  }

  /** {@code RBucket}, which is its entry with a TTL of its own under a key of its own. */
  record OfRedisson(RedissonClient redisson, Codec codec, String prefix) implements Users {

    @Override
    public User get(String key) {
      return redisson.<User>getBucket(prefix + key, codec).get();
    }

    @Override
    public void set(String key, User user) {
      redisson.<User>getBucket(prefix + key, codec).set(user, TTL);
    }

    @Override
    public Map<String, User> getAll(List<String> keys) {
      return redisson.getBuckets(codec).get(names(prefix, keys));
    }

    @Override
    public void setAll(Map<String, User> all) {
      RBatch batch = redisson.createBatch();
      all.forEach(
          (key, user) -> {
            var unused = batch.<User>getBucket(prefix + key, codec).setAsync(user, TTL);
          });
      batch.execute();
    }

    @Override
    public void deleteAll(List<String> keys) {
      redisson.getKeys().delete(names(prefix, keys));
    }
  }

  /** {@code RedisTemplate}, as {@code RedisCache} has no batches. */
  record OfSpring(RedisTemplate<String, User> template, String prefix) implements Users {

    static OfSpring over(Access access) {
      RedisTemplate<String, User> template = new RedisTemplate<>();
      template.setConnectionFactory(Peers.spring(access));
      template.setKeySerializer(RedisSerializer.string());
      template.setValueSerializer(new Peers.JsonSerializer<>(User.class));
      template.afterPropertiesSet();
      return new OfSpring(template, access.name());
    }

    @Override
    public User get(String key) {
      return template.opsForValue().get(prefix + key);
    }

    @Override
    public void set(String key, User user) {
      template.opsForValue().set(prefix + key, user, TTL);
    }

    @Override
    public Map<String, User> getAll(List<String> keys) {
      List<User> users = template.opsForValue().multiGet(List.of(names(prefix, keys)));
      Map<String, User> found = new HashMap<>();
      for (int i = 0; i < users.size(); i++) {
        found.put(keys.get(i), users.get(i));
      }
      return found;
    }

    @Override
    public void setAll(Map<String, User> all) {
      template.executePipelined(
          new SessionCallback<Void>() {
            @Override
            @SuppressWarnings("unchecked")
            public <K, V> Void execute(RedisOperations<K, V> pipeline) {
              ValueOperations<String, User> values =
                  ((RedisOperations<String, User>) pipeline).opsForValue();
              all.forEach((key, user) -> values.set(prefix + key, user, TTL));
              return null;
            }
          });
    }

    @Override
    public void deleteAll(List<String> keys) {
      template.delete(List.of(names(prefix, keys)));
    }
  }

  /** Each value in a holder with its times, which is how JetCache stores it. */
  record OfJetCache(Cache<String, User> cache) implements Users {

    static OfJetCache over(Access access) {
      return new OfJetCache(Peers.jetCache(access, User.class, TTL));
    }

    @Override
    public User get(String key) {
      return cache.get(key);
    }

    @Override
    public void set(String key, User user) {
      cache.put(key, user);
    }

    @Override
    public Map<String, User> getAll(List<String> keys) {
      return cache.getAll(new HashSet<>(keys));
    }

    /** One by one: its {@code putAll} needs a class that Jedis 8 has not. */
    @Override
    public void setAll(Map<String, User> all) {
      all.forEach(cache::put);
    }

    @Override
    public void deleteAll(List<String> keys) {
      cache.removeAll(new HashSet<>(keys));
    }
  }
}
