package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisPool;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.util.Pool;

/** For how long Redis is not asked; the times are those of a clock that the test moves. */
class CoolDownTest {

  @SuppressWarnings("deprecation") // JedisPool is what most code holds
  private final Pool<Jedis> pool = new JedisPool("127.0.0.1", 1);

  /** Begins where the clock overflows soon. */
  private final AtomicLong nanos =
      new AtomicLong(Long.MAX_VALUE - Duration.ofMillis(300).toNanos());

  private final List<Duration> told = new ArrayList<>();
  private final CoolDown coolDown =
      new CoolDown(
          RedisAccess.of(pool, "redis-cache"),
          new Names("p:", Names.Writing.VERBATIM, 1024),
          new Counters(
              new CacheListener() {
                @Override
                public void onCoolDown(Duration pause) {
                  told.add(pause);
                }
              }),
          nanos::get);

  @AfterEach
  void closePool() {
    pool.close();
  }

  private void pass(Duration time) {
    nanos.addAndGet(time.toNanos());
  }

  private void fail(JedisException failure) {
    assertThrows(
        JedisException.class,
        () ->
            coolDown.askNow(
                "k",
                () -> {
                  throw failure;
                }));
  }

  private void fail() {
    fail(new JedisConnectionException("on purpose"));
  }

  private boolean isAsked() {
    return coolDown.askNow("k", () -> true) != null;
  }

  @Test
  void itLastsTwiceAsLongAfterEachFailureThatFollowsUpToFiveSeconds() {
    for (long millis : new long[] {100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
      fail();
      assertThat(told.get(told.size() - 1), is(Duration.ofMillis(millis)));
      pass(Duration.ofMillis(millis).minusNanos(1));
      assertThat(coolDown.isPaused("k"), is(true));
      assertThat(isAsked(), is(false));
      pass(Duration.ofNanos(1));
      assertThat(coolDown.isPaused("k"), is(false));
    }
    assertThat(isAsked(), is(true));
    fail();
    assertThat("from the beginning", told.get(told.size() - 1), is(CoolDown.SHORTEST));
  }

  @Test
  void oneCallerTriesWhileTheOthersGoWithout() {
    fail();
    pass(CoolDown.SHORTEST);
    Boolean others =
        coolDown.askNow(
            "k",
            () -> {
              assertThat(coolDown.isPaused("k"), is(true));
              return isAsked();
            });
    assertThat(others, is(false));
    assertThat(isAsked(), is(true));
  }

  @Test
  void whoeverTriesAndThrowsSomethingElseLeavesItToTheNext() {
    fail();
    pass(CoolDown.SHORTEST);
    assertThrows(
        IllegalStateException.class,
        () ->
            coolDown.askNow(
                "k",
                () -> {
                  throw new IllegalStateException("on purpose");
                }));
    assertThat(isAsked(), is(true));
  }

  @Test
  void anErrorIsAnAnswer() {
    fail(new JedisDataException("ERR on purpose"));
    assertThat(isAsked(), is(true));
    fail();
    pass(CoolDown.SHORTEST);
    fail(new JedisDataException("ERR on purpose"));
    assertThat(isAsked(), is(true));
  }

  @Test
  void aCallThatBeganBeforeThePauseNeitherEndsNorProlongsIt() {
    Boolean answered =
        coolDown.askNow(
            "k",
            () -> {
              pass(Duration.ofNanos(1));
              fail();
              return true;
            });
    assertThat(answered, is(true));
    assertThat(coolDown.askNow("k", () -> true), is(nullValue()));
    assertThat(told, is(List.of(CoolDown.SHORTEST)));
  }

  @Test
  void aNodeIsAskedAgainThoughItsKeyHasMovedWhileOneTried() {
    AtomicReference<String> node = new AtomicReference<>("a");
    CoolDown moving =
        new CoolDown(key -> node.get(), null, new Counters(new CacheListener() {}), nanos::get);
    assertThrows(
        JedisException.class,
        () ->
            moving.askNow(
                "k",
                () -> {
                  throw new JedisConnectionException("on purpose");
                }));
    pass(CoolDown.SHORTEST);
    Boolean answered =
        moving.askNow(
            "k",
            () -> {
              node.set("b"); // as when the node has failed over to its replica
              return true;
            });
    assertThat(answered, is(true));
    node.set("a");
    assertThat(moving.isPaused("k"), is(false));
    assertThat(moving.askNow("k", () -> true), is(true));
  }
}
