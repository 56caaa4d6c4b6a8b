package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.ratelimit.ReferenceLimiter.Recording;
import io.github.redistoolkit.ratelimit.ReferenceLimiter.Verdict;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Random calls through the clock seam, decided by Redis and by {@link ReferenceLimiter}. Windows
 * are a minute or longer, because the TTL is real while the clock is not.
 */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class RateLimiterModelIT {

  /** Each kind of client has worlds of its own. */
  private static final int WORLDS = Matrix.size(6, 400);

  private static final int CALLS = 300;
  private static final int CALLS_THAT_FILL_A_LOG = 1500;
  private static final int CALLS_ON_A_FULL_LOG = 500;
  private static final long DAY = 86_400_000_000L;

  private final TestRedis redis;

  RateLimiterModelIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void decidesLikeABruteForceModelUpTo1024Permits() {
    long longest = 0;
    for (int number = 0; number < WORLDS; number++) {
      World world = new World(number, 1024, Changes.NONE);
      world.run();
      longest = Math.max(longest, world.longestLog);
    }
    assertThat("a log was full", longest, is(greaterThan(1000L)));
  }

  @Test
  void above1024PermitsItNeverExceedsTheLimitAndIsLateByAtMostASlot() {
    for (int world = 0; world < WORLDS; world++) {
      new World(world, 1_000_000_000, Changes.NONE).run();
    }
  }

  @Test
  void limitsChangedBetweenCallsKeepTheHistoryAndHoldFromTheNextCall() {
    for (int world = 0; world < WORLDS / 2; world++) {
      new World(world, 1024, Changes.BETWEEN_CALLS).run();
      new World(world, 5000, Changes.BETWEEN_CALLS).run();
    }
  }

  private enum Changes {
    NONE,
    BETWEEN_CALLS
  }

  /** One id under some limits, with the time that it lives through. */
  private final class World {

    private final Random random;
    private final long mostPermits;
    private final Changes changes;
    private final boolean dense;
    private final String id;
    private final String context;
    private final AtomicLong clock = new AtomicLong(1_700_000_000_000_000L);
    private final ReferenceLimiter same = new ReferenceLimiter(Recording.BY_GRAIN);
    private final ReferenceLimiter ideal = new ReferenceLimiter(Recording.EXACT);
    private final ReferenceLimiter late = new ReferenceLimiter(Recording.LATE_BY_A_GRAIN);
    private List<Limit> limits;
    private RateLimiter limiter;
    private long lastWait;
    private @Nullable Booking gone;
    private int names;
    private boolean sameName;
    private long longestLog;

    World(int seed, long mostPermits, Changes changes) {
      this.random =
          new Random((long) redis.kind().name().hashCode() * 1000 + seed * 31L + mostPermits);
      this.mostPermits = mostPermits;
      this.changes = changes;
      this.dense = seed % 10 == 0;
      this.id = redis.unique("model");
      this.limits = dense ? List.of(windowToFill()) : randomLimits();
      this.context =
          redis + " world " + seed + " up to " + mostPermits + " " + changes + " " + limits;
      build();
    }

    void run() {
      int calls = dense ? CALLS_THAT_FILL_A_LOG + CALLS_ON_A_FULL_LOG : CALLS;
      for (int call = 0; call < calls; call++) {
        passTime(call);
        if (changes == Changes.BETWEEN_CALLS && random.nextInt(10) == 0) {
          limits = limits.stream().map(this::changed).toList();
          build();
        }
        compare(context + " call " + call);
        longestLog = Math.max(longestLog, dense && call % 100 == 99 ? longestLog() : 0);
      }
    }

    private long longestLog() {
      return redis.admin().strlen("rl:default:{" + id + "}") / 10;
    }

    private void build() {
      limiter =
          redis
              .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
              .limit(limits.get(0), limits.stream().skip(1).toArray(Limit[]::new))
              .calls(this::nextName)
              .clock(() -> Long.toString(clock.get()))
              .build();
      same.limits(limits);
      ideal.limits(limits);
      late.limits(limits);
    }

    private void compare(String call) {
      long now = clock.get();
      long permits = randomPermits();
      long maxWait = randomMaxWait();
      long earliest = ideal.ask(now, permits, DAY).delay();
      long latest = late.ask(now, permits, DAY).delay();
      Verdict expected = same.decide(now, permits, maxWait);
      Booking booking = maxWait < 0 ? asked(permits) : limiter.book(id, permits, maxWait);
      assertThat(call, verdict(booking), is(asReported(expected, maxWait)));
      // What rounding may do: each grant counts less than a grain longer, and none shorter.
      assertThat(
          call,
          booking.waitMicros(),
          is(allOf(greaterThanOrEqualTo(earliest), lessThanOrEqualTo(latest))));
      if (expected.granted()) {
        ideal.record(now, booking.waitMicros(), permits);
        late.record(now, booking.waitMicros(), permits);
        afterGrant(call, permits, booking);
      } else {
        ideal.refused(now);
        late.refused(now);
      }
      lastWait = booking.waitMicros();
    }

    /** Sends a call again, charges, gives back or cancels, now and then. */
    private void afterGrant(String call, long permits, Booking booking) {
      long now = clock.get();
      switch (random.nextInt(dense ? 60 : 12)) {
        case 0 -> {
          clock.addAndGet(random.nextLong(1 + booking.waitMicros() / 2));
          assertAnsweredAsBefore(call, permits, booking, clock.get() - now);
        }
        case 1 -> {
          Decision unused = limiter.charge(id, permits);
          all(model -> model.charge(now, permits));
        }
        case 2 -> {
          limiter.refund(id, permits);
          all(model -> model.refund(now, permits));
        }
        case 3 -> {
          limiter.cancel(id, permits, booking);
          if (booking.waitMicros() > 0) { // else there is nothing to be cancelled
            all(model -> model.cancel(now, permits, booking.waitMicros()));
          }
        }
        case 4 -> {
          if (!dense) {
            limiter.reset(id);
            all(ReferenceLimiter::reset);
            gone = booking;
          }
        }
        case 5 -> {
          if (gone != null) {
            // It was in a history that is gone, so nothing is taken out of this one.
            limiter.cancel(id, permits, gone);
          }
        }
        default -> {}
      }
    }

    private void all(Consumer<ReferenceLimiter> change) {
      List.of(same, ideal, late).forEach(change);
    }

    /** That a call whose reply was lost, and which is sent again, gets it and takes nothing. */
    private void assertAnsweredAsBefore(String call, long permits, Booking first, long passed) {
      sameName = true;
      Booking again = limiter.book(id, permits, 0);
      sameName = false;
      assertThat(call, again.decision().allowed(), is(true));
      assertThat(call, again.decision().remaining(), is(first.decision().remaining()));
      assertThat(call, again.instantMicros(), is(first.instantMicros()));
      assertThat(call, again.waitMicros(), is(first.waitMicros() - passed));
    }

    private Booking asked(long permits) {
      Decision decision = limiter.peek(id, permits);
      long wait = decision.retryAfter().orElseThrow().toNanos() / 1000;
      return new Booking(decision, 0, 0, wait, 0);
    }

    private String nextName() {
      names += sameName ? 0 : 1;
      return "%08d".formatted(names);
    }

    private Verdict verdict(Booking booking) {
      Decision decision = booking.decision();
      if (!decision.allowed()) {
        assertThat(decision.retryAfter().orElseThrow(), is(micros(booking.waitMicros())));
      }
      return new Verdict(
          decision.allowed(),
          decision.limit(),
          decision.remaining(),
          booking.waitMicros(),
          decision.resetAfter().toNanos() / 1000,
          decision.limits().stream()
              .map(state -> state.retryAfter().orElseThrow().toNanos() / 1000)
              .toList());
    }

    /** A question that takes nothing is answered with whether it would be granted. */
    private Verdict asReported(Verdict verdict, long maxWait) {
      return maxWait >= 0
          ? verdict
          : new Verdict(
              verdict.delay() == 0,
              verdict.tightest(),
              verdict.remaining(),
              verdict.delay(),
              verdict.reset(),
              verdict.fits());
    }

    private void passTime(int call) {
      if (dense && (call < CALLS_THAT_FILL_A_LOG || random.nextInt(50) > 0)) {
        clock.addAndGet(random.nextLong(1 + LimitRules.micros(limits.get(0).period()) / 1500));
        return;
      }
      long span = LimitRules.micros(limits.get(random.nextInt(limits.size())).period());
      long step =
          switch (random.nextInt(20)) {
            case 0, 1, 2, 3 -> 0;
            case 4, 5, 6 -> lastWait;
            case 7 -> lastWait - 1;
            case 8 -> 1;
            case 9 -> span;
            case 10 -> random.nextLong(3 * span);
            case 11 -> random.nextInt(4) == 0 ? -random.nextLong(span) : 0;
            case 12 -> random.nextInt(4) == 0 ? -random.nextLong(3 * span) : 0;
            case 13 -> random.nextInt(10) == 0 ? random.nextLong(100 * span) : 0;
            default -> random.nextLong(1 + span / 20);
          };
      clock.addAndGet(Math.min(step, DAY));
    }

    private Limit windowToFill() {
      return Limit.of(Math.min(mostPermits, 5000), micros(60_000_000 + random.nextLong(DAY)));
    }

    private List<Limit> randomLimits() {
      int count = 1 + random.nextInt(3);
      List<Limit> made = new ArrayList<>();
      while (made.size() < count) {
        Limit next = randomLimit();
        if (made.stream()
            .noneMatch(limit -> ScriptLimit.of(limit).id() == ScriptLimit.of(next).id())) {
          made.add(next);
        }
      }
      return made;
    }

    private Limit randomLimit() {
      Duration period =
          micros(60_000_000 + random.nextLong(random.nextBoolean() ? 60_000_000 : 20 * DAY));
      if (random.nextInt(3) > 0) {
        return Limit.of(permitsOfALimit(), period).precision(slots());
      }
      return bucket(period);
    }

    private int slots() {
      return mostPermits <= 1024 || random.nextBoolean() ? 1024 : 8 + random.nextInt(100);
    }

    private Limit changed(Limit limit) {
      return limit instanceof Limit.SlidingWindow
          ? Limit.of(permitsOfALimit(), limit.period()).precision(slots())
          : bucket(limit.period());
    }

    // Not beyond a year from empty to full, nor so fast that the TTL, which may be the time that
    // one permit takes to come back, is less than ten seconds. None much larger is both.
    private Limit bucket(Duration period) {
      long capacity = Math.min(1_000_000, permitsOfALimit());
      long least = 1 + capacity * period.toSeconds() / 31_000_000;
      long most = period.toSeconds() / 10;
      return Limit.tokenBucket(capacity, least + random.nextLong(most - least + 1), period);
    }

    private long permitsOfALimit() {
      List<Long> choices =
          Stream.of(1L, 2L, 3L, 10L, 100L, 1000L, 1024L, 1025L, 1_000_000L, mostPermits)
              .filter(permits -> permits <= mostPermits)
              .toList();
      return choices.get(random.nextInt(choices.size()));
    }

    private long randomPermits() {
      long most = limits.stream().mapToLong(Limit::permits).min().orElseThrow();
      return switch (dense ? 7 : random.nextInt(8)) {
        case 0 -> most;
        case 1 -> 1 + random.nextLong(most);
        case 2, 3, 4 -> 1 + random.nextLong(1 + most / 10);
        default -> 1;
      };
    }

    private long randomMaxWait() {
      return switch (random.nextInt(10)) {
        case 0, 1 -> -1; // only asks
        case 2, 3 -> random.nextLong(Math.min(DAY, LimitRules.micros(limits.get(0).period())));
        case 4 -> Math.min(DAY, lastWait);
        default -> 0;
      };
    }
  }

  private static Duration micros(long micros) {
    return Duration.of(micros, ChronoUnit.MICROS);
  }
}
