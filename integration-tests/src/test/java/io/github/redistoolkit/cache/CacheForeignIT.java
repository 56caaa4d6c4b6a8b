package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What other programs write under the keys of a cache blocks nobody. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class CacheForeignIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);

  /** Far less than what a mark that counts would take to end. */
  private static final Duration SOON = Duration.ofSeconds(30);

  private final TestRedis redis;
  private final String prefix;
  private final CacheService<Integer> cache;

  CacheForeignIT(TestRedis redis) {
    this.redis = redis;
    this.prefix = redis.unique("foreign:");
    this.cache = Fixtures.builder(redis, prefix, Integer.class).build();
  }

  @AfterEach
  void closeCache() {
    cache.close();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "#lease:anything",
        "#lease:a@1",
        "#lease:a@99999999999999",
        "#lease:a@99999999999999999999999999",
        "#lease:@@@",
        "#lease:",
        "#hold:",
        "#hold:anything",
        "#hold:a@1,b@2",
        "#hold:a@99999999999999",
        "#hold:,@,@1",
        "#",
        "#near",
        "{",
        ""
      })
  void aMarkThatNoCacheWroteIsNoMark(String mark) {
    redis.admin().set(prefix + "k", mark);
    assertThat(cache.get("k"), is(Optional.empty()));
    assertThat(cache.getOrLoad("k", MINUTE, SOON, () -> 1), is(1));
    assertThat(cache.get("k"), is(Optional.of(1)));
    redis.admin().set(prefix + "k", mark);
    CacheAside<String, Integer> aside = new CacheAside<>(cache, id -> id, id -> 2);
    assertThat(aside.update("k", () -> 3), is(3));
    assertThat(redis.admin().exists(prefix + "k"), is(false));
    redis.admin().set(prefix + "k", mark);
    cache.delete("k");
    assertThat(redis.admin().exists(prefix + "k"), is(false));
  }

  /** Random bytes, often what begins as a mark does, end in a value that is loaded and stored. */
  @Test
  void noBytesBlockALoad() {
    Random random = new Random(23);
    String[] heads = {"", "#", "#lease:", "#hold:", "#lease:x@", "#hold:x@", "{\"", "1"};
    for (int i = 0; i < Matrix.size(60, 5000); i++) {
      byte[] tail = new byte[random.nextInt(40)];
      random.nextBytes(tail);
      byte[] head = heads[i % heads.length].getBytes(StandardCharsets.UTF_8);
      byte[] bytes = new byte[head.length + tail.length];
      System.arraycopy(head, 0, bytes, 0, head.length);
      System.arraycopy(tail, 0, bytes, head.length, tail.length);
      byte[] name = (prefix + "k").getBytes(StandardCharsets.UTF_8);
      redis.admin().set(name, bytes);
      int value = cache.getOrLoad("k", MINUTE, SOON, () -> -7);
      // By chance the bytes may be a number, which is what is read then.
      assertThat(cache.get("k"), is(Optional.of(value)));
    }
  }
}
