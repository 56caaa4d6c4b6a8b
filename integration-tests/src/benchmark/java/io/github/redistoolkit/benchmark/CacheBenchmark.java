package io.github.redistoolkit.benchmark;

import com.google.gson.Gson;
import io.github.redistoolkit.cache.CacheService;
import io.github.redistoolkit.core.Json;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.params.SetParams;
import redis.clients.jedis.util.Pool;

/** A cache of small records, against GET, SET and MGET with Gson. */
@State(Scope.Benchmark)
public class CacheBenchmark {

  private static final int KEYS = 1_000;
  private static final Duration TTL = Duration.ofHours(1);

  @Param Through through;
  private Access access;
  private Users users;
  private List<String> keys;
  private User user;

  record User(String id, String name, String email, List<String> roles, Instant since) {}

  /** What is measured. */
  interface Users {

    User get(String key);

    void set(String key, User user);

    Map<String, User> getAll(List<String> keys);
  }

  @Setup
  public void fill() {
    access = Access.by(through);
    users =
        access.isRaw()
            ? new Raw(access.pool(), access.name())
            : new Ours(
                access
                    .over(
                        pool -> CacheService.builder(pool, User.class),
                        client -> CacheService.builder(client, User.class))
                    .prefix(access.name())
                    .build());
    keys = IntStream.range(0, KEYS).mapToObj(Integer::toString).toList();
    user =
        new User(
            "123",
            "John Doe",
            "john.doe@example.com",
            List.of("reader", "borrower"),
            Instant.parse("2026-01-01T12:00:00Z"));
    keys.forEach(key -> users.set(key, user));
  }

  @TearDown
  public void close() {
    access.close();
  }

  @Benchmark
  public User get() {
    return users.get(anyKey());
  }

  @Benchmark
  public void set() {
    users.set(anyKey(), user);
  }

  /** One operation is one key. */
  @Benchmark
  @OperationsPerInvocation(KEYS)
  public Map<String, User> getAllOf1000() {
    Map<String, User> found = users.getAll(keys);
    if (found.size() != KEYS) {
      throw new IllegalStateException(found.size() + " hits");
    }
    return found;
  }

  private String anyKey() {
    return keys.get(ThreadLocalRandom.current().nextInt(KEYS));
  }

  private record Ours(CacheService<User> cache) implements Users {

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
  }

  private record Raw(Pool<Jedis> pool, String prefix) implements Users {

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
        json = jedis.mget(keys.stream().map(prefix::concat).toArray(String[]::new));
      }
      Map<String, User> found = new HashMap<>();
      for (int i = 0; i < json.size(); i++) {
        found.put(keys.get(i), GSON.fromJson(json.get(i), User.class));
      }
      return found;
    }
  }
}
