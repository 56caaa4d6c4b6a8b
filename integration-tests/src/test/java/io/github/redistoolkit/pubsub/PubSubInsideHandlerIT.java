package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a handler may do, on executors from one thread to one for each task. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class PubSubInsideHandlerIT extends PubSubSuite {

  private final ExecutorService oneThread = Executors.newSingleThreadExecutor();

  PubSubInsideHandlerIT(TestRedis redis) {
    super(redis);
  }

  @AfterEach
  void endExecutor() {
    oneThread.shutdownNow();
  }

  @Test
  void publishesSubscribesAndClosesInsideAHandlerOnOneThread() {
    try (RedisPubSub pubSub = builder().executor(oneThread).build()) {
      List<String> received = new CopyOnWriteArrayList<>();
      AtomicReference<Subscription> self = new AtomicReference<>();
      self.set(
          pubSub.subscribe(
              channel,
              String.class,
              message -> {
                pubSub.subscribe(
                    channel + ":new", String.class, inner -> received.add(inner.body()));
                pubSub.publish(channel + ":new", "from inside");
                self.get().close();
                received.add(message.body());
              }));
      Publisher.publish(redis, channel, "\"first\"", "\"after its close\"");
      Wire.await("both handled").until(() -> received.size() == 2);
      assertThat(received, contains("first", "from inside"));
      assertThat(recorder.failures, is(empty()));
      Wire.await("unsubscribed").until(() -> wire.subscribers(channel) == 0);
    }
  }

  /** The one thread that could wait for the handler is the one that it runs on. */
  @Test
  void closesAllInsideAHandlerOnOneThread() throws Exception {
    assertIsQuick(this::timeToCloseAllInsideAHandlerOnOneThread);
  }

  private Duration timeToCloseAllInsideAHandlerOnOneThread() throws Exception {
    kept.clear();
    BlockingQueue<Duration> took = new LinkedBlockingQueue<>();
    RedisPubSub pubSub = builder().executor(oneThread).build();
    Subscription subscription =
        pubSub.subscribe(
            channel,
            Integer.class,
            message -> {
              keep(message);
              took.add(time(pubSub::close));
            });
    pubSub.subscribe(channel + ":other", Integer.class, this::keep);
    Publisher.publish(redis, channel, "1", "2");
    Duration closed = next(took);
    assertThat(subscription.isActive(), is(false));
    Wire.await("no connection left").until(wire::connections, is(empty()));
    // What was left to do there is done before this.
    oneThread.submit(() -> {}).get();
    assertThat(kept, contains(1));
    assertThat(recorder.failures, is(empty()));
    assertThat(recorder.connection, is(empty()));
    return closed;
  }

  @Test
  void startsNoInvocationAfterASubscriptionIsClosedAndDoesNotWaitForOneUnderWay() throws Exception {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    List<String> received = new CopyOnWriteArrayList<>();
    try (RedisPubSub pubSub = builder().build()) {
      Subscription subscription =
          pubSub.subscribe(
              channel,
              String.class,
              message -> {
                received.add(message.body());
                inside.countDown();
                goOn.await();
              });
      Publisher.flood(redis, channel, 100, i -> "\"" + i + "\"");
      inside.await();
      Wire.await("all queued").until(() -> subscription.stats().received() == 100);
      subscription.close();
      goOn.countDown();
      Wire.await("unsubscribed").until(() -> wire.subscribers(channel) == 0);
      Wire.await("the handler's thread is idle").until(() -> !Wire.threadIsIn("handler", "doNext"));
      assertThat(received, contains("0"));
    }
  }

  @Test
  void refusesToSubscribeWhereWaitingWouldKeepTheConfirmationFromBeingRead() {
    List<String> received = new CopyOnWriteArrayList<>();
    try (RedisPubSub pubSub = builder().executor(Runnable::run).build()) {
      pubSub.subscribe(
          channel,
          String.class,
          message -> {
            received.add(message.body());
            pubSub.publish(channel + ":other", "x");
            pubSub.subscribe(channel + ":new", String.class, inner -> {});
          });
      Publisher.publish(redis, channel, "\"a\"", "\"b\"");
      Wire.await("both refused").until(() -> recorder.failures.size() == 2);
      assertThat(recorder.failures.get(0).error(), is(instanceOf(IllegalStateException.class)));
      assertThat(received, contains("a", "b"));
      assertThat(wire.subscribers(channel + ":new"), is(0L));
      assertThat(pubSub.isConnected(), is(true));
    }
  }

  @Test
  @Tag("smoke") // for the newer JDK
  void keepsOrderAndItsPromisesOnAnyExecutor() {
    int count = Matrix.size(5_000, 50_000);
    for (ExecutorService executor :
        List.of(Executors.newFixedThreadPool(3), Executors.newWorkStealingPool(), perTask())) {
      // Not the last one's channel: the nodes of a cluster hear of a message at different times.
      String channel = redis.unique("channel");
      try (RedisPubSub pubSub = builder().executor(executor).build()) {
        CountDownLatch done = new CountDownLatch(1);
        AtomicInteger handled = new AtomicInteger();
        pubSub.subscribe(
            channel,
            Integer.class,
            message -> {
              assertThat(message.body(), is(handled.getAndIncrement()));
              if (handled.get() == count) {
                Subscription another =
                    pubSub.subscribe(channel + ":new", Integer.class, inner -> done.countDown());
                pubSub.publish(another.topic(), count);
              }
            });
        Publisher.flood(redis, channel, count, String::valueOf);
        Wire.await("all handled in order")
            .untilAsserted(
                () -> {
                  assertThat(recorder.failures, is(empty()));
                  assertThat(recorder.connection, is(empty()));
                  assertThat("handled", handled.get(), is(count));
                  assertThat("what was published inside is still to come", done.getCount(), is(0L));
                });
      }
      assertThat("the caller's executor is left running", executor.isShutdown(), is(false));
      executor.shutdownNow();
    }
  }

  @Test
  @Tag("smoke")
  void runsHandlersOnVirtualThreadsWhereTheJdkHasThem() throws Exception {
    ExecutorService executor = perTask();
    BlockingQueue<String> handledBy = new LinkedBlockingQueue<>();
    try (RedisPubSub pubSub = builder().executor(executor).build()) {
      pubSub.subscribe(
          channel, Integer.class, message -> handledBy.add(Thread.currentThread().toString()));
      pubSub.publish(channel, 1);
      boolean virtual = next(handledBy).startsWith("VirtualThread");
      assertThat(virtual, is(Runtime.version().feature() >= 21));
    }
    executor.shutdownNow();
  }

  /** Virtual threads where the JDK has them: found so because this is compiled for those before. */
  private static ExecutorService perTask() {
    try {
      Method virtual = Executors.class.getMethod("newVirtualThreadPerTaskExecutor");
      return (ExecutorService) virtual.invoke(null);
    } catch (NoSuchMethodException e) {
      return Executors.newCachedThreadPool();
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(e.getMessage(), e);
    }
  }

  @Test
  void goesOnOnceAnExecutorThatRefusedTakesTasksAgain() {
    List<String> received = new CopyOnWriteArrayList<>();
    List<Runnable> refused = new CopyOnWriteArrayList<>();
    AtomicReference<Boolean> refuse = new AtomicReference<>(true);
    try (RedisPubSub pubSub =
        builder()
            .executor(
                task -> {
                  if (refuse.get()) {
                    refused.add(task);
                    throw new RejectedExecutionException("on purpose");
                  }
                  oneThread.execute(task);
                })
            .build()) {
      Subscription subscription =
          pubSub.subscribe(channel, String.class, message -> received.add(message.body()));
      pubSub.publish(channel, "kept");
      Wire.await("refused").until(() -> refused, is(not(empty())));
      assertThat(subscription.stats().received(), is(1L));
      refuse.set(false);
      Wire.await("handled without a further message").until(() -> received.contains("kept"));
      assertThat(subscription.stats().dropped(), is(0L));
    }
  }
}
