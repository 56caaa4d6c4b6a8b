package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.exceptions.JedisDataException;

/** A Redis user who may not do all that a grant takes: it is as if the call had not been made. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class RateLimiterPermissionIT {

  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final Limit WINDOW = Limit.of(1000, MINUTE);
  private static final Limit COARSE_WINDOW = Limit.of(100_000, Duration.ofHours(1)).precision(8);
  private static final Limit BUCKET = Limit.tokenBucket(1000, 1, MINUTE);

  private final TestRedis redis;
  private final AtomicLong clock = new AtomicLong(1_700_000_000_000_000L);

  RateLimiterPermissionIT(TestRedis redis) {
    this.redis = redis;
  }

  @ParameterizedTest
  @ValueSource(strings = {"evalsha", "getrange", "setrange", "pexpire", "set"})
  void whatAUserMayNotDoChangesNoLimit(String command) {
    List<String> refused = new ArrayList<>();
    try (TestRedis restricted = redis.withoutCommands(command)) {
      for (Limit[] limits :
          new Limit[][] {
            {WINDOW},
            {COARSE_WINDOW},
            {BUCKET},
            {WINDOW, COARSE_WINDOW, BUCKET},
            {BUCKET, COARSE_WINDOW, WINDOW}
          }) {
        String id = redis.unique("restricted");
        RateLimiter mine = limiter(restricted, limits);
        RateLimiter another = limiter(redis, limits);
        if (command.equals("pexpire")) {
          makeLong(another, id);
        }
        // Never used, in the same grain, in another, when a part and when all has expired.
        for (Duration pause :
            new Duration[] {
              Duration.ZERO,
              Duration.ZERO,
              Duration.ofSeconds(40),
              Duration.ofSeconds(40),
              Duration.ofHours(2)
            }) {
          clock.addAndGet(pause.toNanos() / 1000);
          String before = state(id);
          try {
            assertThat(mine.isAllowed(id), is(true));
          } catch (JedisDataException e) {
            refused.add(e.getMessage());
            assertThat(command, state(id), is(before));
          }
          assertThat(another.isAllowed(id), is(true));
        }
      }
    }
    assertThat("the command is used", refused, is(not(empty())));
  }

  /** A log that is not written anew only to live longer. */
  private void makeLong(RateLimiter limiter, String id) {
    for (int i = 0; i < 120; i++) {
      clock.incrementAndGet();
      assertThat(limiter.isAllowed(id), is(true));
    }
  }

  private String state(String id) {
    String key = "rl:default:{" + id + "}";
    return Arrays.toString(redis.admin().dump(key)) + redis.admin().pexpireTime(key);
  }

  private RateLimiter limiter(TestRedis server, Limit... limits) {
    return server
        .over(p -> RateLimiter.builder(p, "default"), c -> RateLimiter.builder(c, "default"))
        .limit(limits[0], Arrays.copyOfRange(limits, 1, limits.length))
        .clock(() -> Long.toString(clock.get()))
        .build();
  }
}
