package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Keys of a semaphore that somebody else has written: each call ends in what its Javadoc says. */
@EachClient(notByDefault = ClientKind.CLIENT)
class SemaphoreHostileStateIT {

  private static final int CASES = Matrix.size(2_000, 50_000);
  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final long LONGEST_MICROS = Duration.ofDays(366).toNanos() / 1_000;

  private static final String[] WORDS = {
    "0",
    "1",
    "-1",
    "-",
    "inf",
    "nan",
    "1e308",
    "9007199254740993",
    "9000000000000000000",
    "0x10",
    "5:9",
    " ",
    "",
    "é",
    "\0",
    "\n",
    "9".repeat(400),
    "x".repeat(1_000)
  };

  private final TestRedis redis;
  private final Random random = new Random(27);

  SemaphoreHostileStateIT(TestRedis redis) {
    this.redis = redis;
  }

  private enum Outcome {
    ACQUIRED,
    REFUSED,
    NO_STATE
  }

  @Test
  void mutatedStatesEndInADocumentedOutcome() {
    Map<Outcome, Integer> counts = new EnumMap<>(Outcome.class);
    for (int i = 0; i < CASES; i++) {
      String name = redis.unique("hostile");
      Map<String, String> found = hostile();
      redis.admin().hset(PermitState.key(name), found);
      assertThat(redis.admin().pexpire(PermitState.key(name), 60_000), is(1L));
      counts.merge(use(name, "case " + i + ": " + found), 1, Integer::sum);
      redis.admin().del(PermitState.key(name), PermitState.key(name) + ":q");
    }
    for (Outcome each : Outcome.values()) {
      assertThat(each + " of " + counts, counts.getOrDefault(each, 0), is(greaterThan(CASES / 50)));
    }
  }

  private Outcome use(String name, String why) {
    RedisSemaphore semaphore = PermitState.semaphore(redis, name, 2, LEASE);
    Optional<Lease> lease;
    try {
      lease = semaphore.tryAcquire();
    } catch (LockStateException e) {
      assertThat(why, e.getMessage(), containsString("does not hold the state of a semaphore"));
      assertThat(why, e.getMessage().lines().count(), is(1L));
      return Outcome.NO_STATE;
    }
    if (lease.isEmpty()) {
      String state = redis.admin().hget(PermitState.key(name), "s");
      long last = Long.parseLong(state.replaceAll("(?s)^(?:\\d+ ){4}(\\d+) .*", "$1"));
      long now = System.currentTimeMillis() * 1_000;
      assertThat(why, last - now, is(lessThan(LONGEST_MICROS + 1)));
      return Outcome.REFUSED;
    }
    Lease held = lease.get();
    assertThat(why, held.token() > 0 && held.token() <= 1L << 53, is(true));
    assertThat(why, held.extend(LEASE), is(true));
    assertThat(why, redis.admin().pttl(PermitState.key(name)), is(greaterThan(0L)));
    assertThat(why, held.release(), is(true));
    assertThat(why, semaphore.availablePermits(), is(greaterThan(-1)));
    return Outcome.ACQUIRED;
  }

  /** The state of a semaphore of which one holder may be dead, with some words changed. */
  private Map<String, String> hostile() {
    long now = System.currentTimeMillis() * 1_000;
    long one = now + (random.nextBoolean() ? 30_000_000 : -5_000_000);
    long two = now + 40_000_000;
    List<String> words =
        new ArrayList<>(
            List.of(
                String.valueOf(now),
                "0",
                random.nextBoolean() ? "1" : "2",
                String.valueOf(one),
                String.valueOf(two),
                String.valueOf(now + 50_000_000),
                "12345:" + now));
    Map<String, String> fields = new HashMap<>();
    fields.put("hfirst-owner", spoilt(one + " 0 " + now));
    fields.put("hsecond-owner", spoilt(two + " 0 " + now));
    fields.put("tgiven-up", spoilt(String.valueOf(now + 50_000_000)));
    if (random.nextInt(3) == 0) {
      fields.put(WORDS[random.nextInt(WORDS.length)], WORDS[random.nextInt(WORDS.length)]);
    }
    for (int i = random.nextInt(3); i > 0; i--) {
      words.set(random.nextInt(words.size()), WORDS[random.nextInt(WORDS.length)]);
    }
    if (random.nextInt(10) != 0) {
      fields.put("s", String.join(" ", words));
    }
    return fields;
  }

  private String spoilt(String value) {
    return random.nextInt(4) == 0 ? WORDS[random.nextInt(WORDS.length)] : value;
  }
}
