package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.ChildJvm;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.Disturbance;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** Several JVMs, of which some are stopped or killed. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class LockJvmsIT {

  private static final Duration LEASE = Duration.ofSeconds(20);
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final TestRedis redis;
  private final Holders holders = new Holders();

  LockJvmsIT(TestRedis redis) {
    this.redis = redis;
  }

  static List<Size> sizes() {
    return Matrix.ofThisRun() == Matrix.FULL
        ? List.of(new Size(5, 10, 200), new Size(4, 50, 20))
        : List.of(new Size(2, 25, 4));
  }

  @ParameterizedTest
  @MethodSource("sizes")
  @Proves("lock.one-holder")
  void incrementsOfSeveralJvmsAreNotLostNorWhileScriptsAreFlushedAndWaitersKilled(Size size)
      throws Exception {
    String name = redis.unique("jvms");
    try (ChildJvms jvms = startCounting(Subject.LOCK, name, size);
        Primaries primaries = Primaries.of(redis)) {
      jvms.go();
      try (Disturbance flushing = redis.flushScriptsEvery(Duration.ofMillis(10));
          Disturbance killing =
              Disturbance.every(Duration.ofMillis(20), () -> killSome(primaries, size))) {
        jvms.go(); // once each has done its first turns
        holders.history().addLines(jvms.finish());
        assertThat(flushing.times(), is(greaterThan(2)));
        assertThat(killing.times(), is(greaterThan(2)));
        assertThat("waiters killed", primaries.killed(), is(greaterThan(0L)));
      }
    }
    holders.assertExclusive(size.all());
    assertThat(counted(name), is(size.all()));
  }

  @Test
  void theSameSuiteCatchesANaiveLock() throws Exception {
    String name = redis.unique("naive");
    // One thread each, so that whoever overlaps does so with another JVM.
    Size size = new Size(2, 1, 100);
    try (ChildJvms jvms = startCounting(Subject.NAIVE, name, size)) {
      jvms.go();
      jvms.go();
      holders.history().addLines(jvms.finish());
    }
    assertThat(holders.count(), is(size.all()));
    assertThat(holders.overlaps(), is(not(empty())));
    assertThat(counted(name), is(lessThan(size.all())));
  }

  /** Not all of them: after an error, a Cluster's client may rest for a second by itself. */
  private static void killSome(Primaries primaries, Size size) {
    if (primaries.killed() < 5L * size.jvms()) {
      primaries.killBlocked();
    }
  }

  private ChildJvms startCounting(Subject subject, String name, Size size) {
    redis.admin().set(counter(name), "0");
    return ChildJvms.start(
        redis,
        size.jvms(),
        Counting.class,
        name,
        String.valueOf(size.threads()),
        String.valueOf(size.turns()),
        subject.name());
  }

  private int counted(String name) {
    return Integer.parseInt(redis.admin().get(counter(name)));
  }

  @Test
  void aHolderThatIsKilledKeepsTheLockForOneLeaseOnly() throws Exception {
    String name = redis.unique("killed");
    Duration lease = Duration.ofSeconds(1);
    try (ChildJvms jvms = ChildJvms.start(redis, 1, Holding.class, name, lease.toString())) {
      jvms.go();
      ChildJvm child = jvms.get(0);
      long token = Long.parseLong(child.receive());
      child.kill();
      long killed = System.nanoTime();
      try (Lease next = Locks.lock(redis, name, LEASE).acquire(PATIENCE)) {
        long waited = System.nanoTime() - killed;
        assertThat(waited, is(lessThan(lease.plusSeconds(8).toNanos())));
        assertThat(next.token(), is(greaterThan(token)));
      }
    }
  }

  @Test
  void aHolderThatIsStoppedBeyondItsLeaseIsToldAndItsWritesAreRefused() throws Exception {
    String name = redis.unique("stopped");
    FencedStore store = new FencedStore();
    Duration lease = Duration.ofSeconds(1);
    try (ChildJvms jvms = ChildJvms.start(redis, 1, Holding.class, name, lease.toString())) {
      jvms.go();
      ChildJvm child = jvms.get(0);
      long token = Long.parseLong(child.receive());
      assertThat(store.write(token), is(true));
      child.pause();
      long paused = System.nanoTime();
      try (Lease next = Locks.lock(redis, name, LEASE).acquire(PATIENCE)) {
        assertThat(
            System.nanoTime() - paused,
            is(allOf(greaterThanOrEqualTo(0L), lessThan(lease.plusSeconds(8).toNanos()))));
        assertThat(store.write(next.token()), is(true));
        child.resume();
        assertThat(child.receive(), is("lost 1, held false, released false"));
        assertThat(store.write(token), is(false));
        assertThat(next.extend(LEASE), is(true));
      }
      child.send("end");
      assertThat(child.finish(), is(List.of("lost 1")));
    }
  }

  /** How many JVMs with how many threads, each of which has so many turns, twice. */
  private record Size(int jvms, int threads, int turns) {

    int all() {
      return 2 * jvms * threads * turns;
    }
  }

  /** What claims to let one at a time count. */
  private enum Subject {
    LOCK,
    NAIVE;

    Mutex on(TestRedis redis, String name) {
      if (this == NAIVE) {
        return new Mutex.Naive(redis.client(), name);
      }
      RedisLock lock = Locks.lock(redis, name, LEASE);
      return work -> {
        Lease lease = lock.acquire(PATIENCE);
        work.accept(lease.token());
        release(lease);
      };
    }

    /** Its connection may be one that was killed; then it is to be tried again. */
    private static void release(Lease lease) {
      await()
          .pollDelay(Duration.ZERO)
          .ignoreExceptionsInstanceOf(JedisConnectionException.class)
          .until(lease::release);
    }
  }

  /** Increments a number in Redis by reading and writing it, twice so often, and sends when. */
  static final class Counting {

    private Counting() {}

    public static void main(String... args) throws Exception {
      Child child = Child.of(args);
      Holders holders = new Holders();
      String counter = counter(args[2]);
      int turns = Integer.parseInt(args[4]);
      try (TestRedis redis = child.redis()) {
        Mutex mutex = Subject.valueOf(args[5]).on(redis, args[2]);
        mutex.exclusively(token -> assertThat(redis.admin().get(counter), is("0")));
        for (int round = 0; round < 2; round++) {
          child.awaitStart();
          try (Crew crew = new Crew()) {
            for (int thread = 0; thread < Integer.parseInt(args[3]); thread++) {
              crew.start(() -> count(redis, mutex, counter, turns, holders));
            }
            crew.join();
          }
        }
      }
      child.send(holders.history());
    }

    private static Void count(
        TestRedis redis, Mutex mutex, String counter, int turns, Holders holders) throws Exception {
      for (int turn = 0; turn < turns; turn++) {
        mutex.exclusively(
            token -> {
              long from = System.nanoTime();
              int next = Integer.parseInt(redis.admin().get(counter)) + 1;
              redis.admin().set(counter, String.valueOf(next));
              holders.record(token, from, System.nanoTime());
            });
      }
      return null;
    }
  }

  /** Holds the lock, kept alive, and sends its token; then what it hears of its loss. */
  static final class Holding {

    private Holding() {}

    public static void main(String... args) throws Exception {
      Child child = Child.of(args);
      CountDownLatch lost = new CountDownLatch(1);
      AtomicLong losses = new AtomicLong();
      try (TestRedis redis = child.redis()) {
        Lease lease =
            Locks.lock(redis, args[2], Duration.parse(args[3]))
                .acquire(PATIENCE) // the first grant may come too late
                .keepAlive(
                    Duration.ofHours(1),
                    () -> {
                      losses.incrementAndGet();
                      lost.countDown();
                    });
        child.awaitStart();
        child.send(String.valueOf(lease.token()));
        if (!lost.await(2, TimeUnit.MINUTES)) {
          throw new AssertionError("the lease was never lost");
        }
        boolean held = lease.isHeld();
        boolean released = lease.release();
        child.send("lost " + losses + ", held " + held + ", released " + released);
        String unused = child.receive();
        child.send("lost " + losses);
      }
    }
  }

  private static String counter(String name) {
    return "counter:{" + name + "}";
  }
}
