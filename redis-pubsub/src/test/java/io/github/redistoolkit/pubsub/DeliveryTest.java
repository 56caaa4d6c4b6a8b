package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.util.Pool;

@Timeout(20)
class DeliveryTest {

  /** What a message with one digit takes in the queue. */
  private static final long ONE = 1L + "channel".length() + Delivery.BYTES_PER_MESSAGE;

  private final Pool<Jedis> pool = Offline.pool();
  private final Queue<Runnable> tasks = new ArrayDeque<>();
  private final List<Integer> handled = new ArrayList<>();
  private final List<Long> reported = new ArrayList<>();

  @AfterEach
  void close() {
    pool.close();
  }

  private Subscriber subscriber;

  private Delivery<Integer> delivery(Overflow overflow, long queueBytes) {
    PubSubListener listener =
        new PubSubListener() {
          @Override
          public void onDropped(Subscription subscription, long count) {
            reported.add(count);
          }
        };
    Settings settings =
        new Settings(
            new Payloads(Json.standard()),
            tasks::add,
            Duration.ofSeconds(5),
            Duration.ofSeconds(10),
            Duration.ofSeconds(5),
            queueBytes,
            overflow,
            listener);
    subscriber = new Subscriber(RedisAccess.of(pool), settings, () -> {});
    return new Delivery<>(
        subscriber,
        Topic.Kind.CHANNEL,
        "channel",
        TypeToken.get(Integer.class),
        message -> handled.add(message.body()),
        settings);
  }

  private static void offer(Delivery<?> delivery, int... bodies) {
    for (int body : bodies) {
      delivery.offer("channel", String.valueOf(body).getBytes(UTF_8));
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
    assertThat(delivery.received(), is(5L));
    assertThat(delivery.dropped(), is(2L));
  }

  @Test
  void dropsTheNewestFirst() {
    Delivery<Integer> delivery = delivery(Overflow.DROP_NEWEST, 3 * ONE);
    offer(delivery, 1, 2, 3, 4, 5);
    runTasks();
    offer(delivery, 6);
    runTasks();
    assertThat(handled, contains(1, 2, 3, 6));
    assertThat(delivery.received(), is(6L));
    assertThat(delivery.dropped(), is(2L));
  }

  @Test
  void countsBytesNotMessages() {
    Delivery<Integer> delivery = delivery(Overflow.DROP_OLDEST, 3 * ONE + 4);
    offer(delivery, 1, 2, 30_000);
    assertThat(delivery.dropped(), is(0L));
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
    assertThat(delivery.dropped(), is(2L));
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
    assertThat(delivery.received(), is(3L));
    assertThat(offered.getCount(), is(1L));
    boolean any = false;
    while (reader.isAlive()) {
      any |= delivery.doNext();
    }
    assertThat(any, is(true));
    reader.join();
    runTasks();
    assertThat(handled, contains(1, 2, 3, 4));
    assertThat(delivery.dropped(), is(0L));
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
    offer(delivery, 4);
    delivery.tick();
    subscriber.reports().wake();
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
    offer(delivery, 4);
    runTasks();
    assertThat(handled, is(empty()));
    assertThat(delivery.received(), is(3L));
    assertThat(delivery.dropped(), is(0L));
  }
}
