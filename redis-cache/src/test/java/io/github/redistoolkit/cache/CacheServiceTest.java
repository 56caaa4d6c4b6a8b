package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.Pool;

/** Everything that is refused before any I/O: nobody listens where this client would connect. */
class CacheServiceTest {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  @SuppressWarnings("deprecation") // JedisPool is what most code holds
  private final Pool<Jedis> pool = new JedisPool("127.0.0.1", 1);

  private final CacheService<String> cache = new CacheService<>(pool, "p:", String.class);

  @AfterEach
  void closePool() {
    cache.close();
    pool.close();
  }

  private static void assertRefused(Class<? extends Exception> type, String what, Executable call) {
    Exception failure = assertThrows(type, call);
    assertThat(failure.getMessage(), containsString(what));
  }

  @Test
  void aNullKeyIsRefusedByEveryMethod() {
    keyed(null).forEach(call -> assertRefused(NullPointerException.class, "key", call));
  }

  @Test
  void anEmptyKeyIsRefusedByEveryMethod() {
    keyed("").forEach(call -> assertRefused(IllegalArgumentException.class, "key", call));
  }

  @Test
  void aKeyThatUtf8CannotCarryIsRefusedByEveryMethod() {
    keyed("a\uD83C").forEach(call -> assertRefused(IllegalArgumentException.class, "key", call));
  }

  private Stream<Executable> keyed(String key) {
    Map<String, String> entries = new java.util.HashMap<>();
    entries.put(key, "v");
    return Stream.of(
        () -> cache.set(key, "v"),
        () -> cache.set(key, "v", MINUTE),
        () -> cache.get(key),
        () -> cache.getOrLoad(key, MINUTE, () -> "v"),
        () -> cache.delete(key),
        () -> cache.touch(key, MINUTE),
        () -> cache.ttl(key),
        () -> cache.getAll(Arrays.asList("good", key)),
        () -> cache.setAll(entries, MINUTE),
        () -> cache.deleteAll(Arrays.asList("good", key)));
  }

  @Test
  void aBadTtlIsRefusedByEveryMethod() {
    Duration[] refused = {null, Duration.ZERO, MINUTE.negated(), Duration.ofDays(36_526)};
    for (Duration ttl : refused) {
      Class<? extends Exception> type =
          ttl == null ? NullPointerException.class : IllegalArgumentException.class;
      Stream.<Executable>of(
              () -> cache.set("k", "v", ttl),
              () -> cache.getOrLoad("k", ttl, () -> "v"),
              () -> cache.touch("k", ttl),
              () -> cache.setAll(Map.of("k", "v"), ttl),
              () -> CacheService.builder(pool, "p:", String.class).defaultTtl(ttl),
              () -> CacheService.builder(pool, "p:", String.class).nullTtl(ttl),
              () -> new CacheAside<String, String>(cache, ttl, id -> id, id -> id))
          .forEach(call -> assertRefused(type, "tl", call));
    }
  }

  @Test
  void nullValuesLoadersAndCollectionsAreRefused() {
    assertRefused(NullPointerException.class, "value", () -> cache.set("k", null));
    assertRefused(NullPointerException.class, "loader", () -> cache.getOrLoad("k", MINUTE, null));
    assertRefused(NullPointerException.class, "keys", () -> cache.getAll(null));
    assertRefused(NullPointerException.class, "keys", () -> cache.deleteAll(null));
    assertRefused(NullPointerException.class, "entries", () -> cache.setAll(null, MINUTE));
  }

