package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Several JVMs with one limit between them. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class RateLimiterJvmsIT {

  private static final int JVMS = Matrix.size(2, 4);
  private static final int WAITERS = Matrix.size(10, 100);
  private static final int LIMIT = 100;
  private static final Duration WINDOW = Duration.ofMillis(Matrix.size(300, 1000));

  private final TestRedis redis;
  private final String id;

  RateLimiterJvmsIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("shared");
  }

  @Test
  void noWindowHoldsMoreThanTheLimitHoweverManyJvmsHammerIt() throws InterruptedException {
    Duration time = WINDOW.multipliedBy(11).dividedBy(2);
    History history = new History();
    try (ChildJvms jvms =
        ChildJvms.start(redis, JVMS, Hammering.class, id, WINDOW.toString(), time.toString())) {
      jvms.go();
      for (String line : jvms.finish()) {
        long instant = Long.parseLong(line.substring(1));
        if (line.startsWith("+")) {
          history.granted(instant);
        } else {
          history.refused(instant);
        }
      }
    }
    assertThat(history.most(WINDOW), is(LIMIT));
    assertThat(history.refusals(), is(not(empty())));
    assertThat(history.leastAtARefusal(WINDOW), is(LIMIT));
    // 99 % of five whole windows; the half of one more is for slow machines.
    assertThat(history.grants().size(), is(greaterThanOrEqualTo(5 * LIMIT * 99 / 100)));
  }

  @Test
  void waitersInAllJvmsAreServedAtTheRateAndAskOnce() throws InterruptedException {
    Duration apart = Duration.ofMillis(50);
    RateLimiter limiter =
        redis
            .over(p -> RateLimiter.builder(p), c -> RateLimiter.builder(c))
            .limit(Limit.of(1, apart))
            .build();
    assertThat(limiter.peek(id).allowed(), is(true)); // the script is known from now on
    List<String> served;
    long calls;
    long start;
    try (ChildJvms jvms =
        ChildJvms.start(redis, 2, Waiting.class, id, apart.toString(), String.valueOf(WAITERS))) {
      calls = redis.calls("evalsha");
      start = System.nanoTime();
      jvms.go();
      served = jvms.finish();
    }
    assertThat(redis.calls("evalsha") - calls, is(2L * WAITERS));
    assertThat(served, hasSize(2 * WAITERS));
    long[] instants = served.stream().mapToLong(Long::parseLong).sorted().toArray();
    for (int i = 0; i < instants.length; i++) {
      // However late each was, none was early.
      assertThat(
          instants[i] - start,
          is(greaterThanOrEqualTo(i * apart.toNanos() - Duration.ofMillis(5).toNanos())));
    }
  }

  /** Asks as fast as it can; sends each grant and every twentieth refusal, by Redis's clock. */
  static final class Hammering {
    public static void main(String[] args) throws InterruptedException {
      Child child = Child.of(args);
      Duration window = Duration.parse(args[3]);
      Queue<String> lines = new ConcurrentLinkedQueue<>();
      try (TestRedis redis = child.redis()) {
        RateLimiter limiter =
            redis
                .over(p -> RateLimiter.builder(p), c -> RateLimiter.builder(c))
                .limit(Limit.of(LIMIT, window))
                .build();
        child.awaitStart();
        Load.run(
            16,
            Duration.parse(args[4]),
            () -> {
              Booking booking = limiter.book(args[2], 1, 0);
              long asked = booking.instantMicros() - booking.waitMicros();
              if (booking.decision().allowed()) {
                lines.add("+" + booking.instantMicros());
              } else if (asked % 20 == 0) {
                lines.add("-" + asked);
              }
            });
      }
      lines.forEach(child::send);
    }
  }

  /** Many threads that acquire one permit each and send when they had it. */
  static final class Waiting {
    public static void main(String[] args) throws Exception {
      Child child = Child.of(args);
      Limit limit = Limit.of(1, Duration.parse(args[3]));
      int waiters = Integer.parseInt(args[4]);
      ExecutorService threads = Executors.newFixedThreadPool(waiters);
      try (TestRedis redis = child.redis()) {
        RateLimiter limiter =
            redis
                .over(p -> RateLimiter.builder(p), c -> RateLimiter.builder(c))
                .limit(limit)
                .build();
        child.awaitStart();
        List<Future<Long>> served =
            IntStream.range(0, waiters)
                .mapToObj(i -> threads.submit(() -> served(limiter, args[2])))
                .toList();
        for (Future<Long> instant : served) {
          child.send(String.valueOf(instant.get()));
        }
      } finally {
        threads.shutdownNow();
      }
    }

    private static long served(RateLimiter limiter, String id) throws InterruptedException {
      if (!limiter.acquire(id, 1, Duration.ofHours(1)).allowed()) {
        throw new AssertionError("an hour was not enough");
      }
      return System.nanoTime();
    }
  }
}
