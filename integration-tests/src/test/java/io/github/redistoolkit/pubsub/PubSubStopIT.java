package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Transaction;

/** Closing with time, what the counters say meanwhile, and plain text. */
@EachClient
class PubSubStopIT extends PubSubSuite {

  PubSubStopIT(TestRedis redis) {
    super(redis);
  }

  @Test
  void closingWithTimeHandlesAllThatHasArrivedAndNothingRunsAfterwards() {
    int count = Matrix.size(500, 5_000);
    AtomicBoolean closed = new AtomicBoolean();
    List<Integer> afterwards = new CopyOnWriteArrayList<>();
    CountDownLatch goOn = new CountDownLatch(1);
    RedisPubSub pubSub = builder().build();
    for (int i = 0; i < 3; i++) {
      pubSub.subscribe(
          channel,
          Integer.class,
          message -> {
            goOn.await();
            if (closed.get()) {
              afterwards.add(message.body());
            }
            pubSub.publish(channel + ":done", message.body());
          });
    }
    Publisher.flood(redis, channel, count, String::valueOf);
    Wire.await("all received").until(() -> pubSub.stats().received() == 3L * count);
    goOn.countDown();
    boolean all = pubSub.close(Duration.ofSeconds(30));
    closed.set(true);
    assertThat(all, is(true));
    assertThat(pubSub.stats(), is(new PubSubStats(3L * count, 3L * count, 0, 0, 0, 0)));
    assertThat(afterwards, is(empty()));
    assertThrows(IllegalStateException.class, () -> pubSub.publish(channel, 1));
  }

  @Test
  void closingWithTimeGivesUpAHandlerThatIsStuck() {
    CountDownLatch goOn = new CountDownLatch(1);
    RedisPubSub pubSub = builder().build();
    pubSub.subscribe(channel, Integer.class, message -> goOn.await());
    Publisher.publish(redis, channel, "1", "2");
    Wire.await("received").until(() -> pubSub.stats().queued() == 2);
    assertThat(pubSub.close(Duration.ofMillis(100)), is(false));
    assertThat(pubSub.stats(), is(new PubSubStats(2, 0, 0, 1, 1, 0)));
    goOn.countDown();
    Wire.await("ended").until(() -> pubSub.stats().handled() == 1);
  }

  @Test
  void countersAddUpWhileMessagesComeFailAndAreDropped() throws Exception {
    int count = Matrix.size(20_000, 200_000);
    try (RedisPubSub pubSub = builder().queueBytes(2_000).build()) {
      for (int i = 0; i < 3; i++) {
        pubSub.subscribe(
            channel,
            Integer.class,
            message -> {
              if (message.body() % 7 == 0) {
                throw new IllegalStateException("on purpose");
              }
            });
      }
      Future<?> publishing =
          threads.submit(() -> Publisher.flood(redis, channel, count, String::valueOf));
      while (!publishing.isDone()) {
        assertAddUp(pubSub.stats());
      }
      publishing.get();
      Wire.await("all are through")
          .until(() -> pubSub.stats().received() == 3L * count && pubSub.stats().queued() == 0);
      assertAddUp(pubSub.stats());
    }
  }

  private static void assertAddUp(PubSubStats stats) {
    assertThat(
        stats.toString(),
        stats.handled() + stats.failed() + stats.dropped() + stats.queued(),
        is(stats.received()));
  }

  @Test
  void slowHandlersShareABoundedNumberOfThreads() {
    int count = 200;
    CountDownLatch goOn = new CountDownLatch(1);
    AtomicInteger handled = new AtomicInteger();
    try (RedisPubSub pubSub = builder().build()) {
      List<String> channels = IntStream.range(0, count).mapToObj(i -> channel + ":" + i).toList();
      pubSub.subscribe(
          channels,
          Integer.class,
          message -> {
            goOn.await();
            handled.incrementAndGet();
          });
      Publisher.publishTo(redis, channels, "1");
      Wire.await("all received").until(() -> pubSub.stats().received() == count);
      List<String> threads = new ArrayList<>(Wire.threads());
      threads.removeIf(name -> !name.contains("handler"));
      assertThat(threads.size(), is(lessThanOrEqualTo(Threads.MOST_HANDLERS)));
      goOn.countDown();
      Wire.await("all handled").until(handled::get, is(count));
    }
  }

  @Test
  void plainTextAndWhatIsPublishedInATransactionArrive() {
    List<String> texts = new CopyOnWriteArrayList<>();
    try (RedisPubSub pubSub = builder().build()) {
      pubSub.subscribe(channel, Text.class, message -> texts.add(message.body().value()));
      try (Jedis jedis = redis.open(redis.address())) {
        jedis.publish(channel, "hello");
        try (Transaction transaction = jedis.multi()) {
          transaction.publish(channel.getBytes(UTF_8), pubSub.encode(List.of(1, 2)));
          List<Object> unused = transaction.exec();
        }
      }
      pubSub.publish(channel, new Text("größe"));
      Wire.await("all received").until(() -> texts, contains("hello", "[1,2]", "größe"));
    }
    assertThat(recorder.failures, is(empty()));
  }
}