  @Test
  void optionsOutOfRangeAreRefusedByName() {
    CacheService.Builder<String> builder = CacheService.builder(pool, "p:", String.class);
    assertRefused(
        NullPointerException.class, "prefix", () -> CacheService.builder(pool, null, String.class));
    assertRefused(
        IllegalArgumentException.class,
        "prefix",
        () -> CacheService.builder(pool, "", String.class));
    assertRefused(NullPointerException.class, "gson", () -> builder.gson(null));
    for (double jitter : new double[] {-0.01, 0.91, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertRefused(IllegalArgumentException.class, "jitter", () -> builder.jitter(jitter));
    }
    assertRefused(NullPointerException.class, "lease", () -> builder.lease(null));
    assertRefused(NullPointerException.class, "hold", () -> builder.hold(null));
    assertRefused(NullPointerException.class, "maxWait", () -> builder.maxWait(null));
    for (Duration lease : List.of(Duration.ofMillis(99), Duration.ofMinutes(61))) {
      assertRefused(IllegalArgumentException.class, "lease", () -> builder.lease(lease));
      assertRefused(IllegalArgumentException.class, "hold", () -> builder.hold(lease));
    }
    for (Duration maxWait : List.of(Duration.ZERO, Duration.ofDays(2))) {
      assertRefused(IllegalArgumentException.class, "maxWait", () -> builder.maxWait(maxWait));
      assertRefused(
          IllegalArgumentException.class,
          "maxWait",
          () -> cache.getOrLoad("k", MINUTE, maxWait, () -> "v"));
    }
  }

  @Test
  void whatIsRefusedIsNamedOnOneLineAndInShort() {
    String forged = "\r\nforged\u202E" + "x".repeat(500);
    for (Executable refused :
        List.<Executable>of(
            () -> cache.get("#lease:" + forged),
            () -> CacheService.builder(pool, "p#lease:" + forged, String.class),
            () -> CacheService.builder(pool, "lock:" + forged, String.class))) {
      String message = assertThrows(IllegalArgumentException.class, refused).getMessage();
      assertThat(message, containsString("\\u000D\\u000Aforged\\u202Exxx"));
      assertThat(message.length(), is(lessThan(400)));
    }
  }

  @Test
  void missingClientsAndTypesAreRefused() {
    Pool<Jedis> noPool = null;
    UnifiedJedis noClient = null;
    assertRefused(
        NullPointerException.class, "pool", () -> new CacheService<>(noPool, "p:", String.class));
    assertRefused(
        NullPointerException.class,
        "client",
        () -> new CacheService<>(noClient, "p:", String.class));
    Class<String> noClass = null;
    assertRefused(
        NullPointerException.class, "type", () -> new CacheService<>(pool, "p:", noClass));
    TypeToken<String> noToken = null;
    assertRefused(
        NullPointerException.class, "type", () -> CacheService.builder(pool, "p:", noToken));
  }

  @Test
  void cacheAsideNamesWhatIsMissing() {
    assertRefused(
        NullPointerException.class,
        "cache",
        () -> new CacheAside<String, String>(null, MINUTE, id -> id, id -> id));
    assertRefused(
        NullPointerException.class,
        "key",
        () -> new CacheAside<String, String>(cache, MINUTE, null, id -> id));
    assertRefused(
        NullPointerException.class,
        "load",
        () -> new CacheAside<String, String>(cache, MINUTE, id -> id, null));
    CacheAside<String, String> aside = new CacheAside<>(cache, MINUTE, id -> null, id -> id);
    assertRefused(NullPointerException.class, "id", () -> aside.get(null));
    assertRefused(NullPointerException.class, "key of the id", () -> aside.get("1"));
    assertRefused(NullPointerException.class, "databaseWrite", () -> aside.update("1", null));
  }

  @Test
  @SuppressWarnings("deprecation") // what is refused
  void aClientWhoseReadsMayBeStaleIsRefused() {
    try (RedisClient caching =
        RedisClient.builder()
            .hostAndPort("127.0.0.1", 1)
            .clientConfig(
                redis.clients.jedis.DefaultJedisClientConfig.builder()
                    .protocol(redis.clients.jedis.RedisProtocol.RESP3)
                    .build())
            .cacheConfig(redis.clients.jedis.csc.CacheConfig.builder().build())
            .build()) {
      assertRefused(
          IllegalArgumentException.class,
          "client-side cache",
          () -> new CacheService<>(caching, "p:", String.class));
    }
  }

  @Test
  void aNewCacheHasCountedNothing() {
    CacheStats stats = cache.stats();
    assertThat(stats.hits() + stats.misses() + stats.loads(), is(0L));
    assertThat(stats.totalLoadTime(), is(Duration.ZERO));
    assertThat(stats.hitRate(), is(1.0));
  }
}
