package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Executor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.JedisPool;

/** How many handlers are called at a time, on an executor that the test runs, and without Redis. */
@SuppressWarnings("deprecation") // what most code holds
class WorkersTest {

  private static final int MOST = 2;

  private static final class Subscription extends OwnSubscription {

    Subscription(Settings<?> settings) {
      super(settings, "group", closed -> {});
    }

    @Override
    void start() {}

    @Override
    void beginClose() {
      life.beginClose();
    }

    @Override
    boolean finishClose(long deadlineNanos) {
      return true;
    }
  }

  private final class Waiting implements Workers.Work {

    @Override
    public boolean isForOneMore(int atWork) {
      return atWork < MOST && atWork < waiting;
    }

    @Override
    public boolean handleNext() {
      if (waiting == 0) {
        return false;
      }
      waiting--;
      handled++;
      handler.run();
      return true;
    }
  }

  private final JedisPool pool = new JedisPool("localhost", 1);
  private final Deque<Runnable> tasks = new ArrayDeque<>();
  private final Settings<Integer> settings = settings(tasks::add);
  private final OwnSubscription subscription = new Subscription(settings);
  private final Workers workers = new Workers(subscription, settings, new Waiting());
  private Runnable handler = () -> {};
  private int waiting;
  private int handled;

  @AfterEach
  void closePool() {
    pool.close();
  }

  private Settings<Integer> settings(Executor executor) {
    return new Settings<>(
        RedisAccess.of(pool),
        "topic",
        TopicKeys.of("topic:", "topic"),
        new Bodies<>(Json.standard(), TypeToken.get(Integer.class)),
        executor,
        MOST,
        10,
        Duration.ofSeconds(5),
        Duration.ofSeconds(1),
        5,
        null,
        Duration.ofSeconds(1),
        0,
        new Reports(new DurableListener() {}));
  }

  private boolean isIdle() {
    return subscription.life.locked(workers::isIdle);
  }

  @Test
  void asksForAsManyThreadsAsThereIsWorkForAndNoMore() {
    workers.pump();
    assertThat(tasks.size(), is(0));
    waiting = 1;
    workers.pump();
    workers.pump();
    assertThat(tasks.size(), is(1));
    waiting = 10;
    workers.pump();
    assertThat(tasks.size(), is(MOST));
    assertThat(isIdle(), is(false));
    while (!tasks.isEmpty()) {
      tasks.remove().run();
    }
    assertThat(handled, is(10));
    assertThat(isIdle(), is(true));
  }

  @Test
  void comesBackForTheRestSoThatOthersHaveTheirTurn() {
    waiting = 1_000;
    workers.pump();
    tasks.remove().run();
    assertThat(handled, is(256));
    assertThat(tasks.size(), is(MOST));
  }

  @Test
  void stopsWhereTheThreadIsInterrupted() {
    waiting = 10;
    handler = () -> Thread.currentThread().interrupt();
    workers.pump();
    tasks.remove().run();
    assertThat(Thread.interrupted(), is(true));
    assertThat(handled, is(1));
  }

  @Test
  void isIdleForTheHandlerThatAsks() {
    waiting = 1;
    boolean[] idle = new boolean[1];
    handler = () -> idle[0] = isIdle();
    workers.pump();
    assertThat(isIdle(), is(false));
    tasks.remove().run();
    assertThat(idle[0], is(true));
  }

  @Test
  void countsAThreadNoMoreThatDied() {
    waiting = 1;
    handler =
        () -> {
          throw new StackOverflowError();
        };
    workers.pump();
    assertThrows(StackOverflowError.class, () -> tasks.remove().run());
    assertThat(isIdle(), is(true));
  }

  @Test
  void beginsNothingOnceTheEndHasBegun() {
    waiting = 1;
    subscription.beginClose();
    workers.pump();
    assertThat(tasks.size(), is(0));
  }
}
