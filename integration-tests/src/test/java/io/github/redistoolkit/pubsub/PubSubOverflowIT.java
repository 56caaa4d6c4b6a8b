package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Handlers slower than their publishers. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class PubSubOverflowIT extends PubSubSuite {

  private static final int QUEUE_BYTES = 64 * 1024;

  private final CountDownLatch goOn = new CountDownLatch(1);

  PubSubOverflowIT(TestRedis redis) {
    super(redis);
  }

  private RedisPubSub.Builder builder(Overflow overflow) {
    return builder().queueBytes(QUEUE_BYTES).overflow(overflow);
  }

  /** A handler that is stuck until it may go on. */
  private void keepSlowly(Message<Integer> message) throws InterruptedException {
    goOn.await();
    keep(message);
  }

  @Test
  void aStuckHandlerBesideAQuickOneDropsItsOldestAndHarmsNobody() throws Exception {
    int count = Matrix.size(20_000, 200_000);
    AtomicInteger quick = new AtomicInteger();
    AtomicInteger quickest = new AtomicInteger();
    try (RedisPubSub pubSub = builder(Overflow.DROP_OLDEST).build()) {
      Subscription stuck = pubSub.subscribe(channel, Integer.class, this::keepSlowly);
      Subscription fine =
          pubSub.subscribe(
              channel,
              Integer.class,
              message -> {
                quickest.accumulateAndGet(message.body(), Math::max);
                quick.incrementAndGet();
              });
      // In pieces that fit the queue of the quick one, however busy this machine is.
      for (int done = 0; done < count; done += 500) {
        int from = done;
        Publisher.flood(redis, channel, 500, i -> String.valueOf(from + i));
        Wire.await("the quick one keeps up").until(quick::get, is(from + 500));
      }
      assertThat(fine.stats().dropped(), is(0L));
      assertThat(fine.stats().received(), is((long) count));
      assertThat(stuck.stats().received(), is((long) count));
      assertThat(stuck.stats().dropped(), is(greaterThan(0L)));
      Wire.await("all drops are reported")
          .until(() -> recorder.dropped.get() == stuck.stats().dropped());
      long queuedAtMost = QUEUE_BYTES / Delivery.BYTES_PER_MESSAGE + 1L;
      assertThat(stuck.stats().received() - stuck.stats().dropped(), is(lessThan(queuedAtMost)));

      goOn.countDown();
      Wire.await("handled + dropped = published")
          .until(() -> kept.size() + stuck.stats().dropped() == count);
      // The first one was being handled; the rest are the newest, in order and without a hole.
      assertThat(kept.get(0), is(0));
      int newest = kept.size() - 1;
      assertThat(
          kept.subList(1, kept.size()),
          is(IntStream.range(count - newest, count).boxed().toList()));
    }
    assertThat("at most one report a second", recorder.drops.size(), is(lessThan(60)));
    assertThat(recorder.connection, is(empty()));
    assertThat(recorder.failures, is(empty()));
  }

  @Test
  void dropsTheNewestWhereAskedTo() throws Exception {
    int count = 5000;
    CountDownLatch inside = new CountDownLatch(1);
    try (RedisPubSub pubSub = builder(Overflow.DROP_NEWEST).build()) {
      Subscription stuck =
          pubSub.subscribe(
              channel,
              Integer.class,
              message -> {
                inside.countDown();
                keepSlowly(message);
              });
      pubSub.publish(channel, 0);
      inside.await();
      Publisher.flood(redis, channel, count, i -> String.valueOf(i + 1));
      Wire.await("all received").until(() -> stuck.stats().received() == count + 1);
      goOn.countDown();
      Wire.await("handled + dropped = published")
          .until(() -> kept.size() + stuck.stats().dropped() == count + 1);
      assertThat(kept, is(IntStream.range(0, kept.size()).boxed().toList()));
      assertThat(kept.size(), is(lessThan(count)));
    }
  }

  @Test
  void blocksWhereAskedToAndLosesNothing() {
    int count = 5000;
    try (RedisPubSub pubSub = builder(Overflow.BLOCK).build()) {
      Subscription stuck = pubSub.subscribe(channel, Integer.class, this::keepSlowly);
      Publisher.flood(redis, channel, count, String::valueOf);
      Wire.await("some received").until(() -> stuck.stats().received(), is(not(0L)));
      goOn.countDown();
      Wire.await("all handled").until(kept::size, is(count));
      assertThat(kept, is(IntStream.range(0, count).boxed().toList()));
      assertThat(stuck.stats().dropped(), is(0L));
    }
    assertThat(recorder.connection, is(empty()));
  }
}
