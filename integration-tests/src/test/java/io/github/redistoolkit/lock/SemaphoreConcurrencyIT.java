package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.report.Proves;
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
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;

/** Never more holders than permits at any instant, recomputed from what the holders recorded. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class SemaphoreConcurrencyIT {

  private static final int PERMITS = 3;
  private static final int OBJECTS = 4;
  private static final int THREADS = 4;
  private static final int TURNS = Matrix.size(25, 200);
  private static final int ALL = OBJECTS * THREADS * TURNS;
  private static final String HELD = "held";
  private static final long WORK_NANOS = 500_000;

  private static final Duration LEASE = Duration.ofSeconds(20);
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final TestRedis redis;
  private final History history = new History();

  SemaphoreConcurrencyIT(TestRedis redis) {
    this.redis = redis;
  }

  /** What lets so many at a time do something, or claims to. */
  private interface Gate {
    void pass(Runnable work) throws Exception;
  }

  @Test
  @Proves("semaphore.permits")
  void noMoreHoldersThanPermitsAndAllPermitsAreUsed() throws Exception {
    String name = redis.unique("crowd");
    contend(history, () -> permits(redis, name));
    assertNoCrowd(ALL);
    assertThat("all are used", history.crowds(HELD, PERMITS - 1), is(not(empty())));
    PermitState state = PermitState.of(redis, name);
    state.assertSound();
    assertThat(state.held(), is(0L));
  }

  @Test
  void noMoreHoldersThanPermitsWhileScriptsAreFlushedAndWaitersKilled() throws Exception {
    String name = PermitState.prepared(redis, "disturbed");
    int rounds = 0;
    try (TestRedis victim = redis.withMaxTotal(64);
        Primaries primaries = Primaries.of(redis);
        Disturbance flushing = redis.flushScriptsEvery(Duration.ofMillis(10));
        Disturbance killing = Disturbance.every(Duration.ofMillis(20), primaries::killBlocked)) {
      do {
        contend(history, () -> permits(victim, name));
        rounds++;
      } while (rounds < 20 && (primaries.killed() == 0 || flushing.times() < 3));
      assertThat(killing.times(), is(greaterThan(0)));
      assertThat("waiters killed", primaries.killed(), is(greaterThan(0L)));
    }
    assertNoCrowd(rounds * ALL);
  }

  @Test
  void theSameSuiteCatchesANaiveSemaphore() throws Exception {
    String name = redis.unique("naive");
    UnifiedJedis client = redis.client();
    contend(history, () -> naive(client, name));
    assertThat(history.events(HELD).size(), is(ALL));
    assertThat(history.crowds(HELD, PERMITS), is(not(empty())));
  }

  @Test
  void waitersOfSeveralObjectsAreServedInTurn() throws Exception {
    String name = redis.unique("fair");
    contend(history, () -> permits(redis, name));
    // How many others had a permit between two turns of the same thread, at worst.
    List<History.Event> inOrder =
        history.events(HELD).stream()
            .sorted(Comparator.comparingLong(History.Event::sentNanos))
            .toList();
    int worst = 0;
    for (int object = 0; object < OBJECTS * THREADS; object++) {
      String thread = String.valueOf(object);
      int last = -1;
      for (int i = 0; i < inOrder.size(); i++) {
        if (inOrder.get(i).value().equals(thread)) {
          worst = last < 0 ? worst : Math.max(worst, i - last);
          last = i;
        }
      }
    }
    // In turn it is the number of threads; one that is passed over again and again sees far more.
    assertThat(worst, is(lessThan(8 * OBJECTS * THREADS)));
  }

  @Test
  @Proves("semaphore.permits")
  void noMoreHoldersThanPermitsInSeveralJvms() throws Exception {
    String name = redis.unique("jvms");
    try (ChildJvms jvms = ChildJvms.start(redis, 3, Contending.class, name);
        Primaries primaries = Primaries.of(redis)) {
      jvms.go();
      try (Disturbance killing =
          Disturbance.every(
              Duration.ofMillis(20),
              () -> {
                // Not all: after an error, a Cluster's client may rest for a second by itself.
                if (primaries.killed() < 10) {
                  primaries.killBlocked();
                }
              })) {
        history.addLines(jvms.finish());
        assertThat(killing.times(), is(greaterThan(0)));
      }
    }
    assertNoCrowd(3 * ALL);
  }

  @Test
  void thePermitOfAHolderThatIsKilledIsFreeAfterItsLeaseAndOneThatIsStoppedIsTold()
      throws Exception {
    for (boolean killed : new boolean[] {true, false}) {
      String name = redis.unique("dead");
      Lease other = PermitState.semaphore(redis, name, 2, LEASE).acquire(PATIENCE);
      try (ChildJvms jvms = ChildJvms.start(redis, 1, Holding.class, name)) {
        jvms.go();
        ChildJvm child = jvms.get(0);
        assertThat(child.receive(), is("held"));
        long start = System.nanoTime();
        if (killed) {
          child.kill();
        } else {
          child.pause();
        }
        try (Lease next = PermitState.semaphore(redis, name, 2, LEASE).acquire(PATIENCE)) {
          assertThat(System.nanoTime() - start, is(lessThan(Duration.ofSeconds(10).toNanos())));
          if (!killed) {
            child.resume();
            assertThat(child.receive(), is("lost, held false, released false"));
            assertThat(child.finish(), is(List.of()));
          }
          assertThat(next.extend(LEASE), is(true));
          assertThat(other.extend(LEASE), is(true));
        }
      }
      other.close();
    }
  }

  private void assertNoCrowd(int holders) {
    assertThat(history.events(HELD).size(), is(holders));
    assertThat("crowds", history.crowds(HELD, PERMITS), is(List.of()));
  }

  private interface Gates {
    Gate next();
  }

  /** Lets everyone through, so many times. */
  private static void contend(History history, Gates gates) throws Exception {
    try (Crew crew = new Crew()) {
      for (int object = 0; object < OBJECTS; object++) {
        Gate gate = gates.next();
        for (int thread = 0; thread < THREADS; thread++) {
          String who = String.valueOf(object * THREADS + thread);
          crew.start(
              () -> {
                for (int turn = 0; turn < TURNS; turn++) {
                  gate.pass(() -> work(history, who));
                }
                return null;
              });
        }
      }
      crew.join();
    }
  }

  private static void work(History history, String who) {
    long from = System.nanoTime();
    LockSupport.parkNanos(WORK_NANOS);
    history.add(HELD, "the permits", who, from, System.nanoTime());
  }

  private static Gate permits(TestRedis redis, String name) {
    RedisSemaphore semaphore = PermitState.semaphore(redis, name, PERMITS, LEASE);
    return work -> {
      Lease lease = semaphore.acquire(PATIENCE);
      work.run();
      // Its connection may be one that was killed.
      await()
          .pollDelay(Duration.ZERO)
          .ignoreExceptionsInstanceOf(JedisConnectionException.class)
          .until(lease::release);
    };
  }

  /** What is written in a hurry: counts, and then enters. */
  private static Gate naive(UnifiedJedis client, String key) {
    return work -> {
      String me = Thread.currentThread().getName();
      while (client.zcard(key) >= PERMITS) {
        Thread.onSpinWait();
      }
      client.zadd(key, 0, me);
      try {
        work.run();
      } finally {
        client.zrem(key, me);
      }
    };
  }

  /** Contends as the suite does, and sends what it recorded. */
  static final class Contending {

    private Contending() {}

    public static void main(String... args) throws Exception {
      Child child = Child.of(args);
      History history = new History();
      try (TestRedis redis = child.redis()) {
        permits(redis, args[2]).pass(() -> {});
        child.awaitStart();
        contend(history, () -> permits(redis, args[2]));
      }
      child.send(history);
    }
  }

  /** Holds a permit, kept alive, and sends what it hears of its loss. */
  static final class Holding {

    private Holding() {}

    public static void main(String... args) throws Exception {
      Child child = Child.of(args);
      CountDownLatch lost = new CountDownLatch(1);
      try (TestRedis redis = child.redis()) {
        Lease lease =
            PermitState.semaphore(redis, args[2], 2, Duration.ofSeconds(1))
                .acquire(PATIENCE)
                .keepAlive(Duration.ofHours(1), lost::countDown);
        child.awaitStart();
        child.send("held");
        if (!lost.await(2, TimeUnit.MINUTES)) {
          throw new AssertionError("the lease was never lost");
        }
        boolean held = lease.isHeld();
        child.send("lost, held " + held + ", released " + lease.release());
      }
    }
  }
}
