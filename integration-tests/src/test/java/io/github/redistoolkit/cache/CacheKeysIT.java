package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.util.JedisClusterCRC16;

/** What keys may be, and how they are written. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class CacheKeysIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  private final TestRedis redis;
  private final String prefix;
  private final List<CacheService<Integer>> caches = new ArrayList<>();
  private final CacheService<Integer> encoded;

  CacheKeysIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("keys:");
    this.encoded = opened(builder().encodeKeys());
  }

  private CacheService.Builder<Integer> builder() {
    return Fixtures.builder(redis, prefix, Integer.class);
  }

  private CacheService<Integer> opened(CacheService.Builder<Integer> builder) {
    CacheService<Integer> opened = builder.build();
    caches.add(opened);
    return opened;
  }

  @AfterEach
  void closeCaches() {
    caches.forEach(CacheService::close);
  }

  @Test
  void encodedKeysOfOneHashTagAreSpreadOverSlots() {
    Map<String, Integer> entries = new HashMap<>();
    Set<Integer> slots = new HashSet<>();
    for (int i = 0; i < 200; i++) {
      entries.put("{q}" + i, i);
    }
    encoded.setAll(entries, MINUTE);
    entries
        .keySet()
        .forEach(
            key -> {
              String written = prefix + key.replace("{", "%7B").replace("}", "%7D");
              assertThat(redis.admin().exists(written), is(true));
              slots.add(JedisClusterCRC16.getSlot(written));
            });
    assertThat(slots.size(), is(greaterThan(100)));
    assertThat(encoded.getAll(entries.keySet()), is(entries));
    assertThat(encoded.deleteAll(entries.keySet()), is(200L));
  }

  @Test
  void encodedKeysAreToldApartWhateverTheyHave() {
    List<String> keys =
        List.of(
            "%", "%25", "{", "%7B", "}", "a".repeat(200), "a".repeat(201), "a".repeat(1000), "é");
    for (int i = 0; i < keys.size(); i++) {
      encoded.set(keys.get(i), i);
    }
    for (int i = 0; i < keys.size(); i++) {
      assertThat(encoded.get(keys.get(i)), is(Optional.of(i)));
      assertThat(encoded.getOrLoad(keys.get(i), () -> -1), is(i));
    }
    assertThat(encoded.getAll(keys).size(), is(keys.size()));
    assertThat(encoded.clear(), is((long) keys.size()));
  }

  @Test
  void aNearCacheHearsOfEncodedKeys() {
    CacheService<Integer> near = opened(builder().encodeKeys().nearCache(100));
    String key = "{x}" + "y".repeat(300);
    encoded.set(key, 1);
    Awaitility.await()
        .until(
            () -> {
              assertThat(near.get(key), is(Optional.of(1)));
              return near.stats().nearHits() > 0;
            });
    encoded.set(key, 2);
    assertThat(near.get(key), is(Optional.of(2)));
    redis.admin().keys(prefix + "%sha256-*").forEach(redis.admin()::del);
    Awaitility.await().until(() -> near.get(key).isEmpty());
    CacheGroup<Integer> group = near.group("{g}");
    group.set("{k}", 3, MINUTE);
    assertThat(encoded.group("{g}").get("{k}"), is(Optional.of(3)));
  }

  @Test
  void aKeyThatIsTooLongIsRefusedByItsBytes() {
    CacheService<Integer> cache = opened(builder());
    cache.set("é".repeat(512), 1);
    String message = refused(cache, "é".repeat(512) + "x");
    assertThat(message, containsString("1024"));
    assertThat(message, containsString("1025"));
    assertThat(message.length(), is(lessThan(200)));
    CacheService<Integer> longer = opened(builder().maxKeyBytes(2000));
    longer.set("x".repeat(2000), 1);
    assertThat(refused(longer, "x".repeat(2001)), containsString("2001"));
    assertThrows(IllegalArgumentException.class, () -> builder().maxKeyBytes(0));
    assertThrows(IllegalArgumentException.class, () -> builder().maxKeyBytes((1 << 20) + 1));
  }

  private static String refused(CacheService<Integer> cache, String key) {
    Set<String> messages = new HashSet<>();
    for (Runnable call :
        List.<Runnable>of(
            () -> cache.set(key, 1),
            () -> cache.setAll(Map.of(key, 1), MINUTE),
            () -> assertThat(cache.get(key), is(not(Optional.of(1)))),
            () -> assertThat(cache.getFresh(key), is(not(Optional.of(1)))),
            () -> assertThat(cache.getAll(List.of(key)).size(), is(0)),
            () -> assertThat(cache.getOrLoad(key, () -> 1), is(2)),
            () -> cache.getOrLoadAsync(key, MINUTE, () -> null).join(),
            () -> assertThat(cache.getAll(List.of(key), MINUTE, keys -> Map.of()).size(), is(0)),
            () -> cache.delete(key),
            () -> cache.deleteAll(List.of(key)),
            () -> assertThat(cache.touch(key, MINUTE), is(false)),
            () -> assertThat(cache.ttl(key), is(Optional.empty())),
            () -> assertThat(cache.putIfAbsent(key, 1, MINUTE), is(false)),
            () -> assertThat(cache.replace(key, 1, MINUTE), is(false)),
            () ->
                new CacheAside<String, Integer>(cache, id -> id, id -> 1)
                    .beginUpdate(key)
                    .close())) {
      messages.add(assertThrows(IllegalArgumentException.class, call::run).getMessage());
    }
    assertThat(messages.size(), is(1));
    return messages.iterator().next();
  }

  @Test
  void keysOfTheCacheItselfAreRefused() {
    CacheService<Integer> cache = opened(builder());
    for (String start : List.of("#group:", "#in:", "#near:", "#lease:", "#hold:")) {
      assertThat(refused(cache, start + "x"), containsString(start));
      assertThrows(
          IllegalArgumentException.class,
          () -> Fixtures.builder(redis, prefix + start, Integer.class));
    }
    cache.set("#1", 1);
    assertThat(cache.get("#1"), is(Optional.of(1)));
  }

  @Test
  void keysOfOtherModulesAreRefused() {
    for (String start : List.of("idem:", "lock:", "rl:", "rwlock:", "semaphore:", "topic:")) {
      assertThrows(
          IllegalArgumentException.class,
          () -> Fixtures.builder(redis, start + "users:", Integer.class));
      for (int split = 1; split < start.length(); split++) {
        String rest = start.substring(split);
        try (CacheService<Integer> cache =
            Fixtures.builder(redis, start.substring(0, split), Integer.class).build()) {
          assertThat(refused(cache, rest + "{x}"), containsString(rest));
        }
      }
    }
  }
}
