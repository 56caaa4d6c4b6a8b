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
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;

/**
 * Never a writer beside anyone, and neither readers nor writers starve, recomputed from what the
 * holders recorded.
 */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER},
    notByDefault = Topology.SENTINEL)
class ReadWriteConcurrencyIT {

  private static final int OBJECTS = 4;
  private static final int READERS = 3;
  private static final int TURNS = Matrix.size(25, 200);
  private static final int READS = OBJECTS * READERS * TURNS;
  private static final int WRITES = OBJECTS * TURNS;
  private static final int FLOOD = 8;
  private static final int TURNS_IN_FLOOD = Matrix.size(10, 100);
  private static final String READ = "read";
  private static final String WRITTEN = "written";
  private static final long WORK_NANOS = 500_000;

  private static final Duration LEASE = Duration.ofSeconds(20);
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final TestRedis redis;
  private final History history = new History();

  ReadWriteConcurrencyIT(TestRedis redis) {
    this.redis = redis;
  }

  /** What lets readers or one writer do something, or claims to. */
  private interface Gate {
    void read(Runnable work) throws Exception;

    void write(Runnable work) throws Exception;
  }

  private interface Gates {
    Gate next();
  }

  @Test
  @Proves("read-write.exclusion")
  void noWriterIsBesideAnyoneAndReadersAreBesideEachOther() throws Exception {
    String name = redis.unique("crowd");
    contend(history, () -> gate(redis, name));
    assertNobodyBesideAWriter(1);
    assertThat("readers beside each other", history.overlaps(READ), is(not(empty())));
    ReadWriteState state = ReadWriteState.of(redis, name);
    state.assertSound();
    assertThat(state.held(), is(0L));
  }

  @Test
  void noWriterIsBesideAnyoneWhileScriptsAreFlushedAndWaitersKilled() throws Exception {
    String name = ReadWriteState.prepared(redis, "disturbed");
    int rounds = 0;
    try (TestRedis victim = redis.withMaxTotal(64);
        Primaries primaries = Primaries.of(redis);
        Disturbance flushing = redis.flushScriptsEvery(Duration.ofMillis(10));
        Disturbance killing = Disturbance.every(Duration.ofMillis(20), primaries::killBlocked)) {
      do {
        contend(history, () -> gate(victim, name));
        rounds++;
      } while (rounds < 20 && (primaries.killed() == 0 || flushing.times() < 3));
      assertThat(killing.times(), is(greaterThan(0)));
      assertThat("waiters killed", primaries.killed(), is(greaterThan(0L)));
    }
    assertNobodyBesideAWriter(rounds);
  }

