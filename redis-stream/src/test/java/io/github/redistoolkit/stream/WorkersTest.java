package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
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
  private final Settings<Integer> settings = settings(tasks::add, true);
  private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1_000);
  private final OwnSubscription subscription = new Subscription(settings);
  private final Workers workers = new Workers(subscription, settings, new Waiting(), nanos::get);
  private final List<Thread> readers = new ArrayList<>();
  private final ReadingLoop loop = loop();
  private Runnable pumpByReader = () -> {};
  private volatile boolean over;
  private Runnable handler = () -> {};
  private int waiting;
  private int handled;

  @AfterEach
  void closePool() {
    pool.close();
  }

  private Settings<Integer> settings(Executor executor, boolean executorIsOwn) {
    return new Settings<>(
        RedisAccess.of(pool),
        "topic",
        TopicKeys.of("topic:", "topic"),
        new Bodies<>(Json.standard(), TypeToken.get(Integer.class)),
        executor,
        executorIsOwn,
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
    try {
      return workers.awaitIdle(subscription.ticker.nanoTime());
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
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

  /** A loop whose only step is to have handlers called. */
  private ReadingLoop loop() {
    ReadingLoop.Reader reader =
        new ReadingLoop.Reader() {
          @Override
          public boolean goesOn() {
            return !over;
          }

          @Override
          public void join() {}

          @Override
          public void recover() {}

          @Override
          public void read() {
            over = true;
          }

          @Override
          public void work() {
            pumpByReader.run();
          }

          @Override
          public void clientClosed() {}
        };
    ReadingLoop.Link link =
        new ReadingLoop.Link() {
          @Override
          public boolean isClosed() {
            return false;
          }

          @Override
          public boolean ready() {
            return false;
          }

          @Override
          public void drop() {}
        };
    return new ReadingLoop(
        reader,
        link,
        nanos -> {},
        subscription.ticker,
        task -> {
          Thread thread = new Thread(task, "workers-test");
          readers.add(thread);
          return thread;
        },
        settings.reports(),
        subscription);
  }

  /** Has the thread of a loop pump once. */
  private void pumpByReader(Workers some) throws InterruptedException {
    pumpByReader = () -> some.pump(loop, new Waiting()::handleNext);
    over = false;
    loop.start();
    for (Thread each : readers) {
      each.join(20_000);
      assertThat(each.isAlive(), is(false));
    }
  }

  @Test
  void theThreadThatReadsCallsHandlersItself() throws InterruptedException {
    Set<String> threads = new HashSet<>();
    handler = () -> threads.add(Thread.currentThread().getName());
    waiting = 1;
    pumpByReader(workers);
    assertThat(threads, contains("workers-test"));
    assertThat(tasks.size(), is(0));
    assertThat(isIdle(), is(true));
  }

  @Test
  void theThreadThatReadsIsOneOfThoseAtWork() throws InterruptedException {
    waiting = 10;
    handler = () -> assertThat(tasks.size(), is(MOST - 1));
    pumpByReader(workers);
    assertThat(handled, is(10));
    tasks.remove().run();
    assertThat(isIdle(), is(true));
  }

  @Test
  void handlersThatAreNotQuickAreLeftToOthers() throws InterruptedException {
    handler = () -> nanos.addAndGet(TimeUnit.MICROSECONDS.toNanos(100));
    waiting = 10;
    pumpByReader(workers);
    assertThat("it stays no longer than for the first", handled, is(1));
    assertThat(tasks.size(), is(MOST));
    waiting = 0;
    tasks.remove().run();
    tasks.remove().run();
    waiting = 1;
    pumpByReader(workers);
    assertThat(handled, is(1));
    assertThat(tasks.size(), is(1));
    handler = () -> {};
    tasks.remove().run();
    assertThat(handled, is(2));
    waiting = 1;
    pumpByReader(workers);
    assertThat("they are quick again", handled, is(3));
  }

  @Test
  void theThreadThatReadsLeavesTheRestToOthersAfterAWhile() throws InterruptedException {
    handler = () -> nanos.addAndGet(TimeUnit.MICROSECONDS.toNanos(99));
    waiting = 20;
    pumpByReader(workers);
    assertThat("those that begin within a millisecond", handled, is(11));
    assertThat(tasks.size(), is(MOST));
  }

  @Test
  void anExecutorOfTheUserIsTheOnlyOneThatCallsHandlers() throws InterruptedException {
    Workers others =
        new Workers(subscription, settings(tasks::add, false), new Waiting(), nanos::get);
    waiting = 1;
    pumpByReader(others);
    assertThat(handled, is(0));
    assertThat(tasks.size(), is(1));
  }

  @Test
  void anInterruptOfAHandlerIsNotLeftToTheThreadThatReads() throws InterruptedException {
    handler = () -> Thread.currentThread().interrupt();
    waiting = 10;
    boolean[] interrupted = {true};
    pumpByReader =
        () -> {
          workers.pump(loop, new Waiting()::handleNext);
          interrupted[0] = Thread.currentThread().isInterrupted();
        };
    loop.start();
    readers.get(0).join(20_000);
    assertThat(interrupted[0], is(false));
    assertThat("the rest is left to others", handled, is(1));
    assertThat(tasks.size(), is(MOST));
  }
}
