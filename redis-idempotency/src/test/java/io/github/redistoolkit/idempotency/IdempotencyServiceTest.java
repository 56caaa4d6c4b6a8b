package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.sameInstance;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import java.time.Duration;
import java.util.List;
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

  private final Thread caller = Thread.currentThread();
  private final AtomicInteger connects = new AtomicInteger();
  private final JedisConnectionException refused = new JedisConnectionException("refused");

  private final Pool<Jedis> pool =
      new Pool<>(
          new BasePooledObjectFactory<Jedis>() {
            @Override
            public Jedis create() {
              // Claims are taken back in the background.
              if (Thread.currentThread() == caller) {
                connects.incrementAndGet();
              }
              throw refused;
            }

            @Override
            public PooledObject<Jedis> wrap(Jedis jedis) {
              return new DefaultPooledObject<>(jedis);
            }
          });

  private final IdempotencyService service = new IdempotencyService(pool, "tests", HOUR);

  @AfterEach
  void closePool() {
    pool.close();
  }

  @Test
  void refusesNullArgumentsByName() {
    refusesNull("pool", () -> new IdempotencyService((Pool<Jedis>) null, "n", HOUR));
    refusesNull("client", () -> new IdempotencyService((UnifiedJedis) null, "n", HOUR));
    refusesNull("pool", () -> IdempotencyService.builder((Pool<Jedis>) null, "n"));
    refusesNull("client", () -> IdempotencyService.builder((UnifiedJedis) null, "n"));
    refusesNull("ttl", () -> new IdempotencyService(pool, "n", null));
    refusesNull("lease", () -> builder().lease(null));
    refusesNull("maxWait", () -> builder().maxWait(null));
    refusesNull("name", () -> new IdempotencyService(pool, null, HOUR));
    refusesNull("name", () -> IdempotencyService.builder(pool, null));
    refusesNull("maxHold", () -> builder().keepAlive(null));
    refusesNull("maxHold", () -> Request.of("id").keepAlive(null));
    refusesNull("prefix", () -> builder().prefix(null));
    refusesNull("listener", () -> builder().listener(null));
    refusesNull("type", () -> builder().onFailure(null, FailureOutcome.KEEP_OPEN));
    refusesNull("outcome", () -> builder().onFailure(Exception.class, null));
    refusesNull("decide", () -> builder().onFailure(null));
    refusesNull("gson", () -> builder().gson(null));
    refusesNull("requestId", () -> service.isDuplicate(null));
    refusesNull("requestId", () -> service.storeRequest(null, "x"));
    refusesNull("requestId", () -> service.getResult(null, String.class));
    refusesNull("type", () -> service.getResult("id", (Class<String>) null));
    refusesNull("type", () -> service.getResult("id", (TypeToken<String>) null));
    refusesNull("key", () -> service.execute(null, String.class, own -> "x"));
    refusesNull("type", () -> service.execute("id", (Class<String>) null, own -> "x"));
    refusesNull("work", () -> service.execute("id", String.class, null));
    refusesNull(
        "fingerprint",
        () -> service.execute(Request.of("id").fingerprint(null), TEXT, own -> "x").result());
    refusesNull(
        "type",
        () -> service.execute(Request.of("id").fingerprint("f"), null, own -> "x").result());
    refusesNull("key", () -> service.begin(Request.of(null), TEXT));
    refusesNull("type", () -> service.begin(Request.of("id"), null));
    refusesNull("request", () -> service.begin(null, TEXT));
    refusesNull("request", () -> service.execute((Request) null, TEXT, own -> "x"));
    refusesNull("work", () -> service.execute(Request.of("id"), TEXT, null));
    refusesNull("work", () -> service.execute("id", null));
    refusesNull("work", () -> service.executeChecked(Request.of("id"), TEXT, null));
    refusesNull("executor", () -> service.executeAsync(Request.of("id"), TEXT, null, own -> null));
    refusesNull("work", () -> service.executeAsync(Request.of("id"), TEXT, Runnable::run, null));
    refusesNull("requests", () -> service.beginAll(null, TEXT));
    refusesNull("type", () -> service.beginAll(List.of(), null));
    refusesNull("ttl", () -> Request.of("id").ttl(null));
    refusesNull("lease", () -> Request.of("id").lease(null));
    refusesNull("maxWait", () -> Request.of("id").maxWait(null));
    refusesNull("key", () -> service.record(null, "x"));
    refusesNull("key", () -> service.status(null));
    refusesNull("key", () -> service.redisKey(null));
    refusesNull("key", () -> service.forget(null));
  }

  private void refusesNull(String name, Executable call) {
    assertThat(assertThrows(NullPointerException.class, call).getMessage(), is(name));
    assertThat(connects.get(), is(0));
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT0S", "PT-1S", "PT0.000999999S", "P36526D", "PT2562047788015215H"})
  void refusesDurationsThatRedisCannotKeep(String text) {
    Duration wrong = Duration.parse(text);
    refuses("ttl must be from 1 ms", () -> new IdempotencyService(pool, "n", wrong));
    refuses("ttl must be from 1 ms", () -> builder().ttl(wrong));
    refuses("lease must be from 1 ms", () -> builder().lease(wrong));
    refuses("maxHold must be from 1 ms", () -> builder().keepAlive(wrong));
    refuses("maxHold must be from 1 ms", () -> Request.of("id").keepAlive(wrong));
    refuses("ttl must be from 1 ms", () -> Request.of("id").ttl(wrong));
    refuses("lease must be from 1 ms", () -> Request.of("id").lease(wrong));
  }

  @Test
  void takesTheShortestAndTheLongestDuration() {
    Duration year = Duration.ofDays(365);
    Duration day = Duration.ofDays(1);
    builder().ttl(Duration.ofMillis(1)).lease(Duration.ofMillis(1)).maxWait(Duration.ZERO);
    builder().ttl(Duration.ofDays(36_525)).lease(year).keepAlive(year).maxWait(day);
    refuses("lease", () -> builder().lease(year.plusNanos(1)));
    refuses("maxHold", () -> builder().keepAlive(year.plusNanos(1)));
    refuses("maxWait", () -> builder().maxWait(day.plusNanos(1)));
    refuses("maxWait", () -> builder().maxWait(Duration.ofNanos(-1)));
    refuses("maxWait", () -> Request.of("id").maxWait(Duration.ofNanos(-1)));
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
    refuses("key", () -> service.execute(text, String.class, own -> "x"));
    refuses("key", () -> service.begin(Request.of(text), TEXT));
    refuses("key", () -> service.forget(text));
    refuses("fingerprint", () -> service.begin(Request.of("id").fingerprint(text), TEXT));
    refuses(
        "fingerprint",
        () -> service.execute(Request.of("id").fingerprint(text), TEXT, own -> "x").result());
    refuses("prefix", () -> builder().prefix(text));
    refuses("name", () -> IdempotencyService.builder(pool, text));
    refuses("key", () -> service.record(text, 1));
    refuses("key", () -> service.status(text));
    refuses("key", () -> service.redisKey(text));
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
            () -> service.execute("id", Integer.class, own -> runs.incrementAndGet()));
    assertThat(e, is(sameInstance(refused)));
    assertThat(runs.get(), is(0));
  }

  @Test
  void asksOnceMoreWhenAWriteIsInDoubtButNotWhenARead() {
    assertThrows(JedisConnectionException.class, () -> service.begin(Request.of("id"), TEXT));
    assertThat(connects.getAndSet(0), is(2));
    assertThrows(JedisConnectionException.class, () -> service.storeRequest("id", 1));
    assertThat(connects.getAndSet(0), is(2));
    assertThrows(JedisConnectionException.class, () -> service.isDuplicate("id"));
    assertThat(connects.get(), is(1));
  }

  private IdempotencyService.Builder builder() {
    return IdempotencyService.builder(pool, "tests");
  }
}
