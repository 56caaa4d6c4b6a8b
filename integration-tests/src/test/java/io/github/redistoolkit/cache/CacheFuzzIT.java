package io.github.redistoolkit.cache;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.anyOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.params.SetParams;

/**
 * Random and mutated bytes wherever the cache reads: each call ends soon and as documented, and the
 * key works again once it is set.
 */
@EachClient(topologies = Topology.STANDALONE)
class CacheFuzzIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final Duration MAX_WAIT = Duration.ofMillis(200);

  /** Orders of magnitude above what a call takes. */
  private static final Duration BOUND = Duration.ofSeconds(20);

  private static final int CASES = Matrix.size(400, 5000);
  private static final int LOADED = 4711;

  private final TestRedis redis;
  private final String prefix;
  private final byte[] entry;
  private final ExecutorService background = Executors.newFixedThreadPool(2);
  private final List<CacheService<Integer>> caches = new ArrayList<>();
  private final Random random = new Random(20_261_129);

  CacheFuzzIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("fuzz:");
    this.entry = (prefix + "k").getBytes(UTF_8);
  }

  @AfterEach
  void endsWhatItStarted() throws InterruptedException {
    caches.forEach(CacheService::close);
    background.shutdownNow();
    assertThat(background.awaitTermination(1, TimeUnit.MINUTES), is(true));
  }

  private CacheService.Builder<Integer> builder() {
    return Fixtures.builder(redis, prefix, Integer.class).maxWait(MAX_WAIT);
  }

  private CacheService<Integer> opened(CacheService.Builder<Integer> builder) {
    CacheService<Integer> opened = builder.build();
    caches.add(opened);
    return opened;
  }

  /** What the cache itself writes: values with and without marks, leases and holds. */
  private static List<String> seeds() {
    long now = System.currentTimeMillis();
    String stale = StaleMark.of(3_600_000);
    String refreshed = RefreshMark.SIGN + RefreshMark.newToken() + RefreshMark.newToken();
    String lease = "#lease:f81d4fae-7dec-11d0-a765-00a0c91e6bf6-1@" + now;
    return List.of(
        "7",
        "null",
        "7" + refreshed,
        stale + "7",
        stale + "7" + refreshed,
        lease,
        lease + stale + "7",
        lease + stale + "7" + refreshed,
        "#hold:a-1@" + now,
        "#hold:a-1@" + now + ",b-2@" + (now + 50),
        "#near:x",
        "");
  }

  private byte[] next() {
    if (random.nextInt(4) == 0) {
      byte[] bytes = new byte[random.nextInt(300)];
      random.nextBytes(bytes);
      return bytes;
    }
    List<String> seeds = seeds();
    byte[] bytes = seeds.get(random.nextInt(seeds.size())).getBytes(UTF_8);
    for (int i = random.nextInt(5); i > 0; i--) {
      bytes = mutated(bytes);
    }
    return bytes;
  }

  private byte[] mutated(byte[] bytes) {
    int at = random.nextInt(bytes.length + 1);
    byte[] head = Arrays.copyOf(bytes, at);
    byte[] tail = Arrays.copyOfRange(bytes, at, bytes.length);
    byte[] inserted =
        switch (random.nextInt(6)) {
          case 0 -> new byte[] {(byte) random.nextInt(256)};
          case 1 -> "@99999999999999999999".getBytes(UTF_8);
          case 2 -> "#lease:".getBytes(UTF_8);
          case 3 -> "\n\t\t\n".getBytes(UTF_8);
          case 4 -> bytes;
          default -> new byte[0];
        };
    boolean replaces = random.nextBoolean() && tail.length > 0;
    byte[] rest = replaces ? Arrays.copyOfRange(tail, 1, tail.length) : tail;
    byte[] all = Arrays.copyOf(head, head.length + inserted.length + rest.length);
    System.arraycopy(inserted, 0, all, head.length, inserted.length);
    System.arraycopy(rest, 0, all, head.length + inserted.length, rest.length);
    return all;
  }

  private void put(byte[] key, byte[] bytes) {
    switch (random.nextInt(3)) {
      case 0 -> redis.admin().set(key, bytes);
      case 1 -> redis.admin().set(key, bytes, SetParams.setParams().px(60_000));
      default -> redis.admin().set(key, bytes, SetParams.setParams().px(7_200_000));
    }
  }

  private static void within(Runnable call, byte[] bytes) {
    long start = System.nanoTime();
    try {
      call.run();
    } catch (CacheTimeoutException e) {
      // It looks like the lease of a load that another JVM is running now.
      assertThat(new String(bytes, UTF_8).contains("#lease:"), is(true));
    } catch (RuntimeException | AssertionError e) {
      throw new AssertionError("with " + HexFormat.of().formatHex(bytes), e);
    }
    Duration took = Duration.ofNanos(System.nanoTime() - start);
    assertThat("with " + HexFormat.of().formatHex(bytes), took, is(lessThan(BOUND)));
  }

  private void readsAll(CacheService<Integer> cache) {
    for (int i = 0; i < CASES; i++) {
      byte[] bytes = next();
      List<Runnable> calls =
          List.of(
              () -> assertThat(cache.get("k").isPresent() || cache.get("k").isEmpty(), is(true)),
              () -> assertThat(cache.getAll(List.of("k", "l")).size(), is(lessThan(2))),
              () -> assertThat(cache.ttl("k").orElse(MINUTE).isNegative(), is(false)),
              () -> assertThat(cache.touch("k", MINUTE), is(anyOf(is(true), is(false)))),
              () -> assertThat(cache.putIfAbsent("k", 1, MINUTE), is(anyOf(is(true), is(false)))),
              () -> loads(cache),
              () -> loadsAll(cache),
              () -> updates(cache),
              () -> assertThat(cache.delete("k"), is(anyOf(is(true), is(false)))));
      put(entry, bytes);
      within(calls.get(random.nextInt(calls.size())), bytes);
      within(() -> loads(cache), bytes);
      int set = i;
      cache.set("k", set);
      within(() -> assertThat(cache.getOrLoad("k", () -> LOADED), is(set)), bytes);
    }
  }

  private static void loads(CacheService<Integer> cache) {
    long before = cache.stats().loads() + cache.stats().hits();
    Integer value = cache.getOrLoad("k", MINUTE, () -> LOADED);
    // It was read or loaded: nothing else has a value.
    long after = cache.stats().loads() + cache.stats().hits();
    assertThat("value " + value, after, is(greaterThan(before)));
  }

  private static void loadsAll(CacheService<Integer> cache) {
    Map<String, Integer> all = cache.getAll(List.of("k"), MINUTE, keys -> Map.of("k", LOADED));
    assertThat(all.size(), is(lessThan(2)));
  }

  private static void updates(CacheService<Integer> cache) {
    new CacheAside<String, Integer>(cache, MINUTE, id -> id, id -> LOADED).update("k", () -> 1);
    assertThat(cache.get("k"), is(Optional.empty()));
  }

  @Test
  void underAnEntryOfACacheWithoutOptions() {
    readsAll(opened(builder()));
  }

  @Test
  void underAnEntryOfACacheWithAllOptions() {
    readsAll(
        opened(
            builder()
                .staleIfError(Duration.ofHours(1))
                .earlyRefresh(0.5, background)
                .nullTtl(MINUTE)
                .encodeKeys()
                .nearCache(100)));
  }

  @Test
  void underTheVersionOfAGroup() {
    CacheService<Integer> cache = opened(builder());
    CacheGroup<Integer> group = cache.group("g");
    byte[] version = (prefix + "#group:g").getBytes(UTF_8);
    for (int i = 0; i < CASES; i++) {
      byte[] bytes = next();
      put(version, bytes);
      within(() -> assertThat(group.getOrLoad("k", MINUTE, () -> LOADED), is(LOADED)), bytes);
      cache.invalidateGroup("g");
      if (!new String(bytes, UTF_8).startsWith("#hold:")) {
        group.set("k", i, MINUTE);
        assertThat(HexFormat.of().formatHex(bytes), group.get("k"), is(Optional.of(i)));
      }
      redis.admin().del(version);
    }
  }

  @Test
  void whatIsNoVersionDoesNotKeepAGroupFromCaching() {
    CacheService<Integer> cache = opened(builder());
    CacheGroup<Integer> group = cache.group("g");
    for (String bytes : List.of("{", "\"not a version\"", "\"" + "x".repeat(36) + "\"", "")) {
      redis.admin().set(prefix + "#group:g", bytes);
      assertThat(group.getOrLoad("k", MINUTE, () -> LOADED), is(LOADED));
      assertThat(bytes, group.get("k"), is(Optional.of(LOADED)));
    }
  }

  @Test
  void onTheChannelsOfANearCacheAndUnderItsMark() {
    CacheService<Integer> near = opened(builder().nearCache(100));
    CacheService<Integer> writer = opened(builder());
    Awaitility.await().until(() -> isOn(near));
    List<String> channels = new ArrayList<>();
    CommandArguments list = new CommandArguments(Protocol.Command.PUBSUB).add("CHANNELS");
    Object listed = redis.admin().executeCommand(list.add("redis-toolkit:near:*"));
    for (Object channel : (List<?>) listed) {
      channels.add(new String((byte[]) channel, UTF_8));
    }
    channels.add("__redis__:invalidate");
    for (int i = 0; i < CASES; i++) {
      byte[] bytes = next();
      String channel = channels.get(random.nextInt(channels.size()));
      assertThat(redis.admin().publish(channel.getBytes(UTF_8), bytes), is(greaterThan(-1L)));
    }
    Awaitility.await().until(() -> isOn(near) && near.stats().near().ignored() >= CASES);
    for (String mark : redis.admin().keys(prefix + "#near:*")) {
      put(mark.getBytes(UTF_8), next());
    }
    for (int i = 0; i < 20; i++) {
      int written = i;
      writer.set("k", written);
      Awaitility.await().until(() -> near.get("k").equals(Optional.of(written)));
    }
    Awaitility.await().until(() -> isOn(near));
  }

  private static boolean isOn(CacheService<?> near) {
    return near.stats().near().state() == CacheStats.NearState.ON;
  }
}
