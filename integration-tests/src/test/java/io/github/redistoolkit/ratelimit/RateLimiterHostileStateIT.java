package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Keys that somebody else has written: each call ends in a decision, and none waits for ever. */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class RateLimiterHostileStateIT {

  private static final int CASES = Matrix.size(2_000, 50_000);
  private static final Duration HOUR = Duration.ofHours(1);

  /** A day ahead, what it may take to come back from there, and a grain. */
  private static final Duration LONGEST = Duration.ofDays(1).plus(HOUR.multipliedBy(4));

  private final TestRedis redis;
  private final String id;
  private final AtomicLong clock = new AtomicLong(1_700_000_000_000_000L);
  private final Random random = new Random(25);

  RateLimiterHostileStateIT(TestRedis redis) {
    this.redis = redis;
    this.id = redis.unique("hostile");
  }

  @Test
  void aStringThatIsNoStateCountsAsNone() {
    RateLimiter limiter = limiter();
    for (String text : new String[] {"x", "text", "\0".repeat(38), "a".repeat(5000)}) {
      redis.admin().set(key(), text);
      assertThat(limiter.tryAcquire(id, 3).allowed(), is(true));
      assertThat(limiter.isAllowed(id), is(false));
      assertThat(redis.admin().pttl(key()) > 0, is(true));
    }
  }

  @Test
  void anInstantFarAheadDoesNotDenyForEver() {
    for (int at : new int[] {9, 16, 23, 30, 44}) { // seen, ahead, newest, end, newest entry
      RateLimiter limiter = limiter();
      assertThat(limiter.tryAcquire(id, 3).allowed(), is(true));
      byte[] state = redis.admin().get(bytes(key()));
      Arrays.fill(state, at, at + 7, (byte) 0x7f);
      redis.admin().set(bytes(key()), state);
      assertThat(settles(limiter), is(true));
      limiter.reset(id);
    }
  }

  @Test
  void randomBytesAndMutatedStatesEndInADecisionAndAreOverwrittenOrOutlived() {
    RateLimiter limiter = limiter();
    for (int i = 0; i < CASES; i++) {
      if (random.nextInt(4) == 0) {
        byte[] noise = new byte[random.nextInt(3000)];
        random.nextBytes(noise);
        redis.admin().set(bytes(key()), noise);
      } else {
        mutate(limiter);
      }
      assertThat("case " + i, settles(limiter), is(true));
    }
  }

  private void mutate(RateLimiter limiter) {
    limiter.reset(id);
    int grants = random.nextInt(4);
    for (int i = 0; i < grants; i++) {
      clock.addAndGet(random.nextInt(1_000_000_000));
      boolean unused = limiter.book(id, 1, 10_000_000_000L).decision().allowed();
    }
    byte[] state = redis.admin().get(bytes(key()));
    if (state == null) {
      return;
    }
    int changes = 1 + random.nextInt(4);
    for (int i = 0; i < changes; i++) {
      state[random.nextInt(state.length)] = (byte) random.nextInt();
    }
    int length = random.nextInt(3) == 0 ? random.nextInt(state.length + 20) : state.length;
    redis.admin().set(bytes(key()), Arrays.copyOf(state, length));
  }

  /** Whether it decides, and grants when it says that it will. */
  private boolean settles(RateLimiter limiter) {
    Decision decision = limiter.tryAcquire(id);
    for (int i = 0; !decision.allowed() && i < 3; i++) {
      Duration wait = decision.retryAfter().orElseThrow();
      assertThat(wait, is(lessThanOrEqualTo(LONGEST)));
      clock.addAndGet(wait.toNanos() / 1000);
      decision = limiter.tryAcquire(id);
    }
    return decision.allowed();
  }

  private String key() {
    return "rl:default:{" + id + "}";
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private RateLimiter limiter() {
    return redis
        .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
        .limit(Limit.of(3, HOUR), Limit.tokenBucket(5, 5, HOUR))
        .clock(() -> Long.toString(clock.get()))
        .build();
  }
}
