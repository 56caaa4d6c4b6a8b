package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.commons.pool2.BasePooledObjectFactory;
import org.apache.commons.pool2.PooledObject;
import org.apache.commons.pool2.impl.DefaultPooledObject;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.util.Pool;

/** What happens before any I/O, on a pool that cannot connect. */
class IdempotencyServiceTest {

  private static final Duration HOUR = Duration.ofHours(1);
  private static final TypeToken<String> TEXT = TypeToken.get(String.class);

  private final AtomicInteger connects = new AtomicInteger();
  private final JedisConnectionException refused = new JedisConnectionException("refused");

  private final Pool<Jedis> pool =
      new Pool<>(
          new BasePooledObjectFactory<Jedis>() {
            @Override
            public Jedis create() {
              connects.incrementAndGet();
              throw refused;
            }

            @Override
            public PooledObject<Jedis> wrap(Jedis jedis) {
              return new DefaultPooledObject<>(jedis);
            }
          });

  private final IdempotencyService service = new IdempotencyService(pool, HOUR);

  @AfterEach
  void closePool() {
    pool.close();
  }

  @Test
  void refusesNullArgumentsByName() {
    refusesNull("pool", () -> new IdempotencyService((Pool<Jedis>) null, HOUR));
    refusesNull("client", () -> new IdempotencyService((UnifiedJedis) null, HOUR));
    refusesNull("pool", () -> IdempotencyService.builder((Pool<Jedis>) null));
    refusesNull("client", () -> IdempotencyService.builder((UnifiedJedis) null));
    refusesNull("ttl", () -> new IdempotencyService(pool, null));
    refusesNull("lease", () -> builder().lease(null));
    refusesNull("waitFor", () -> builder().waitFor(null));
    refusesNull("namespace", () -> builder().namespace(null));
    refusesNull("gson", () -> builder().gson(null));
    refusesNull("requestId", () -> service.isDuplicate(null));
    refusesNull("requestId", () -> service.storeRequest(null, "x"));
    refusesNull("requestId", () -> service.getResult(null, String.class));
    refusesNull("type", () -> service.getResult("id", (Class<String>) null));
    refusesNull("type", () -> service.getResult("id", (TypeToken<String>) null));
    refusesNull("key", () -> service.execute(null, String.class, () -> "x"));
    refusesNull("type", () -> service.execute("id", (Class<String>) null, () -> "x"));
    refusesNull("work", () -> service.execute("id", String.class, null));
    refusesNull("fingerprint", () -> service.execute("id", null, TEXT, () -> "x"));
    refusesNull("type", () -> service.execute("id", "f", null, () -> "x"));
    refusesNull("key", () -> service.begin(null, null, TEXT));
    refusesNull("type", () -> service.begin("id", null, null));
    refusesNull("key", () -> service.forget(null));
  }

  private void refusesNull(String name, Executable call) {
    assertThat(assertThrows(NullPointerException.class, call).getMessage(), is(name));
    assertThat(connects.get(), is(0));
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT0S", "PT-1S", "PT0.000999999S", "P3651D", "PT2562047788015215H"})
  void refusesDurationsThatRedisCannotKeep(String text) {
    Duration wrong = Duration.parse(text);
    refuses("ttl must be from 1 ms", () -> new IdempotencyService(pool, wrong));
    refuses("ttl must be from 1 ms", () -> builder().ttl(wrong));
    refuses("lease must be from 1 ms", () -> builder().lease(wrong));
  }

  @Test
  void takesTheShortestAndTheLongestDuration() {
    Duration longest = Duration.ofDays(3650);
    builder().ttl(Duration.ofMillis(1)).lease(Duration.ofMillis(1)).waitFor(Duration.ZERO);
    builder().ttl(longest).lease(longest).waitFor(longest);
    refuses("waitFor", () -> builder().waitFor(longest.plusNanos(1)));
    refuses("waitFor", () -> builder().waitFor(Duration.ofNanos(-1)));
  }

  @ParameterizedTest
  @ValueSource(ints = {Integer.MIN_VALUE, -1, 0, (512 << 20) + 1})
  void refusesASizeThatNoResultCanHave(int bytes) {
    refuses("maxResultBytes", () -> builder().maxResultBytes(bytes));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "\uD83D", "x\uDE00"})
  void refusesTextThatRedisWouldNotKeepApart(String text) {
    refuses("requestId", () -> service.isDuplicate(text));
    refuses("requestId", () -> service.storeRequest(text, 1));
    refuses("requestId", () -> service.getResult(text, String.class));
    refuses("key", () -> service.execute(text, String.class, () -> "x"));
    refuses("key", () -> service.begin(text, null, TEXT));
    refuses("key", () -> service.forget(text));
    refuses("fingerprint", () -> service.begin("id", text, TEXT));
    refuses("fingerprint", () -> service.execute("id", text, TEXT, () -> "x"));
    refuses("namespace", () -> builder().namespace(text));
  }

  private void refuses(String name, Executable call) {
    Exception e = assertThrows(IllegalArgumentException.class, call);
    assertThat(e.getMessage(), containsString(name));
    assertThat(connects.get(), is(0));
  }

  @Test
  void neverRunsTheWorkWhenRedisCannotBeReached() {
    AtomicInteger runs = new AtomicInteger();
    Exception e =
        assertThrows(
            JedisConnectionException.class,
            () -> service.execute("id", Integer.class, runs::incrementAndGet));
    assertThat(e, is(sameInstance(refused)));
    assertThat(runs.get(), is(0));
  }

  @Test
  void asksOnceMoreWhenAWriteIsInDoubtButNotWhenARead() {
    assertThrows(JedisConnectionException.class, () -> service.begin("id", null, TEXT));
    assertThat(connects.getAndSet(0), is(2));
    assertThrows(JedisConnectionException.class, () -> service.storeRequest("id", 1));
    assertThat(connects.getAndSet(0), is(2));
    assertThrows(JedisConnectionException.class, () -> service.isDuplicate("id"));
    assertThat(connects.get(), is(1));
  }

  private IdempotencyService.Builder builder() {
    return IdempotencyService.builder(pool);
  }
}
