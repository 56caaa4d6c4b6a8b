package io.github.redistoolkit.lock;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.Disturbance;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** One at a time, shown by what callers do who would notice another. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class LockConcurrencyIT {

  private static final int OBJECTS = 5;
  private static final int THREADS = 4;
  private static final int TURNS = Matrix.size(25, 200);
  private static final int ALL = OBJECTS * THREADS * TURNS;

  private static final Duration LEASE = Duration.ofSeconds(10);
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final TestRedis redis;
  private final Holders holders = new Holders();

  LockConcurrencyIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  @Proves("lock.one-holder")
  void incrementsThatAreNotAtomicAreNotLostUnderTheLock() throws Exception {
    String name = redis.unique("counter");
    assertThat(count(name, () -> locked(redis, name)), is(ALL));
    holders.assertExclusive(ALL);
  }

  @Test
  void incrementsAreNotLostWhileScriptsAreFlushedAndWaitersKilled() throws Exception {
    // What is sent whole from now on is so because it was flushed.
    String name = Locks.prepared(redis, "counter");
    long evals = redis.calls("eval");
    int rounds = 0;
    try (TestRedis victim = redis.withMaxTotal(64);
        Primaries primaries = Primaries.of(redis);
        Disturbance flushing = redis.flushScriptsEvery(Duration.ofMillis(10));
        Disturbance killing = Disturbance.every(Duration.ofMillis(20), primaries::killBlocked)) {
      // The work may be done before a waiter was blocked when the killer came by.
      do {
        assertThat(count(name, () -> locked(victim, name)), is(ALL));
        rounds++;
      } while (rounds < 20
          && (primaries.killed() == 0 || flushing.times() < 3 || redis.calls("eval") - evals < 3));
      assertThat(flushing.times(), is(greaterThan(2)));
      assertThat(killing.times(), is(greaterThan(0)));
      assertThat("waiters killed", primaries.killed(), is(greaterThan(0L)));
    }
    assertThat("scripts sent again", redis.calls("eval") - evals, is(greaterThan(2L)));
    holders.assertExclusive(rounds * ALL);
  }

  @Test
  void theSameSuiteCatchesANaiveLock() throws Exception {
    String name = redis.unique("naive");
    UnifiedJedis client = redis.client();
    assertThat(count(name, () -> new Mutex.Naive(client, name)), is(lessThan(ALL)));
    assertThat(holders.count(), is(ALL));
    assertThat(holders.overlaps(), is(not(empty())));
  }

  /** Lets everyone increment a number by reading and writing it; returns the number. */
  private int count(String name, Supplier<Mutex> mutexes) throws Exception {
    String counter = "counter:{" + name + "}";
    redis.admin().set(counter, "0");
    try (Crew crew = new Crew()) {
      for (int object = 0; object < OBJECTS; object++) {
        Mutex mutex = mutexes.get();
        for (int thread = 0; thread < THREADS; thread++) {
          crew.start(
              () -> {
                for (int turn = 0; turn < TURNS; turn++) {
                  mutex.exclusively(token -> increment(counter, token));
                }
                return null;
              });
        }
      }
      crew.join();
    }
    return Integer.parseInt(redis.admin().get(counter));
  }

  private void increment(String counter, long token) {
    long from = System.nanoTime();
    String before = stubbornly(() -> redis.admin().get(counter));
    int next = Integer.parseInt(before) + 1;
    stubbornly(() -> redis.admin().set(counter, String.valueOf(next)));
    holders.record(token, from, System.nanoTime());
  }

  private static Mutex locked(TestRedis redis, String name) {
    RedisLock lock = Locks.lock(redis, name, LEASE);
    return work -> {
      Lease lease = lock.acquire(PATIENCE);
      work.accept(lease.token());
      // Its connection may be one that was killed.
      assertThat(stubbornly(() -> lease.extend(LEASE)), is(true));
      assertThat(stubbornly(lease::release), is(true));
    };
  }

  @CanIgnoreReturnValue
  private static <T> T stubbornly(Supplier<T> call) {
    for (int attempt = 1; ; attempt++) {
      try {
        return call.get();
      } catch (JedisConnectionException e) {
        if (attempt == 64) {
          throw e;
        }
      }
    }
  }
}
