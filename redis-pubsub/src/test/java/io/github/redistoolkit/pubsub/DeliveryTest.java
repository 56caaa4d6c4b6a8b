package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class DeliveryTest {

  /** What a message with one digit takes in the queue. */
  private static final long ONE = 1L + "channel".length() + Delivery.BYTES_PER_MESSAGE;

  private final AtomicLong nowNanos = new AtomicLong();
  private final Queue<Runnable> tasks = new ArrayDeque<>();
  private final List<Integer> handled = new ArrayList<>();
  private final List<Long> reported = new ArrayList<>();
  private final List<String> told = new CopyOnWriteArrayList<>();
  private final List<Delivery<?>> ended = new ArrayList<>();

  private Reports reports;

  private Delivery<Integer> delivery(Overflow overflow, long queueBytes) {
    return delivery(overflow, queueBytes, tasks::add, message -> handled.add(message.body()));
  }

  private Delivery<Integer> delivery(
      Overflow overflow, long queueBytes, Executor executor, MessageHandler<Integer> handler) {
    PubSubListener listener =
        new PubSubListener() {
          @Override
          public void onDropped(Subscription subscription, long count) {
            reported.add(count);
          }

          @Override
          public void onUndecodable(
              Subscription subscription, String channel, byte[] payload, Throwable error) {
            told.add("undecodable " + new String(payload, UTF_8));
          }

          @Override
          public void onError(
              Subscription subscription, String channel, byte[] payload, Throwable error) {
            told.add(error.getMessage() + " " + new String(payload, UTF_8));
          }
        };
    Settings settings =
        new Settings(
            new Payloads(Json.standard()),
            executor,
            Duration.ofSeconds(5),
            Duration.ofSeconds(10),
            Duration.ofSeconds(5),
            queueBytes,
            overflow,
            listener,
            nowNanos::get);
    reports = new Reports(listener, executor, nowNanos::get);
    return new Delivery<>(
        Topic.Kind.CHANNEL,
        List.of("channel"),
        Bodies.decoder(settings.payloads(), TypeToken.get(Integer.class)),
        handler,
        settings,
        reports,
        ended::add);
  }

  private static void offer(Delivery<?> delivery, int... bodies) {
    for (int body : bodies) {
      delivery.offer("channel", String.valueOf(body).getBytes(UTF_8), () -> true);
    }
  }

  private void runTasks() {
    for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
      task.run();
    }
  }

  @Test
  void dropsTheOldestFirst() {
    Delivery<Integer> delivery = delivery(Overflow.DROP_OLDEST, 3 * ONE);
    offer(delivery, 1, 2, 3, 4, 5);
    runTasks();
    assertThat(handled, contains(3, 4, 5));
    assertThat(delivery.stats().received(), is(5L));
    assertThat(delivery.stats().dropped(), is(2L));
  }

  @Test
  void dropsTheNewestFirst() {
    Delivery<Integer> delivery = delivery(Overflow.DROP_NEWEST, 3 * ONE);
    offer(delivery, 1, 2, 3, 4, 5);
    runTasks();
    offer(delivery, 6, 7, 8);
    runTasks();
    assertThat(handled, contains(1, 2, 3, 6, 7, 8));
    assertThat(delivery.stats().received(), is(8L));
    assertThat(delivery.stats().dropped(), is(2L));
  }

  @Test
  void countsBytesNotMessages() {
    Delivery<Integer> delivery = delivery(Overflow.DROP_OLDEST, 3 * ONE + 4);
    offer(delivery, 1, 2, 30_000);
    assertThat(delivery.stats().dropped(), is(0L));
    offer(delivery, 4);
    runTasks();
    assertThat(handled, contains(2, 30_000, 4));
  }

  @Test
  void takesAMessageLargerThanTheQueueWhenItIsAlone() {
    Delivery<Integer> delivery = delivery(Overflow.DROP_OLDEST, 1);
    offer(delivery, 1, 2, 3);
    runTasks();
    assertThat(handled, contains(3));
    assertThat(delivery.stats().dropped(), is(2L));
  }

  @Test
  void blocksUntilThereIsRoomAndDropsNothing() throws Exception {
    Delivery<Integer> delivery = delivery(Overflow.BLOCK, 2 * ONE);
    CountDownLatch offered = new CountDownLatch(1);
    Thread reader =
        new Thread(
            () -> {
              offer(delivery, 1, 2, 3, 4);
              offered.countDown();
            });
    reader.start();
    while (reader.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    assertThat(delivery.stats().received(), is(2L));
    assertThat(offered.getCount(), is(1L));
    boolean any = false;
    while (reader.isAlive()) {
      any |= delivery.doNext();
    }
    assertThat(any, is(true));
    reader.join();
    runTasks();
    assertThat(handled, contains(1, 2, 3, 4));
    assertThat(delivery.stats().dropped(), is(0L));
  }

  @Test
  void closingLetsGoOfAReaderThatWaitsForRoom() throws Exception {
    Delivery<Integer> delivery = delivery(Overflow.BLOCK, ONE);
    CountDownLatch offered = new CountDownLatch(1);
    Thread reader =
        new Thread(
            () -> {
              offer(delivery, 1, 2);
              offered.countDown();
            });
    reader.start();
    while (reader.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    delivery.close();
    assertThat(offered.await(10, TimeUnit.SECONDS), is(true));
    runTasks();
    assertThat(handled, is(empty()));
    assertThat(delivery.isActive(), is(false));
  }

  @Test
  void reportsDropsSinceTheLastReportAndOnlyIfThereAreAny() {
    Delivery<Integer> delivery = delivery(Overflow.DROP_OLDEST, ONE);
    delivery.tick();
    offer(delivery, 1, 2, 3);
    delivery.tick();
    delivery.tick();
    runTasks();
    offer(delivery, 4, 5);
    delivery.tick();
    runTasks();
    assertThat("not within a second", reported, contains(2L));
    nowNanos.addAndGet(1_000_000_000);
    delivery.tick();
    runTasks();
    assertThat(reported, contains(2L, 1L));
  }

  @Test
  void handsOverInOneTaskAtATime() {
    Delivery<Integer> delivery = delivery(Overflow.DROP_OLDEST, 100 * ONE);
    offer(delivery, 1, 2, 3);
    assertThat(tasks.size(), is(1));
    runTasks();
    offer(delivery, 4);
    assertThat(tasks.size(), is(1));
    runTasks();
    assertThat(handled, contains(1, 2, 3, 4));
  }

  @Test
  void discardsWhatIsQueuedWhenClosed() {
    Delivery<Integer> delivery = delivery(Overflow.DROP_OLDEST, 100 * ONE);
    offer(delivery, 1, 2, 3);
    delivery.close();
    assertThat("told to end it at Redis", ended, is(List.<Delivery<?>>of(delivery)));
    offer(delivery, 4);
    runTasks();
    assertThat(handled, is(empty()));
    assertThat(delivery.stats(), is(new PubSubStats(3, 0, 0, 3, 0, 0)));
  }

  @Test
  void countsAddUpAtEveryMoment() throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(2);
    for (Overflow overflow : List.of(Overflow.DROP_OLDEST, Overflow.DROP_NEWEST)) {
      Delivery<Integer> delivery =
          delivery(
              overflow,
              5 * ONE,
              executor,
              message -> {
                if (message.body() % 3 == 0) {
                  throw new IllegalStateException("on purpose");
                }
              });
      CountDownLatch offered = new CountDownLatch(1);
      executor.execute(
          () -> {
            for (int i = 0; i < 50_000; i++) {
              delivery.offer(
                  "channel", (i % 5 == 0 ? "x" : "" + i % 10).getBytes(UTF_8), () -> true);
            }
            offered.countDown();
          });
      boolean over = false;
      while (!over) {
        over = offered.getCount() == 0;
        assertAddsUp(delivery.stats());
      }
      delivery.close();
      assertThat(delivery.awaitIdle(10_000_000_000L), is(true));
      assertAddsUp(delivery.stats());
      assertThat(delivery.stats().received(), is(50_000L));
      assertThat(delivery.stats().queued(), is(0L));
      assertThat(delivery.stats().handled(), is(greaterThan(0L)));
      assertThat(delivery.stats().failed(), is(greaterThan(0L)));
    }
    executor.shutdown();
  }

  private static void assertAddsUp(PubSubStats stats) {
    assertThat(
        stats.toString(),
        stats.handled() + stats.failed() + stats.dropped() + stats.queued(),
        is(stats.received()));
  }

  @Test
  void aReaderThatWaitsForRoomGoesOnWhenItsConnectionIsDead() throws Exception {
    Delivery<Integer> delivery = delivery(Overflow.BLOCK, ONE);
    AtomicBoolean alive = new AtomicBoolean(true);
    Thread reader =
        new Thread(
            () -> {
              for (int i = 1; i <= 3; i++) {
                delivery.offer("channel", String.valueOf(i).getBytes(UTF_8), alive::get);
              }
            });
    reader.start();
    while (reader.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    alive.set(false);
    delivery.wakeReader();
    reader.join();
    runTasks();
    assertThat("what had come is not lost", handled, contains(1, 2, 3));
  }

  @Test
  void aReaderThatWaitsForRoomGoesOnWhileTheHandlerSubscribes() throws Exception {
    Delivery<Integer> delivery = delivery(Overflow.BLOCK, ONE);
    Thread reader = new Thread(() -> offer(delivery, 1, 2, 3));
    reader.start();
    while (reader.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    delivery.subscribingInside(1);
    reader.join();
    delivery.subscribingInside(-1);
    runTasks();
    assertThat(handled, contains(1, 2, 3));
  }

  @Test
  void closingWithTimeHandlesWhatIsQueuedAndTakesNothingMore() throws Exception {
    Delivery<Integer> delivery = delivery(Overflow.DROP_OLDEST, 100 * ONE);
    offer(delivery, 1, 2, 3);
    FutureTask<Boolean> closing = new FutureTask<>(() -> delivery.close(Duration.ofSeconds(10)));
    startAndAwaitWaiting(closing);
    offer(delivery, 4);
    assertThat(delivery.isActive(), is(true));
    runTasks();
    assertThat(closing.get(), is(true));
    assertThat(handled, contains(1, 2, 3));
    assertThat(delivery.isActive(), is(false));
    assertThat(delivery.stats(), is(new PubSubStats(3, 3, 0, 0, 0, 0)));
  }

  @Test
  void closingWithTimeSaysWhenItWasTooShort() {
    Delivery<Integer> delivery = delivery(Overflow.DROP_OLDEST, 100 * ONE);
    offer(delivery, 1);
    assertThat(delivery.close(Duration.ofMillis(1)), is(false));
    assertThat(delivery.isActive(), is(false));
    runTasks();
    assertThat(handled, is(empty()));
    assertThat(delivery.stats(), is(new PubSubStats(1, 0, 0, 1, 0, 0)));
  }

  @Test
  void aHandlerCanCloseItsOwnSubscription() {
    List<Boolean> closed = new ArrayList<>();
    Delivery<Integer> delivery =
        delivery(
            Overflow.DROP_OLDEST,
            100 * ONE,
            tasks::add,
            message -> closed.add(message.subscription().close(Duration.ofMinutes(1))));
    offer(delivery, 1);
    runTasks();
    assertThat(closed, contains(true));
    assertThat(delivery.stats(), is(new PubSubStats(1, 1, 0, 0, 0, 0)));
  }

  @Test
  void isDeafToNoErrorOfTheLogOrTheListener() {
    Delivery<Integer> delivery =
        delivery(
            Overflow.DROP_OLDEST,
            100 * ONE,
            tasks::add,
            message -> {
              handled.add(message.body());
              throw new OutOfMemoryError("on purpose");
            });
    offer(delivery, 1, 2, 3);
    runTasks();
    assertThat(handled, contains(1, 2, 3));
  }

  @CanIgnoreReturnValue
  private static Thread startAndAwaitWaiting(FutureTask<?> task) {
    Thread thread = new Thread(task);
    thread.start();
    while (thread.getState() != Thread.State.TIMED_WAITING) {
      assertThat("it waits", task.isDone(), is(false));
      Thread.onSpinWait();
    }
    return thread;
  }

  @Test
  void whoeverIsInterruptedWaitsNoLongerForTheEnd() throws Exception {
    Delivery<Integer> delivery = delivery(Overflow.DROP_OLDEST, 100 * ONE);
    offer(delivery, 1);
    List<Boolean> closed = new CopyOnWriteArrayList<>();
    FutureTask<Boolean> closing =
        new FutureTask<>(
            () -> {
              closed.add(delivery.close(Duration.ofMinutes(1)));
              return Thread.currentThread().isInterrupted();
            });
    startAndAwaitWaiting(closing).interrupt();
    assertThat("who did it is still to be heard", closing.get(), is(true));
    assertThat(closed, contains(false));
    assertThat(delivery.isActive(), is(false));
  }

  @Test
  void aHandlerThatClosesItsOwnSubscriptionIsToldThatMoreWasQueued() {
    List<Boolean> closed = new ArrayList<>();
    Delivery<Integer> delivery =
        delivery(
            Overflow.DROP_OLDEST,
            100 * ONE,
            tasks::add,
            message -> closed.add(message.subscription().close(Duration.ofMinutes(1))));
    offer(delivery, 1, 2);
    runTasks();
    assertThat(closed, contains(false));
    assertThat(delivery.stats(), is(new PubSubStats(2, 1, 0, 1, 0, 0)));
  }

  @Test
  void whatIsBeingHandledCountsAsQueued() {
    List<PubSubStats> during = new ArrayList<>();
    Delivery<Integer> delivery =
        delivery(
            Overflow.DROP_OLDEST,
            100 * ONE,
            tasks::add,
            message -> during.add(message.subscription().stats()));
    offer(delivery, 1, 2);
    runTasks();
    assertThat(
        during, contains(new PubSubStats(2, 0, 0, 0, 2, 0), new PubSubStats(2, 1, 0, 0, 1, 0)));
  }

  @Test
  void aHandlerKnowsWhoseItIsAlsoAroundAnother() {
    List<Delivery<?>> current = new ArrayList<>();
    Delivery<Integer> inner =
        delivery(
            Overflow.DROP_OLDEST,
            100 * ONE,
            Runnable::run,
            message -> current.add(Delivery.current()));
    Delivery<Integer> outer =
        delivery(
            Overflow.DROP_OLDEST,
            100 * ONE,
            tasks::add,
            message -> {
              offer(inner, 1);
              current.add(Delivery.current());
            });
    offer(outer, 1);
    runTasks();
    assertThat(current, is(List.<Delivery<?>>of(inner, outer)));
    assertThat(Delivery.current(), is(nullValue()));
  }

  @Test
  void anInterruptOfAHandlerIsStillHeardByItsExecutor() {
    Delivery<Integer> delivery =
        delivery(
            Overflow.DROP_OLDEST,
            100 * ONE,
            tasks::add,
            message -> {
              throw new InterruptedException("on purpose");
            });
    offer(delivery, 1);
    runTasks();
    assertThat(Thread.interrupted(), is(true));
    assertThat(delivery.stats().failed(), is(1L));
    assertThat(told, contains("on purpose 1"));
  }

  @Test
  void whatCannotBeDecodedIsCountedAndKeepsNothingElseBack() {
    Delivery<Integer> delivery = delivery(Overflow.DROP_OLDEST, 100 * ONE);
    delivery.offer("channel", "x".getBytes(UTF_8), () -> true);
    offer(delivery, 1);
    runTasks();
    assertThat(handled, contains(1));
    assertThat(delivery.undecodable(), is(1L));
    assertThat(told, contains("undecodable x"));
    delivery.countReconnect();
    assertThat(delivery.stats(), is(new PubSubStats(2, 1, 1, 0, 0, 1)));
  }

  @Test
  void whatClosingDiscardsIsNoNews() {
    Delivery<Integer> delivery = delivery(Overflow.DROP_OLDEST, 100 * ONE);
    offer(delivery, 1, 2);
    delivery.close();
    delivery.tick();
    runTasks();
    assertThat(reported, is(empty()));
  }
}