  @Test
  void theSameSuiteCatchesANaiveLock() throws Exception {
    String name = redis.unique("naive");
    UnifiedJedis client = redis.client();
    int rounds = 0;
    do {
      contend(history, () -> naive(client, name));
      rounds++;
    } while (rounds < 20 && history.intrusions(WRITTEN, READ).isEmpty());
    assertThat(history.events(READ).size(), is(rounds * READS));
    assertThat(history.events(WRITTEN).size(), is(rounds * WRITES));
    assertThat(history.intrusions(WRITTEN, READ), is(not(empty())));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  @Proves("read-write.no-starvation")
  void aWriterIsNotStarvedByAFloodOfReaders(boolean waiting) throws Exception {
    String name = redis.unique("readers");
    RedisReadWriteLock.WriteLock writer = ReadWriteState.lock(redis, name, LEASE).writeLock();
    try (Flood flood = new Flood()) {
      for (int i = 0; i < FLOOD; i++) {
        RedisReadWriteLock.ReadLock lock = ReadWriteState.lock(redis, name, LEASE).readLock();
        flood.start(READ, () -> waiting ? lock.tryAcquire(PATIENCE) : lock.tryAcquire());
      }
      flood.assertPasses(WRITTEN, READ, () -> writer.tryAcquire(PATIENCE));
    }
    assertThat(history.intrusions(WRITTEN, READ), is(List.of()));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  @Proves("read-write.no-starvation")
  void aReaderIsNotStarvedByAFloodOfWriters(boolean waiting) throws Exception {
    String name = redis.unique("writers");
    RedisReadWriteLock.ReadLock reader = ReadWriteState.lock(redis, name, LEASE).readLock();
    try (Flood flood = new Flood()) {
      for (int i = 0; i < FLOOD; i++) {
        RedisReadWriteLock.WriteLock lock = ReadWriteState.lock(redis, name, LEASE).writeLock();
        flood.start(WRITTEN, () -> waiting ? lock.tryAcquire(PATIENCE) : lock.tryAcquire());
      }
      flood.assertPasses(READ, WRITTEN, () -> reader.tryAcquire(PATIENCE));
    }
    assertThat(history.overlaps(WRITTEN), is(List.of()));
    assertThat(history.intrusions(WRITTEN, READ), is(List.of()));
  }

  /** Threads that acquire for the same and release, over and over. */
  private final class Flood implements AutoCloseable {

    private final Crew crew = new Crew();
    private final AtomicBoolean ended = new AtomicBoolean();

    private interface Attempt {
      Optional<Lease> make() throws Exception;
    }

    private void start(String kind, Attempt attempt) {
      crew.start(
          () -> {
            while (!ended.get()) {
              boolean unused = turn(kind, attempt);
            }
            return null;
          });
    }

    private boolean turn(String kind, Attempt attempt) throws Exception {
      Optional<Lease> lease = attempt.make();
      if (lease.isPresent()) {
        work(history, kind, String.valueOf(lease.get().token()));
        lease.get().close();
      }
      return lease.isPresent();
    }

    /** Has somebody of the other kind come several times, whom few of the flood overtake. */
    private void assertPasses(String kind, String others, Attempt attempt) throws Exception {
      await().until(() -> history.events(others).size() > FLOOD);
      List<Long> begun = new ArrayList<>();
      for (int i = 0; i < TURNS_IN_FLOOD; i++) {
        begun.add(System.nanoTime());
        assertThat(turn(kind, attempt), is(true));
        int before = history.events(others).size();
        await().until(() -> history.events(others).size() > before + FLOOD / 2);
      }
      ended.set(true);
      crew.join();
      List<History.Event> mine = history.events(kind);
      assertThat(mine.size(), is(TURNS_IN_FLOOD));
      List<Integer> overtaken = new ArrayList<>();
      for (int i = 0; i < TURNS_IN_FLOOD; i++) {
        long from = begun.get(i);
        long to = mine.get(i).sentNanos();
        overtaken.add(
            (int)
                history.events(others).stream()
                    .filter(other -> other.sentNanos() - from > 0)
                    .filter(other -> other.sentNanos() - to < 0)
                    .count());
      }
      // Each of the flood once or twice, as its request was first; a thread may be held up itself.
      overtaken.sort(Comparator.naturalOrder());
      int nearlyAll = TURNS_IN_FLOOD * 8 / 10;
      assertThat("nearly all, of " + overtaken, overtaken.get(nearlyAll), lessThan(3 * FLOOD));
    }

    @Override
    public void close() {
      ended.set(true);
      crew.close();
    }
  }

  @Test
  @Proves("read-write.exclusion")
  void noWriterIsBesideAnyoneInSeveralJvms() throws Exception {
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
    assertNobodyBesideAWriter(3);
  }

  @Test
  void whatIsLeftOfAJvmThatIsKilledIsFreeAfterItsLeaseAndOneThatIsStoppedIsTold() throws Exception {
    for (boolean killed : new boolean[] {true, false}) {
      String name = redis.unique("dead");
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
        RedisReadWriteLock lock = ReadWriteState.lock(redis, name, LEASE);
        try (Lease next = lock.readLock().acquire(PATIENCE)) {
          assertThat(System.nanoTime() - start, is(lessThan(Duration.ofSeconds(10).toNanos())));
          if (!killed) {
            child.resume();
            assertThat(child.receive(), is("lost, held false, released false"));
            assertThat(child.finish(), is(List.of()));
          }
          assertThat(next.extend(LEASE), is(true));
        }
      }
    }
  }

  private void assertNobodyBesideAWriter(int rounds) {
    assertThat(history.events(READ).size(), is(rounds * READS));
    assertThat(history.events(WRITTEN).size(), is(rounds * WRITES));
    assertThat("writers", history.overlaps(WRITTEN), is(List.of()));
    assertThat("readers beside a writer", history.intrusions(WRITTEN, READ), is(List.of()));
  }

  /** Lets everyone through, so many times: of each object some readers and one writer. */
  private static void contend(History history, Gates gates) throws Exception {
    try (Crew crew = new Crew()) {
      for (int object = 0; object < OBJECTS; object++) {
        Gate gate = gates.next();
        for (int thread = 0; thread <= READERS; thread++) {
          String who = object + "." + thread;
          boolean writes = thread == READERS;
          crew.start(
              () -> {
                for (int turn = 0; turn < TURNS; turn++) {
                  if (writes) {
                    gate.write(() -> work(history, WRITTEN, who));
                    // So that readers come also while no other writer waits.
                    LockSupport.parkNanos(4 * WORK_NANOS);
                  } else {
                    gate.read(() -> work(history, READ, who));
                  }
                }
                return null;
              });
        }
      }
      crew.join();
    }
  }

  private static void work(History history, String kind, String who) {
    long from = System.nanoTime();
    LockSupport.parkNanos(WORK_NANOS);
    history.add(kind, "the index", who, from, System.nanoTime());
  }

  private static Gate gate(TestRedis redis, String name) {
    RedisReadWriteLock lock = ReadWriteState.lock(redis, name, LEASE);
    return new Gate() {
      @Override
      public void read(Runnable work) throws Exception {
        pass(lock.readLock().acquire(PATIENCE), work);
      }

      @Override
      public void write(Runnable work) throws Exception {
        pass(lock.writeLock().acquire(PATIENCE), work);
      }
    };
  }

  private static void pass(Lease lease, Runnable work) {
    work.run();
    // Its connection may be one that was killed.
    await()
        .pollDelay(Duration.ZERO)
        .ignoreExceptionsInstanceOf(JedisConnectionException.class)
        .until(lease::release);
  }

  /** What is written in a hurry: looks whether somebody writes or reads, and then enters. */
  private static Gate naive(UnifiedJedis client, String key) {
    return new Gate() {
      @Override
      public void read(Runnable work) {
        while (client.scard(key + ":writers") > 0) {
          Thread.onSpinWait();
        }
        within(key + ":readers", work);
      }

      @Override
      public void write(Runnable work) {
        while (client.scard(key + ":writers") + client.scard(key + ":readers") > 0) {
          Thread.onSpinWait();
        }
        within(key + ":writers", work);
      }

      private void within(String set, Runnable work) {
        String me = Thread.currentThread().getName();
        LockSupport.parkNanos(WORK_NANOS);
        client.sadd(set, me);
        try {
          work.run();
        } finally {
          client.srem(set, me);
        }
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
        gate(redis, args[2]).write(() -> {});
        child.awaitStart();
        contend(history, () -> gate(redis, args[2]));
      }
      child.send(history);
    }
  }

  /** Holds the lock for writing, kept alive, and sends what it hears of its loss. */
  static final class Holding {

    private Holding() {}

    public static void main(String... args) throws Exception {
      Child child = Child.of(args);
      CountDownLatch lost = new CountDownLatch(1);
      try (TestRedis redis = child.redis()) {
        Lease lease =
            ReadWriteState.lock(redis, args[2], Duration.ofSeconds(1))
                .writeLock()
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
