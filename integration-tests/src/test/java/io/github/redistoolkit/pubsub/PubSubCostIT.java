package io.github.redistoolkit.pubsub;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import java.lang.management.ManagementFactory;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Pattern;
import javax.management.JMException;
import javax.management.ObjectName;
import org.junit.jupiter.api.Test;

/** What a slow handler keeps in the heap of this JVM, as the JVM itself counts it. */
@EachClient
class PubSubCostIT extends PubSubSuite {

  private static final int QUEUE_BYTES = 1 << 20;
  private static final int PAYLOAD_BYTES = 1000;
  private static final int PIECE = 500;

  PubSubCostIT(TestRedis redis) {
    super(redis);
  }

  @Test
  void aSlowHandlerKeepsABoundedHeapAndLeavesTheQuickOneAlone() throws Exception {
    int count = Matrix.size(50_000, 500_000);
    CountDownLatch goOn = new CountDownLatch(1);
    AtomicLong slowly = new AtomicLong();
    AtomicLong quickly = new AtomicLong();
    try (RedisPubSub pubSub = builder().queueBytes(QUEUE_BYTES).build()) {
      Subscription slow =
          pubSub.subscribe(
              channel,
              byte[].class,
              message -> {
                goOn.await();
                slowly.incrementAndGet();
              });
      Subscription quick =
          pubSub.subscribe(channel, byte[].class, message -> quickly.incrementAndGet());
      long before = usedHeap();
      String payload = "x".repeat(PAYLOAD_BYTES);
      for (int done = PIECE; done <= count; done += PIECE) {
        long all = done;
        Publisher.flood(redis, channel, PIECE, i -> payload);
        Wire.await("the quick one keeps up").until(() -> quickly.get() == all);
      }

      // Of so many messages, no more are left than fit the queue, and the one at the handler.
      long queued = instances("io.github.redistoolkit.pubsub.Delivery$Arrived");
      assertThat(queued, is(greaterThan(0L)));
      assertThat(queued, is(lessThan((long) QUEUE_BYTES / PAYLOAD_BYTES + 2)));
      assertThat("handled + dropped + queued", slow.stats().dropped() + queued, is((long) count));
      assertThat(usedHeap() - before, is(lessThan(10L * QUEUE_BYTES)));
      assertThat(quick.stats().dropped(), is(0L));

      goOn.countDown();
      Wire.await("the rest is handled").until(() -> slowly.get() + slow.stats().dropped() == count);
      assertThat(slowly.get(), is(queued));
      assertThat(slow.stats().received(), is((long) count));
    }
    assertThat(recorder.connection, is(empty()));
  }

  /** What is reachable. */
  private static long instances(String type) throws JMException {
    return number(" *\\d+: +(\\d+) +\\d+ +" + Pattern.quote(type) + "\\b.*");
  }

  private static long usedHeap() throws JMException {
    return number("Total +\\d+ +(\\d+).*");
  }

  /** What the first group is in the line that matches; 0 if there is no such line. */
  private static long number(String line) throws JMException {
    return histogram()
        .lines()
        .filter(each -> each.matches(line))
        .mapToLong(each -> Long.parseLong(each.replaceFirst(line, "$1")))
        .sum();
  }

  /** The JVM collects what is unreachable before it counts. */
  private static String histogram() throws JMException {
    return (String)
        ManagementFactory.getPlatformMBeanServer()
            .invoke(
                new ObjectName("com.sun.management:type=DiagnosticCommand"),
                "gcClassHistogram",
                new Object[] {new String[0]},
                new String[] {String[].class.getName()});
  }
}
