package io.github.redistoolkit.lock;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.instanceOf;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisDataException;

/**
 * Keys of a lock that somebody else has written: each call ends in what its Javadoc says, at once,
 * and nobody is kept out for longer than the longest lease.
 */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE, notByDefault = ClientKind.CLIENT)
class LockHostileStateIT {

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

  private final TestRedis redis;
  private final Random random = new Random(25);

  LockHostileStateIT(TestRedis redis) {
    this.redis = redis;
  }

  private enum Outcome {
    ACQUIRED,
    REFUSED,
    NO_STATE
  }

  @Test
  void randomBytesAndMutatedStatesEndInADocumentedOutcome() {
    Map<Outcome, Integer> counts = new EnumMap<>(Outcome.class);
    for (int i = 0; i < CASES; i++) {
      String name = redis.unique("hostile");
      byte[] found = hostile();
      write(Locks.key(name), found);
      if (random.nextInt(4) == 0) {
        spoilWakeList(name);
      }
      String why = "case " + i + ": " + new String(found, UTF_8);
      counts.merge(
          assertTimeoutPreemptively(Duration.ofSeconds(10), () -> use(name, why), why),
          1,
          Integer::sum);
      assertThat(redis.admin().del(Locks.key(name), Locks.key(name) + ":q") <= 2, is(true));
    }
    for (Outcome each : Outcome.values()) {
      assertThat(each + " of " + counts, counts.getOrDefault(each, 0), is(greaterThan(CASES / 50)));
    }
  }

  private Outcome use(String name, String why) {
    RedisLock lock = Locks.lock(redis, name, LEASE);
    Optional<Lease> lease;
    try {
      lease = lock.tryAcquire();
    } catch (LockStateException e) {
      assertThat(why, e.getMessage(), containsString("does not hold the state of a lock"));
      assertThat(why, e.getMessage().lines().count(), is(1L));
      return Outcome.NO_STATE;
    } catch (JedisDataException e) {
      assertThat(why, e.getMessage(), containsString("WRONGTYPE"));
      return Outcome.NO_STATE;
    }
    if (lease.isEmpty()) {
      assertIsRefusedForNoLongerThanALease(name, why);
      return Outcome.REFUSED;
    }
    Lease held = lease.get();
    assertThat(why, held.token() > 0 && held.token() <= 1L << 53, is(true));
    assertThat(why, lock.isLocked(), is(true));
    assertThat(why, lock.tryAcquire().isEmpty(), is(true));
    assertThat(why, held.extend(LEASE), is(true));
    assertThat(why, redis.admin().pttl(Locks.key(name)), is(greaterThan(0L)));
    release(held, why);
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

  private void assertIsRefusedForNoLongerThanALease(String name, String why) {
    String state = redis.admin().get(Locks.key(name));
    long end = Long.parseLong(state.split(" ", 3)[1]);
    assertThat(why, end - System.currentTimeMillis() * 1_000, is(lessThan(LONGEST_MICROS + 1)));
  }

  /** Either noise, or the state of a lock with some bytes or words changed. */
  private byte[] hostile() {
    if (random.nextInt(5) == 0) {
      byte[] noise = new byte[random.nextInt(300)];
      random.nextBytes(noise);
      return noise;
    }
    long token = 1_790_000_000_000_000L + random.nextInt(1_000_000_000);
    long end = random.nextBoolean() ? 0 : System.currentTimeMillis() * 1_000 + 30_000_000;
    String[] words = {
      String.valueOf(token), String.valueOf(end), "owner-id", "1", "0", "0", "t87654321:9", "a:9"
    };
    int changes = random.nextInt(3);
    for (int i = 0; i < changes; i++) {
      words[random.nextInt(words.length)] = WORDS[random.nextInt(WORDS.length)];
    }
    byte[] state = String.join(" ", words).getBytes(UTF_8);
    for (int i = random.nextInt(3); i > 0; i--) {
      state[random.nextInt(state.length)] = (byte) random.nextInt();
    }
    return random.nextInt(5) == 0 ? Arrays.copyOf(state, random.nextInt(state.length)) : state;
  }

  /** With a time to live or without one; now and then of another type. */
  private void write(String key, byte[] value) {
    if (random.nextInt(20) == 0) {
      assertThat(redis.admin().rpush(key.getBytes(UTF_8), value), is(1L));
    } else {
      assertThat(redis.admin().set(key.getBytes(UTF_8), value), is("OK"));
    }
    if (random.nextBoolean()) {
      assertThat(redis.admin().pexpire(key, 60_000), is(1L));
    }
  }

  private void spoilWakeList(String name) {
    String key = Locks.key(name) + ":q";
    if (random.nextBoolean()) {
      assertThat(redis.admin().set(key, "x"), is("OK"));
    } else {
      assertThat(redis.admin().rpush(key, "inf", "x", ""), is(3L));
    }
  }
}
