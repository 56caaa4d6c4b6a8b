package io.github.redistoolkit.lock;

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
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Several JVMs, of which some are stopped or killed. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class LockJvmsIT {

  private static final boolean FULL = "full".equals(System.getProperty("redis.matrix"));
  private static final int JVMS = FULL ? 5 : 3;
  private static final int THREADS = FULL ? 10 : 4;
  private static final int TURNS = FULL ? 200 : 25;

  private static final Duration LEASE = Duration.ofSeconds(20);
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final TestRedis redis;

  LockJvmsIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void incrementsOfSeveralJvmsThatAreNotAtomicAreNotLost() throws Exception {
    String name = redis.unique("jvms");
    redis.admin().set(counter(name), "0");
    try (ChildJvms jvms = ChildJvms.start(redis, JVMS, Counting.class, name)) {
      jvms.go();
      List<Long> tokens = jvms.finish().stream().map(Long::valueOf).toList();
      int all = JVMS * THREADS * TURNS;
      assertThat(redis.admin().get(counter(name)), is(String.valueOf(all)));
      assertThat(tokens.stream().distinct().toList(), hasSize(all));
    }
  }

  @Test
  void aHolderThatIsKilledKeepsTheLockForOneLeaseOnly() throws Exception {
    String name = redis.unique("killed");
    Duration lease = Duration.ofSeconds(2);
    try (ChildJvms jvms = ChildJvms.start(redis, 1, Holding.class, name, lease.toString())) {
      jvms.go();
      ChildJvm child = jvms.get(0);
      long token = Long.parseLong(child.receive());
      child.kill();
      long killed = System.nanoTime();
      try (Lease next = lock(redis, name, LEASE).acquire(PATIENCE)) {
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
      try (Lease next = lock(redis, name, LEASE).acquire(PATIENCE)) {
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

  /** Increments a number in Redis by reading and writing it, and sends the tokens. */
  static final class Counting {

    private Counting() {}

    public static void main(String... args) throws Exception {
      Child child = Child.of(args);
      String name = args[2];
      try (TestRedis redis = child.redis();
          Crew crew = new Crew()) {
        RedisLock lock = lock(redis, name, LEASE);
        lock.tryAcquire(Duration.ofSeconds(10)).orElseThrow().close();
        child.awaitStart();
        for (int thread = 0; thread < THREADS; thread++) {
          crew.start(
              () -> {
                for (int turn = 0; turn < TURNS; turn++) {
                  try (Lease lease = lock.acquire(PATIENCE)) {
                    int next = Integer.parseInt(redis.admin().get(counter(name))) + 1;
                    redis.admin().set(counter(name), String.valueOf(next));
                    child.send(String.valueOf(lease.token()));
                  }
                }
                return null;
              });
        }
        crew.join();
      }
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
            lock(redis, args[2], Duration.parse(args[3]))
                .tryAcquire()
                .orElseThrow()
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

  /** A store that checks tokens. */
  private static final class FencedStore {

    private long greatest;

    boolean write(long token) {
      if (token < greatest) {
        return false;
      }
      greatest = token;
      return true;
    }
  }

  private static RedisLock lock(TestRedis redis, String name, Duration lease) {
    return redis.over(p -> new RedisLock(p, name, lease), c -> new RedisLock(c, name, lease));
  }

  private static String counter(String name) {
    return "counter:{" + name + "}";
  }
}
