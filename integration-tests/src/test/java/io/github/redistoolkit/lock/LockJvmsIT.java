package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;

import io.github.redistoolkit.testing.Child;
import io.github.redistoolkit.testing.ChildJvm;
import io.github.redistoolkit.testing.ChildJvms;
import io.github.redistoolkit.testing.Disturbance;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** Several JVMs, of which some are stopped or killed. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class LockJvmsIT {

  private static final Duration LEASE = Duration.ofSeconds(20);
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final TestRedis redis;

  LockJvmsIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void incrementsOfSeveralJvmsAreNotLostNorWhileScriptsAreFlushedAndWaitersKilled()
      throws Exception {
    assertNothingIsLost(Matrix.size(2, 5), Matrix.size(5, 10), Matrix.size(20, 200));
  }

  @Test
  void norAreThoseOfManyThreads() throws Exception {
    assertNothingIsLost(Matrix.size(2, 4), Matrix.size(25, 50), Matrix.size(10, 20));
  }

  private void assertNothingIsLost(int count, int threads, int turns) throws Exception {
    String name = redis.unique("jvms");
    redis.admin().set(counter(name), "0");
    String[] size = {name, String.valueOf(threads), String.valueOf(turns)};
    try (ChildJvms jvms = ChildJvms.start(redis, count, Counting.class, size);
        Primaries primaries = Primaries.of(redis)) {
      jvms.go();
      try (Disturbance flushing = redis.flushScriptsEvery(Duration.ofMillis(10));
          Disturbance killing = Disturbance.every(Duration.ofMillis(50), primaries::killBlocked)) {
        jvms.go(); // once each has done its first turns
        assertOneAtATime(name, 2 * count * threads * turns, jvms.finish());
        assertThat(flushing.times(), is(greaterThan(2)));
        assertThat(killing.times(), is(greaterThan(2)));
        assertThat("waiters killed", primaries.killed(), is(greaterThan(0L)));
      }
    }
  }

  private void assertOneAtATime(String name, int all, List<String> lines) {
    assertThat(redis.admin().get(counter(name)), is(String.valueOf(all)));
    History history = new History();
    history.addLines(lines);
    List<History.Event> held = new ArrayList<>(history.events("held"));
    assertThat(held, hasSize(all));
    assertThat(history.overlaps("held"), is(List.of()));
    held.sort(Comparator.comparingLong(History.Event::sentNanos));
    List<Long> tokens = held.stream().map(event -> Long.valueOf(event.value())).toList();
    assertThat(tokens, is(tokens.stream().sorted().distinct().toList()));
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

  /** Increments a number in Redis by reading and writing it, twice so often, and sends when. */
  static final class Counting {

    private Counting() {}

    public static void main(String... args) throws Exception {
      Child child = Child.of(args);
      History history = new History();
      try (TestRedis redis = child.redis()) {
        RedisLock lock = Locks.lock(redis, args[2], LEASE);
        lock.tryAcquire(Duration.ofSeconds(10)).orElseThrow().close();
        for (int round = 0; round < 2; round++) {
          child.awaitStart();
          try (Crew crew = new Crew()) {
            for (int thread = 0; thread < Integer.parseInt(args[3]); thread++) {
              crew.start(() -> count(redis, lock, args[2], Integer.parseInt(args[4]), history));
            }
            crew.join();
          }
        }
      }
      child.send(history);
    }

    private static Void count(
        TestRedis redis, RedisLock lock, String name, int turns, History history)
        throws InterruptedException {
      for (int turn = 0; turn < turns; turn++) {
        Lease lease = lock.acquire(PATIENCE);
        long from = System.nanoTime();
        int next = Integer.parseInt(redis.admin().get(counter(name))) + 1;
        redis.admin().set(counter(name), String.valueOf(next));
        history.add("held", name, String.valueOf(lease.token()), from, System.nanoTime());
        release(lease);
      }
      return null;
    }

    /** Its connection may be one that was killed; then it is to be tried again. */
    private static void release(Lease lease) {
      await()
          .pollDelay(Duration.ZERO)
          .ignoreExceptionsInstanceOf(JedisConnectionException.class)
          .until(lease::release);
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
