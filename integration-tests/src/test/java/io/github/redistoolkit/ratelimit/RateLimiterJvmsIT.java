package io.github.redistoolkit.ratelimit;

import static io.github.redistoolkit.ratelimit.Bookings.GRANTED;
import static io.github.redistoolkit.ratelimit.Bookings.REFUSED;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Several JVMs with one limit between them. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class RateLimiterJvmsIT {

  /** A grant on the clocks of those who got it. */
  private static final String SEEN = "seen";

  private static final int JVMS = Matrix.size(2, 4);
  private static final int WAITERS = Matrix.size(10, 100);
  private static final int LIMIT = Matrix.size(50, 100);
  private static final Duration WINDOW = Duration.ofMillis(Matrix.size(300, 1000));

  private final TestRedis redis;
  private final String id;

  RateLimiterJvmsIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("shared");
  }

  static List<Integer> threads() {
    return Matrix.ofThisRun() == Matrix.FULL ? List.of(16, 50) : List.of(16);
  }

  @ParameterizedTest
  @MethodSource("threads")
  @Proves("rate-limit.exact-window")
  void noWindowHoldsMoreThanTheLimitHoweverManyJvmsHammerIt(int threads)
      throws InterruptedException {
    Duration time = WINDOW.multipliedBy(13).dividedBy(2);
    History history = hammer(Subject.RATE_LIMITER, time, threads, LIMIT);
    assertThat(history.excesses(GRANTED, LIMIT, WINDOW), is(empty()));
    assertThat(history.excesses(SEEN, LIMIT, WINDOW), is(empty()));
    assertThat(history.events(REFUSED), is(not(empty())));
    assertThat(history.needless(REFUSED, GRANTED, LIMIT, WINDOW), is(empty()));
    assertThat(
        100L * history.events(GRANTED).size(), is(greaterThanOrEqualTo(99 * possible(history))));
  }

  @Test
  void lookingFirstAndWritingLaterFailsTheSameSuite() throws InterruptedException {
    // So few that they are granted well within a window, however busy the machine.
    int limit = 10;
    History history = hammer(Subject.CHECK_THEN_ACT, WINDOW.multipliedBy(4), 16, limit);
    assertThat(history.excesses(SEEN, limit, WINDOW), is(not(empty())));
  }

  /** What all JVMs saw, of which none had a failed call. */
  private History hammer(Subject subject, Duration time, int threads, int limit)
      throws InterruptedException {
    History history = new History();
    try (ChildJvms jvms =
        ChildJvms.start(
            redis,
            JVMS,
            Hammering.class,
            id,
            WINDOW.toString(),
            time.toString(),
            String.valueOf(threads),
            String.valueOf(limit),
            subject.name())) {
      jvms.go();
      history.addLines(jvms.finish());
    }
    return history;
  }

  /** A limit for each window while somebody was asking; the one that is cut short may lack some. */
  private static long possible(History history) {
    List<Long> asked =
        Stream.of(GRANTED, REFUSED)
            .flatMap(kind -> history.events(kind).stream())
            .map(History.Event::receivedNanos)
            .sorted()
            .toList();
    long nanos = 0;
    for (int i = 1; i < asked.size(); i++) {
      long since = asked.get(i) - asked.get(i - 1);
      nanos += since < Duration.ofMillis(10).toNanos() ? since : 0;
    }
    return LIMIT * (nanos / WINDOW.toNanos());
  }

  @Test
  void waitersInAllJvmsAreServedInTheOrderInWhichTheyAskedAtTheRateAndAskOnce()
      throws InterruptedException {
    Duration apart = Duration.ofMillis(50);
    RateLimiter limiter =
        redis
            .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
            .limit(Limit.of(1, apart))
            .build();
    assertThat(limiter.peek(id).allowed(), is(true)); // the script is known from now on
    History history = new History();
    long calls;
    long start;
    try (ChildJvms jvms =
        ChildJvms.start(redis, 2, Waiting.class, id, apart.toString(), String.valueOf(WAITERS))) {
      calls = redis.calls("evalsha");
      start = System.nanoTime();
      jvms.go();
      history.addLines(jvms.finish());
    }
    assertThat(redis.calls("evalsha") - calls, is(2L * WAITERS));
    List<Served> served =
        history.events(Served.KIND).stream()
            .map(Served::of)
            .sorted(Comparator.comparingLong(Served::asked).thenComparingLong(Served::instant))
            .toList();
    assertThat(served, hasSize(2 * WAITERS));
    assertInOrder(served, apart, start);
  }

  private static void assertInOrder(List<Served> served, Duration apart, long start) {
    long micros = apart.toNanos() / 1000;
    Served first = served.get(0);
    for (int i = 1; i < served.size(); i++) {
      Served next = served.get(i);
      assertThat(next.instant() - served.get(i - 1).instant(), is(greaterThanOrEqualTo(micros)));
      // However late each was, none was early. The two clocks may differ a little.
      long early = (next.instant() - first.instant()) * 1000 - Duration.ofMillis(5).toNanos();
      assertThat(next.servedNanos() - start, is(greaterThanOrEqualTo(early)));
    }
  }

  /**
   * Someone who waited.
   *
   * @param asked when it was decided, by the clock of Redis in microseconds
   * @param instant when it was to be served, by the same
   * @param servedNanos when it was
   */
  private record Served(long asked, long instant, long servedNanos) {

    static final String KIND = "served";

    static Served of(History.Event event) {
      String[] parts = event.value().split(" ", -1);
      return new Served(Long.parseLong(parts[0]), Long.parseLong(parts[1]), event.receivedNanos());
    }
  }

  /** What claims to keep the limit. */
  private enum Subject {
    RATE_LIMITER,
    CHECK_THEN_ACT;

    /** It, with what the limiter has decided in a history: each grant, every twentieth refusal. */
    NaiveLimiters.Admission on(TestRedis redis, int limit, Duration window, History history) {
      if (this == CHECK_THEN_ACT) {
        return NaiveLimiters.checkThenAct(redis, limit, window);
      }
      RateLimiter limiter =
          redis
              .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
              .limit(Limit.of(limit, window))
              .build();
      return id -> {
        Booking booking = limiter.book(id, 1, 0);
        boolean allowed = booking.decision().allowed();
        if (allowed || Bookings.asked(booking) % 20 == 0) {
          Bookings.record(history, id, booking);
        }
        return allowed;
      };
    }
  }

  /** Asks as fast as it can, and keeps each grant. */
  static final class Hammering {
    public static void main(String[] args) throws InterruptedException {
      Child child = Child.of(args);
      String id = args[2];
      // Children know nothing of the size of the run.
      int limit = Integer.parseInt(args[6]);
      Duration window = Duration.parse(args[3]);
      History history = new History();
      try (TestRedis redis = child.redis()) {
        NaiveLimiters.Admission subject =
            Subject.valueOf(args[7]).on(redis, limit, window, history);
        child.awaitStart();
        Load.run(
            Integer.parseInt(args[5]),
            Duration.parse(args[4]),
            () -> {
              long sent = System.nanoTime();
              if (subject.isAllowed(id)) {
                history.add(SEEN, id, "", sent, System.nanoTime());
              }
            });
      }
      child.send(history);
    }
  }

  /** Many threads that acquire one permit each. */
  static final class Waiting {
    public static void main(String[] args) throws Exception {
      Child child = Child.of(args);
      Limit limit = Limit.of(1, Duration.parse(args[3]));
      int waiters = Integer.parseInt(args[4]);
      ExecutorService threads = Executors.newFixedThreadPool(waiters);
      History history = new History();
      try (TestRedis redis = child.redis()) {
        RateLimiter limiter =
            redis
                .over(
                    p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
                .limit(limit)
                .build();
        child.awaitStart();
        List<Future<Boolean>> all =
            IntStream.range(0, waiters)
                .mapToObj(i -> threads.submit(() -> isServed(limiter, args[2], history)))
                .toList();
        for (Future<Boolean> each : all) {
          if (!each.get()) {
            throw new AssertionError("an hour was not enough");
          }
        }
      } finally {
        threads.shutdownNow();
      }
      child.send(history);
    }

    private static boolean isServed(RateLimiter limiter, String id, History history)
        throws InterruptedException {
      long sent = System.nanoTime();
      Booking booking = limiter.bookAndWait(id, 1, Duration.ofHours(1));
      String value = Bookings.asked(booking) + " " + Bookings.instant(booking);
      history.add(Served.KIND, id, value, sent, System.nanoTime());
      return booking.decision().allowed();
    }
  }
}
