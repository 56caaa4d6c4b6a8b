package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/**
 * What is asked most is decided by plain statements at the beginning of the script, everything else
 * by the rest, which could decide that too. Two ids live through the same random calls, one with
 * the plain statements and one without them: they get the same decisions, and their states are the
 * same bytes.
 */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class RateLimiterPlainIT {

  private static final int WORLDS = Matrix.size(20, 4000);
  private static final int CALLS = 250;
  private static final long MINUTE = 60_000_000L;

  private final TestRedis redis;

  RateLimiterPlainIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void windowsOfAllSizes() {
    for (int seed = 0; seed < WORLDS; seed++) {
      Random random = new Random(seed);
      long permits = List.of(1L, 2L, 3L, 10L, 100L, 1000L, 1024L, 5000L, 1_000_000L).get(seed % 9);
      Limit limit =
          Limit.of(permits, micros(MINUTE + random.nextLong(60 * MINUTE)))
              .precision(random.nextBoolean() ? 1024 : 8 + random.nextInt(300));
      new World(random, "window world " + seed, limit).live();
    }
  }

  @Test
  void bucketsOfAllSizes() {
    for (int seed = 0; seed < WORLDS; seed++) {
      Random random = new Random(seed);
      long capacity = List.of(1L, 3L, 7L, 100L, 1000L, 1_000_000L).get(seed % 6);
      Duration period = micros(MINUTE + random.nextLong(seed % 2 == 0 ? MINUTE : 600 * MINUTE));
      Limit limit = Limit.tokenBucket(capacity, 1 + random.nextLong(2 * capacity), period);
      new World(random, "bucket world " + seed, limit).live();
    }
  }

  @Test
  void severalLimitsAtOnce() {
    for (int seed = 0; seed < WORLDS; seed++) {
      Random random = new Random(seed);
      List<Limit> limits = new ArrayList<>();
      for (int i = 0; i < 2 + random.nextInt(seed % 7 == 0 ? 7 : 2); i++) {
        // Each has a period of its own.
        Duration period = micros((i + 1) * MINUTE + random.nextLong(MINUTE));
        long permits = List.of(1L, 3L, 10L, 100L, 5000L).get(random.nextInt(5));
        limits.add(
            random.nextInt(3) > 0
                ? Limit.of(permits, period)
                : Limit.tokenBucket(permits, 1 + random.nextLong(2 * permits), period));
      }
      new World(random, "world of several " + seed, limits).live();
    }
  }

  /** Two logs, of which what is read at once has only the first, or a part of that. */
  @Test
  void severalLogsThatAreLong() {
    for (int seed = 0; seed < WORLDS / 10; seed++) {
      Random random = new Random(seed);
      World world =
          new World(
              random,
              "long worlds " + seed,
              List.of(
                  Limit.of(20 + 100 * (seed % 3), micros(MINUTE)),
                  Limit.of(300, micros(2 * MINUTE + seed))));
      for (int call = 0; call < 1000; call++) {
        world.passTime(random.nextLong(MINUTE / 100));
        world.take(1, 0);
      }
    }
  }

  /** An entry far off in the log of a short window, while the log of a long one gets more room. */
  @Test
  void theSecondLogGrowsWhileTheFirstHasItsEntryFarOff() {
    World world =
        new World(
            new Random(0),
            "two logs",
            List.of(Limit.of(100, Duration.ofSeconds(10)), Limit.of(1000, Duration.ofHours(1))));
    world.take(1, 0);
    world.passTime(11_000_000);
    for (int call = 0; call < 34; call++) {
      world.passTime(1);
      world.take(1, 0);
    }
    world.passTime(9_900_000);
    world.take(50, 0);
    world.passTime(50_000);
    world.take(1, 0);
    world.passTime(60_000);
    assertThat(world.take(1, 0)[0].decision().remaining(), is(48L));
  }

  @Test
  void theSecondLogGrowsAndShrinksWhileTheFirstHasEntriesFarOff() {
    for (int seed = 0; seed < WORLDS / 2; seed++) {
      Random random = new Random(seed);
      World world =
          new World(
              random,
              "short and long world " + seed,
              List.of(
                  Limit.of(1000, micros(MINUTE + seed)),
                  Limit.of(1000, micros((2 + seed % 10) * MINUTE + seed))));
      int live = 31 + random.nextInt(30);
      for (int call = 0; call < 300; call++) {
        world.passTime(random.nextInt(100) == 0 ? MINUTE : random.nextLong(2 * MINUTE / live));
        world.take(1, 0);
      }
    }
  }

  /** A limit whose log is longer than what the script reads at once, and rings round. */
  @Test
  void logsThatAreLong() {
    for (int seed = 0; seed < WORLDS / 10; seed++) {
      Random random = new Random(seed);
      World world =
          new World(random, "long world " + seed, Limit.of(400, micros(MINUTE + seed * 999_999L)));
      for (int call = 0; call < 1500; call++) {
        world.passTime(random.nextLong(MINUTE / 200));
        world.take(1, 0);
      }
    }
  }

  @Test
  void statesThatAreNone() {
    Random random = new Random(7);
    for (int i = 0; i < WORLDS * 10; i++) {
      Limit limit =
          i % 2 == 0 ? Limit.of(3, micros(MINUTE)) : Limit.tokenBucket(3, 3, micros(MINUTE));
      World world = new World(random, "foreign state " + i, limit);
      byte[] noise = new byte[random.nextInt(3) == 0 ? random.nextInt(56) : random.nextInt(2000)];
      random.nextBytes(noise);
      if (noise.length > 0) {
        noise[0] = 9;
      }
      world.write(noise);
      world.take(1, 0);
      world.take(3, 0);
    }
  }

  private static Duration micros(long micros) {
    return Duration.of(micros, ChronoUnit.MICROS);
  }

  /** Two ids under the same limits. */
  private final class World {

    private final Random random;
    private final String context;
    private final AtomicLong clock = new AtomicLong(1_700_000_000_000_000L);
    private final String plainId = redis.unique("plain");
    private final String thoroughId = redis.unique("thorough");
    private List<Limit> limits;
    private RateLimiter plain;
    private RateLimiter thorough;
    private int calls;
    private boolean sentAgain;
    private long lastWait;

    World(Random random, String context, Limit limit) {
      this(random, context, List.of(limit));
    }

    World(Random random, String context, List<Limit> limits) {
      this.random = random;
      this.context = context + " " + limits;
      this.limits = limits;
      build();
    }

    private void build() {
      plain = limiter(true);
      thorough = limiter(false);
    }

    private RateLimiter limiter(boolean plainly) {
      return redis
          .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
          .limit(limits.get(0), limits.stream().skip(1).toArray(Limit[]::new))
          .calls(() -> "%08d".formatted(calls))
          .clock(() -> Long.toString(clock.get()))
          .plainly(plainly)
          .build();
    }

    void live() {
      for (int call = 0; call < CALLS; call++) {
        passTime(step());
        long most = limits.stream().mapToLong(Limit::permits).min().orElseThrow();
        long permits = random.nextInt(4) > 0 ? 1 : 1 + random.nextLong(most);
        switch (random.nextInt(60)) {
          case 0 -> {
            calls++;
            assertThat(
                context, plain.charge(plainId, permits), is(thorough.charge(thoroughId, permits)));
          }
          case 1 -> {
            calls++;
            plain.refund(plainId, permits);
            thorough.refund(thoroughId, permits);
          }
          case 2 -> take(permits, random.nextLong(LimitRules.micros(any().period())));
          case 3 -> {
            Booking[] booked = take(permits, random.nextLong(LimitRules.micros(any().period())));
            if (booked[0].decision().allowed()) {
              calls++;
              plain.cancel(plainId, permits, booked[0]);
              thorough.cancel(thoroughId, permits, booked[1]);
            } else if (random.nextInt(4) == 0) {
              // The next history is another one, whoever begins it.
              plain.reset(plainId);
              thorough.reset(thoroughId);
            }
          }
          case 4 -> {
            sentAgain = true;
            take(permits, 0);
            sentAgain = false;
          }
          case 5 -> {
            if (random.nextInt(4) == 0) {
              changeLimits();
            }
          }
          default -> take(permits, 0);
        }
        assertSame();
      }
    }

    private void changeLimits() {
      limits = limits.stream().map(this::changed).toList();
      build();
    }

    private Limit changed(Limit limit) {
      long permits = 1 + random.nextLong(2 * limit.permits());
      return limit instanceof Limit.SlidingWindow
          ? Limit.of(permits, limit.period())
          : Limit.tokenBucket(permits, 1 + random.nextLong(permits), limit.period());
    }

    private Limit any() {
      return limits.get(random.nextInt(limits.size()));
    }

    private long step() {
      long period = LimitRules.micros(any().period());
      return switch (random.nextInt(20)) {
        case 0, 1, 2 -> 0;
        case 3, 4 -> lastWait;
        case 5 -> lastWait - 1;
        case 6 -> 1;
        case 7 -> random.nextLong(2 * period);
        case 8 -> random.nextInt(8) == 0 ? -random.nextLong(period) : 1;
        default -> random.nextLong(1 + period / (random.nextBoolean() ? 20 : 1000));
      };
    }

    void passTime(long micros) {
      clock.addAndGet(micros);
    }

    @CanIgnoreReturnValue
    Booking[] take(long permits, long maxWait) {
      calls += sentAgain ? 0 : 1;
      Booking[] both = {
        plain.book(plainId, permits, maxWait), thorough.book(thoroughId, permits, maxWait)
      };
      assertThat(context, both[0], is(both[1]));
      lastWait = both[0].waitMicros();
      assertSame();
      return both;
    }

    void write(byte[] state) {
      redis.admin().set(key(plainId), state);
      redis.admin().set(key(thoroughId), state);
    }

    private void assertSame() {
      byte[] one = redis.admin().get(key(plainId));
      byte[] other = redis.admin().get(key(thoroughId));
      assertThat(context, Arrays.toString(one), is(Arrays.toString(other)));
      long lives = redis.admin().pttl(key(plainId));
      assertThat(
          context, Math.abs(lives - redis.admin().pttl(key(thoroughId))), is(lessThan(30_000L)));
    }

    private byte[] key(String id) {
      return ("rl:default:{" + id + "}").getBytes(StandardCharsets.UTF_8);
    }
  }
}
