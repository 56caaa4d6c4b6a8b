package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisDataException;

/**
 * Keys of a lock, of whatever kind, that somebody else has written: each call ends in what its
 * Javadoc says, at once, and nobody is kept out for longer than the longest lease.
 */
abstract class HostileStateSuite {

  static final Duration LEASE = Duration.ofSeconds(30);

  private static final int CASES = Matrix.size(2_000, 50_000);
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
    "t",
    "a:9",
    "t12345678:9",
    " ",
    "",
    "é",
    "\0",
    "\n",
    "9".repeat(400),
    "x".repeat(10_000)
  };

  final TestRedis redis;
  final Random random;

  HostileStateSuite(TestRedis redis, long seed) {
    this.redis = redis;
    this.random = new Random(seed);
  }

  private enum Outcome {
    ACQUIRED,
    REFUSED,
    NO_STATE
  }

  /** What it is called in the message that its key does not hold its state. */
  abstract String word();

  /** The keys, the state's first. */
  abstract String[] keys(String name);

  /** Writes something to them, and returns it for a message. */
  abstract String spoil(String name);

  abstract Optional<Lease> tryAcquire(String name);

  /** Until when the state says that somebody has a lease. */
  abstract long last(String name);

  /** Looks at what there is when a lease was refused. */
  void whileRefused(String name, String why) {}

  /** Looks at what there is while a lease is held. */
  abstract void whileHeld(String name, String why);

  /** Looks at what there is when it was released. */
  abstract void afterwards(String name, String why);

  @Test
  void randomAndMutatedStatesEndInADocumentedOutcome() {
    Map<Outcome, Integer> counts = new EnumMap<>(Outcome.class);
    for (int i = 0; i < CASES; i++) {
      String name = redis.unique("hostile");
      String why = "case " + i + ": " + spoil(name);
      counts.merge(
          assertTimeoutPreemptively(Duration.ofSeconds(10), () -> use(name, why), why),
          1,
          Integer::sum);
      assertThat(redis.admin().del(keys(name)) <= keys(name).length, is(true));
    }
    for (Outcome each : Outcome.values()) {
      assertThat(each + " of " + counts, counts.getOrDefault(each, 0), is(greaterThan(CASES / 50)));
    }
  }

  private Outcome use(String name, String why) {
    Optional<Lease> lease;
    try {
      lease = tryAcquire(name);
    } catch (LockStateException e) {
      assertThat(why, e.getMessage(), containsString("does not hold the state of a " + word()));
      assertThat(why, e.getMessage().lines().count(), is(1L));
      return Outcome.NO_STATE;
    } catch (JedisDataException e) {
      assertThat(why, e.getMessage(), containsString("WRONGTYPE"));
      return Outcome.NO_STATE;
    }
    if (lease.isEmpty()) {
      long now = System.currentTimeMillis() * 1_000;
      assertThat(why, last(name) - now, is(lessThan(LONGEST_MICROS + 1)));
      whileRefused(name, why);
      return Outcome.REFUSED;
    }
    Lease held = lease.get();
    assertThat(why, held.token() > 0 && held.token() <= 1L << 53, is(true));
    whileHeld(name, why);
    assertThat(why, held.extend(LEASE), is(true));
    assertThat(why, redis.admin().pttl(keys(name)[0]), is(greaterThan(0L)));
    release(held, why);
    afterwards(name, why);
    return Outcome.ACQUIRED;
  }

  /** The list by which waiters are woken may have another type: then the release says so. */
  private static void release(Lease held, String why) {
    try {
      assertThat(why, held.release(), is(true));
    } catch (RuntimeException e) {
      assertThat(why, e, is(instanceOf(JedisDataException.class)));
      assertThat(why, e.getMessage(), containsString("WRONGTYPE"));
    }
  }

  /** Something that mostly does not belong where it is put. */
  String anyWord() {
    return WORDS[random.nextInt(WORDS.length)];
  }

  /** A value, or now and then something else. */
  String spoilt(String value) {
    return random.nextInt(4) == 0 ? anyWord() : value;
  }
}
