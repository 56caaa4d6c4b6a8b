package io.github.redistoolkit.idempotency;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Test;

/**
 * Records that somebody else has written: each call ends at once in what its Javadoc says, no work
 * runs that a record speaks for, and a key that is forgotten is as new.
 */
@LeavesServerAlone
@EachClient(topologies = Topology.STANDALONE)
class IdempotencyHostileStateIT {

  private static final int CASES = Matrix.size(1_500, 50_000);

  private static final String[] WORDS = {
    "0",
    "1",
    "2",
    "-1",
    "inf",
    "nan",
    "1e308",
    "9".repeat(400),
    "",
    " ",
    "\0",
    "\n",
    "P",
    "C",
    "F",
    "R",
    "X",
    "é",
    ".",
    "?",
    "x".repeat(10_000),
    "9007199254740993"
  };

  private final TestRedis redis;
  private final IdempotencyService service;
  private final Random random = new Random(25);

  IdempotencyHostileStateIT(TestRedis redis) {
    this.redis = redis;
    this.service = Services.builder(redis).maxWait(Duration.ZERO).build();
  }

  @Test
  void randomBytesAndMutatedRecordsEndInADocumentedOutcome() {
    Map<String, Integer> counts = new TreeMap<>();
    for (int i = 0; i < CASES; i++) {
      String key = redis.unique("hostile");
      byte[] found = hostile(key);
      write(service.redisKey(key), found);
      String why = "case " + i + ": " + new String(found, UTF_8);
      String outcome = assertTimeoutPreemptively(Duration.ofSeconds(10), () -> use(key, why), why);
      counts.merge(outcome, 1, Integer::sum);
      assertThat(redis.admin().del(service.redisKey(key)), is(1L));
    }
    assertThat(counts.toString(), counts.getOrDefault("StoredResultException", 0) > 0, is(true));
    assertThat(counts.toString(), counts.size(), is(greaterThan(2)));
  }

  private String use(String key, String why) {
    String outcome = outcome(why, () -> service.execute(key, Integer.class, claim -> 7));
    outcome(why, () -> service.isDuplicate(key));
    outcome(why, () -> service.getResult(key, Integer.class));
    assertThat(why, service.forget(key), is(true));
    assertThat(why, service.execute(key, Integer.class, claim -> 8), is(8));
    assertThat(why, redis.admin().pttl(service.redisKey(key)), is(greaterThan(0L)));
    return outcome;
  }

  /** Anything but what is documented is an error of its own. */
  @CanIgnoreReturnValue
  private static String outcome(String why, Callable<?> call) {
    try {
      return "value " + (call.call() instanceof Integer);
    } catch (IdempotencyException e) {
      assertThat(why, e.getMessage().lines().count(), is(1L));
      return e.getClass().getSimpleName();
    } catch (Exception e) {
      throw new AssertionError(why, e);
    }
  }

  private byte[] hostile(String key) {
    if (random.nextInt(5) == 0) {
      byte[] noise = new byte[random.nextInt(300)];
      random.nextBytes(noise);
      return noise;
    }
    byte[] record = written(key);
    if (random.nextBoolean()) {
      String[] words = new String(record, UTF_8).split(" ", -1);
      for (int i = random.nextInt(3); i >= 0; i--) {
        words[random.nextInt(words.length)] = WORDS[random.nextInt(WORDS.length)];
      }
      record = String.join(" ", words).getBytes(UTF_8);
    }
    for (int i = random.nextInt(3); i > 0 && record.length > 0; i--) {
      record[random.nextInt(record.length)] = (byte) random.nextInt();
    }
    return random.nextInt(5) == 0
        ? Arrays.copyOf(record, random.nextInt(record.length + 1))
        : record;
  }

  /** A record as the service writes it: of a claim, or of a result. */
  private byte[] written(String key) {
    if (random.nextBoolean()) {
      assertThat(service.execute(key, Integer.class, claim -> 7), is(7));
    } else {
      var unused = service.begin(Request.of(key), TypeToken.get(Integer.class));
    }
    return redis.admin().get(service.redisKey(key).getBytes(UTF_8));
  }

  private void write(String redisKey, byte[] value) {
    redis.admin().del(redisKey);
    if (random.nextInt(20) == 0) {
      assertThat(redis.admin().rpush(redisKey.getBytes(UTF_8), value), is(1L));
    } else {
      assertThat(redis.admin().set(redisKey.getBytes(UTF_8), value), is("OK"));
    }
    if (random.nextBoolean()) {
      assertThat(redis.admin().pexpire(redisKey, 60_000), is(1L));
    }
  }
}
