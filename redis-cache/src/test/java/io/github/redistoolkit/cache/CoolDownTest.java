package io.github.redistoolkit.cache;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
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

  @Test
  void afterAnyAnswerItBeginsWithTheShortestAgain() {
    fail();
    pass(CoolDown.SHORTEST);
    assertThat(isAsked(), is(true));
    fail();
    pass(CoolDown.SHORTEST);
    fail(new JedisDataException("ERR on purpose"));
    fail();
    assertThat(told, is(List.of(CoolDown.SHORTEST, CoolDown.SHORTEST, CoolDown.SHORTEST)));
  }

  /** One whose keys are on the nodes that their first letters name. */
  private CoolDown ofNodes(@Nullable Semaphore seats) {
    return new CoolDown(
        key -> key.substring(0, 1), seats, new Counters(new CacheListener() {}), nanos::get);
  }

  private static List<String> failFor(
      CoolDown coolDown, List<String> keys, JedisException failure) {
    List<String> asked = new ArrayList<>();
    assertThrows(
        JedisException.class,
        () ->
            coolDown.askAllNow(
                keys,
                open -> {
                  asked.addAll(open);
                  throw failure;
                }));
    return asked;
  }

  private static List<String> asked(CoolDown coolDown, String... keys) {
    List<String> asked = coolDown.askAllNow(List.of(keys), open -> open);
    return asked == null ? List.of() : asked;
  }

  private static JedisException someFailed(JedisException cause, String... keys) {
    return new CacheBatchException(List.of(keys), 4, cause);
  }

  @Test
  void onlyTheNodesThatDidNotAnswerAreLeftAlone() {
    CoolDown nodes = ofNodes(null);
    JedisException gone = new JedisConnectionException("on purpose");
    List<String> keys = List.of("a1", "b1", "a2", "c1");
    assertThat(failFor(nodes, keys, someFailed(gone, "a1", "a2")), is(keys));
    assertThat(nodes.isPaused("a3"), is(true));
    assertThat(nodes.isPaused("b1"), is(false));
    assertThat(asked(nodes, "a1", "b1", "a2", "c1"), is(List.of("b1", "c1")));
    assertThat(asked(nodes, "a1", "a2"), is(List.of()));
    assertThat(failFor(nodes, List.of("b1", "c1"), gone), is(List.of("b1", "c1")));
    assertThat(asked(nodes, "a1", "b1", "c1"), is(List.of()));
    pass(CoolDown.SHORTEST);
    // One asks for all keys of a node together.
    assertThat(asked(nodes, "a1", "b1", "a2"), is(List.of("a1", "b1", "a2")));
  }

  @Test
  void theNodesThatAnsweredAmongThoseThatFailedAreAskedAgain() {
    CoolDown nodes = ofNodes(null);
    JedisException gone = new JedisConnectionException("on purpose");
    assertThat(failFor(nodes, List.of("a1", "b1"), gone), is(List.of("a1", "b1")));
    pass(CoolDown.SHORTEST);
    assertThat(
        failFor(nodes, List.of("a1", "b1"), someFailed(gone, "a1")), is(List.of("a1", "b1")));
    assertThat(asked(nodes, "a1", "b1"), is(List.of("b1")));
    pass(CoolDown.SHORTEST);
    assertThat("twice as long now", asked(nodes, "a1"), is(List.of()));
    assertThat(failFor(nodes, List.of("b1"), gone), is(List.of("b1")));
    pass(CoolDown.SHORTEST);
    assertThat("it had answered", asked(nodes, "b1"), is(List.of("b1")));
  }

  @Test
  void anErrorThatRedisAnsweredForSomeIsAnAnswer() {
    CoolDown nodes = ofNodes(null);
    JedisException refused = new JedisDataException("ERR on purpose");
    assertThat(failFor(nodes, List.of("a1"), someFailed(refused, "a1")), is(List.of("a1")));
    assertThat(asked(nodes, "a1"), is(List.of("a1")));
  }

  @Test
  void anInterruptSaysNothing() {
    fail(new JedisException("on purpose", new InterruptedException()));
    assertThat(isAsked(), is(true));
    assertThat(told, is(List.of()));
    fail();
    pass(CoolDown.SHORTEST);
    fail(new JedisException("on purpose", new InterruptedException()));
    assertThat("another tries", isAsked(), is(true));
  }

  @Test
  void noMoreAskAtATimeThanThereAreSeats() {
    CoolDown one = ofNodes(new Semaphore(1));
    Patience none = Patience.of(Duration.ofNanos(1), nanos::get);
    Patience some = Patience.of(Duration.ofHours(1), nanos::get);
    pass(Duration.ofNanos(1));
    String answer =
        one.ask(
            "a",
            some,
            () -> {
              assertThrows(CacheTimeoutException.class, () -> one.ask("b", none, () -> "b"));
              assertThat(one.askNow("b", () -> "at once"), is("at once"));
              return "a";
            });
    assertThat(answer, is("a"));
    assertThrows(
        IllegalStateException.class,
        () ->
            one.ask(
                "a",
                some,
                () -> {
                  throw new IllegalStateException("on purpose");
                }));
    assertThat("the seat is free again", one.ask("a", none, () -> "a"), is("a"));
  }

  @Test
  void nobodyWaitsForASeatWhereNothingBoundsTheConnections() {
    Patience none = Patience.of(Duration.ofNanos(1), nanos::get);
    pass(Duration.ofNanos(1));
    assertThat(ofNodes(null).ask("a", none, () -> "a"), is("a"));
  }

  @Test
  void whoeverWaitsForASeatGoesWithoutOnceRedisIsNotToBeAsked() throws Exception {
    CoolDown one = ofNodes(new Semaphore(1));
    Patience some = Patience.of(Duration.ofHours(1), nanos::get);
    FutureTask<String> waiting = new FutureTask<>(() -> one.ask("a2", some, () -> "asked"));
    JedisException gone = new JedisConnectionException("on purpose");
    assertThrows(
        JedisException.class,
        () ->
            one.ask(
                "a1",
                some,
                () -> {
                  startAndAwaitWaiting(waiting);
                  assertThat(failFor(one, List.of("a1"), gone), is(List.of("a1")));
                  assertThat(result(waiting), is(nullValue()));
                  throw gone;
                }));
  }

  @Test
  void whoeverWaitsForASeatGetsTheNextThatIsFree() throws Exception {
    CoolDown one = ofNodes(new Semaphore(1));
    Patience some = Patience.of(Duration.ofHours(1), nanos::get);
    FutureTask<String> waiting = new FutureTask<>(() -> one.ask("a2", some, () -> "asked"));
    String first =
        one.ask(
            "a1",
            some,
            () -> {
              startAndAwaitWaiting(waiting);
              return "first";
            });
    assertThat(first, is("first"));
    assertThat(result(waiting), is("asked"));
  }

  @Test
  void whoeverIsInterruptedWaitsNoLongerForASeat() throws Exception {
    CoolDown one = ofNodes(new Semaphore(0));
    Patience some = Patience.of(Duration.ofHours(1), nanos::get);
    FutureTask<Boolean> waiting =
        new FutureTask<>(
            () -> {
              assertThrows(CompletionException.class, () -> one.ask("a", some, () -> "asked"));
              return Thread.currentThread().isInterrupted();
            });
    startAndAwaitWaiting(waiting).interrupt();
    assertThat(waiting.get(20, TimeUnit.SECONDS), is(true));
  }

  @Test
  void thereAreAsManySeatsAsConnections() {
    Patience none = Patience.of(Duration.ofNanos(1), nanos::get);
    pass(Duration.ofNanos(1));
    assertThat(seats(coolDown, none, 0), is(pool.getMaxTotal()));
  }

  /** How many can ask at a time, each while the one before it does. */
  private static int seats(CoolDown coolDown, Patience none, int so) {
    try {
      Integer all = coolDown.ask("k", none, () -> so == 20 ? so : seats(coolDown, none, so + 1));
      return Objects.requireNonNull(all);
    } catch (CacheTimeoutException e) {
      return so;
    }
  }

  @CanIgnoreReturnValue
  private static Thread startAndAwaitWaiting(FutureTask<?> task) {
    Thread thread = new Thread(task, "cool-down-test");
    thread.setDaemon(true);
    thread.start();
    while (thread.getState() != Thread.State.TIMED_WAITING) {
      assertThat("it waits", task.isDone(), is(false));
      Thread.onSpinWait();
    }
    return thread;
  }

  private static @Nullable String result(FutureTask<String> task) {
    try {
      return task.get(20, TimeUnit.SECONDS);
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      throw new AssertionError(e);
    }
  }
}
