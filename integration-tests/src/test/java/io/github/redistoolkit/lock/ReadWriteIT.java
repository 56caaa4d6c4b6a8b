package io.github.redistoolkit.lock;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.anyOf;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.FreshLog;
import io.github.redistoolkit.core.Sends;
import io.github.redistoolkit.lock.LockCommands.Claim;
import io.github.redistoolkit.pubsub.CapturedLog;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.exceptions.JedisDataException;

/** What a read-write lock promises while nothing goes wrong. */
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
class ReadWriteIT {

  private static final Duration LEASE = Duration.ofSeconds(30);
  private static final Duration SHORTLY = Duration.ofMillis(30);
  private static final long MILLIS = 30_000;

  /** For how long one who waits may count, in ms. */
  private static final long LONGEST_COUNT = 4_000;

  private final TestRedis redis;

  ReadWriteIT(TestRedis redis) {
    this.redis = redis;
  }

  @Test
  void anyNumberReadsOrOneWrites() {
    String name = redis.unique("both");
    List<Lease> readers = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      // Each with an object of its own, as in so many JVMs.
      readers.add(lock(name).readLock().tryAcquire().orElseThrow());
    }
    RedisReadWriteLock lock = lock(name);
    assertThat(lock.writeLock().tryAcquire(), is(Optional.empty()));
    assertThat(lock.readLock().isLocked(), is(true));
    assertThat(lock.writeLock().isLocked(), is(false));
    readers.forEach(Lease::close);
    Lease writer = lock.writeLock().tryAcquire().orElseThrow();
    assertThat(lock.readLock().isLocked(), is(false));
    assertThat(lock.writeLock().isLocked(), is(true));
    assertThat(lock(name).writeLock().tryAcquire(), is(Optional.empty()));
    assertThat(lock(name).readLock().tryAcquire(), is(Optional.empty()));
    assertThat(writer.extend(LEASE), is(true));
    writer.close();
    lock.readLock().tryAcquire().orElseThrow().close();
    assertThat(lock.readLock().isLocked() || lock.writeLock().isLocked(), is(false));
  }

  @Test
  void whatIsNotReleasedIsFreeWhenItsLeaseIsOver() throws Exception {
    for (boolean writing : new boolean[] {true, false}) {
      String name = redis.unique("expire");
      RedisReadWriteLock brief = lock(name, Duration.ofSeconds(2));
      Lease dead =
          (writing ? brief.writeLock().tryAcquire() : brief.readLock().tryAcquire()).orElseThrow();
      assertThat(lock(name).writeLock().tryAcquire(), is(Optional.empty()));
      long start = System.nanoTime();
      try (Lease next =
          writing ? lock(name).readLock().acquire(LEASE) : lock(name).writeLock().acquire(LEASE)) {
        assertThat(dead.isHeld(), is(false));
        assertThat(dead.release(), is(false));
        assertThat(System.nanoTime() - start, is(lessThan(Duration.ofSeconds(10).toNanos())));
        assertThat(next.extend(LEASE), is(true));
      }
    }
  }

  @Test
  void aWriterIsWokenByTheLastReaderAndReadersByAWriter() throws Exception {
    String name = redis.unique("woken");
    Lease one = lock(name).readLock().tryAcquire().orElseThrow();
    Lease two = lock(name).readLock().tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> writer = crew.start(() -> lock(name).writeLock().acquire(LEASE));
      Primaries.awaitBlocked(redis, 1);
      List<Crew.Started<Lease>> readers = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        readers.add(crew.start(() -> lock(name).readLock().acquire(LEASE)));
      }
      Primaries.awaitBlocked(redis, 4);
      one.close();
      assertThat(lock(name).writeLock().isLocked(), is(false));
      two.close();
      Lease written = writer.get();
      assertThat(lock(name).readLock().isLocked(), is(false));
      written.close();
      List<Lease> read = new ArrayList<>();
      for (Crew.Started<Lease> reader : readers) {
        read.add(reader.get());
      }
      assertThat("together", read.stream().allMatch(Lease::isHeld), is(true));
      assertThat(ReadWriteState.of(redis, name).ends().size(), is(3));
      read.forEach(Lease::close);
    }
  }

  @Test
  void aWriterThatWaitsKeepsNewReadersOutAndNoneThatHasCome() throws Exception {
    String name = redis.unique("stop");
    Lease reader = lock(name).readLock().tryAcquire().orElseThrow();
    try (Crew crew = new Crew()) {
      Crew.Started<Lease> writer = crew.start(() -> lock(name).writeLock().acquire(LEASE));
      Primaries.awaitBlocked(redis, 1);
      assertThat(lock(name).readLock().tryAcquire(), is(Optional.empty()));
      assertThat(lock(name).readLock().tryAcquire(SHORTLY), is(Optional.empty()));
      assertThat(reader.extend(LEASE), is(true));
      reader.close();
      writer.get().close();
    }
    lock(name).readLock().tryAcquire().orElseThrow().close();
  }

  @Test
  void aWriterThatStopsWaitingLetsReadersInAtOnce() throws Exception {
    String name = redis.unique("gave-up");
    try (Lease reader = lock(name).readLock().tryAcquire().orElseThrow();
        Crew crew = new Crew()) {
      assertThat(lock(name).writeLock().tryAcquire(SHORTLY), is(Optional.empty()));
      assertThat(ReadWriteState.of(redis, name).writers(), is(Map.of()));
      lock(name).readLock().tryAcquire().orElseThrow().close();
      Crew.Started<Lease> writer = crew.start(() -> lock(name).writeLock().acquire(LEASE));
      Primaries.awaitBlocked(redis, 1);
      Crew.Started<Lease> other = crew.start(() -> lock(name).readLock().acquire(LEASE));
      Primaries.awaitBlocked(redis, 2);
      writer.thread().interrupt();
      other.get().close();
      assertThat(reader.isHeld(), is(true));
    }
  }

  @Test
  void aWriterThatDiesWhileItWaitsKeepsReadersOutForTwoSecondsAtMost() throws Exception {
    String name = redis.unique("dead");
    try (Lease reader = lock(name).readLock().tryAcquire().orElseThrow();
        Crew crew = new Crew()) {
      Crew.Started<Optional<Lease>> writer =
          crew.start(() -> lock(name).writeLock().tryAcquire(LEASE));
      Primaries.awaitBlocked(redis, 1);
      ReadWriteState state = ReadWriteState.of(redis, name);
      long until = state.writers().values().iterator().next();
      assertThat(until - state.now(), is(lessThanOrEqualTo(2_000_000L)));
      writer.thread().interrupt();
      assertThrows(ExecutionException.class, writer::get);
      assertThat(writing(name).wait("dead", MILLIS, 2_000), is(lessThan(-1L)));
      until = ReadWriteState.of(redis, name).writers().get("dead");
      lock(name).readLock().acquire(LEASE).close();
      assertThat(ReadWriteState.of(redis, name).now(), is(greaterThan(until)));
      assertThat(reader.isHeld(), is(true));
    }
  }

  @Test
  @Proves("read-write.no-starvation")
  void readersThatHaveWaitedForAWriterGoBeforeTheNextOneAndThoseThatComeThenAfterIt() {
    boolean inTime;
    int rounds = 0;
    do {
      inTime = arePassedByReadersThatWaited(redis.unique("phases"));
    } while (!inTime && ++rounds < 20);
    assertThat("the next writer asks within 100 ms", inTime, is(true));
  }

  /** Whether all asked in time, of whom the next writer has the lock after 100 ms. */
  private boolean arePassedByReadersThatWaited(String name) {
    Requests readers = reading(name);
    Requests writers = writing(name);
    long token = writers.acquire("writer-1", MILLIS);
    assertThat(readers.wait("reader-1", MILLIS, LONGEST_COUNT), is(lessThan(-1L)));
    assertThat(readers.wait("reader-2", MILLIS, LONGEST_COUNT), is(lessThan(-1L)));
    assertThat(writers.wait("writer-2", MILLIS, LONGEST_COUNT), is(lessThan(-1L)));
    assertThat(writers.commands().release(new Claim("writer-1", token, true, false), 0), is(true));
    assertThat(redis.admin().llen(ReadWriteState.key(name) + ":qr"), is(2L));
    assertThat(redis.admin().exists(ReadWriteState.key(name) + ":qw"), is(false));
    assertThat(ReadWriteState.of(redis, name).turn(), is(2L));
    long ended = ReadWriteState.of(redis, name).phase();
    if (writers.wait("writer-2", MILLIS, LONGEST_COUNT) > 0) {
      assertThat(ReadWriteState.of(redis, name).now() - ended, is(greaterThan(100_000L)));
      return false;
    }
    assertThat(readers.acquire("reader-1", MILLIS), is(greaterThan(token)));
    assertThat("comes after", readers.acquire("reader-3", MILLIS), is(lessThan(-1L)));
    // As one whose client has counted that long, though Redis has not heard of it.
    assertThat(waited(readers, "reader-4", 1_000), is(greaterThan(token)));
    assertThat(readers.release("reader-4", 0), is(true));
    assertThat(readers.acquire("reader-2", MILLIS), is(greaterThan(token)));
    assertThat(readers.release("reader-1", 0), is(true));
    assertThat(redis.admin().exists(ReadWriteState.key(name) + ":qw"), is(false));
    assertThat(readers.release("reader-2", 0), is(true));
    assertThat(redis.admin().llen(ReadWriteState.key(name) + ":qw"), is(1L));
    assertThat("comes after", readers.acquire("reader-3", MILLIS), is(lessThan(-1L)));
    ReadWriteState.of(redis, name).assertSound();
    return true;
  }

  @Test
  void aReaderThatWaitedWhenAWriterEndedIsGrantedInItsTurnHoweverShortItWaited() {
    String name = redis.unique("just-come");
    Requests readers = reading(name);
    Requests writers = writing(name);
    long token = writers.acquire("writer-1", MILLIS);
    // As its client counts, it has waited for less than a millisecond each time.
    assertThat(readers.wait("reader", MILLIS, 2_000), is(lessThan(-1L)));
    assertThat(writers.wait("writer-2", MILLIS, 2_000), is(lessThan(-1L)));
    assertThat(writers.commands().release(new Claim("writer-1", token, true, false), 0), is(true));
    assertThat(readers.wait("reader", MILLIS, 2_000), is(greaterThan(token)));
    ReadWriteState.of(redis, name).assertSound();
  }

  @Test
  void whoComesOrLeavesInTheReadersTurnEndsItsOwnPartAndNoOthersAlsoWhenTimesAreOver() {
    for (boolean comes : new boolean[] {true, false}) {
      String name = redis.unique("turn");
      Requests readers = reading(name);
      Requests writers = writing(name);
      long token = writers.acquire("writer-1", MILLIS);
      assertThat(readers.wait("reader-1", MILLIS, 2_000), is(lessThan(-1L)));
      assertThat(readers.wait("reader-2", MILLIS, 2_000), is(lessThan(-1L)));
      assertThat(writers.wait("writer-2", MILLIS, 2_000), is(lessThan(-1L)));
      Claim claim = new Claim("writer-1", token, true, false);
      assertThat(writers.commands().release(claim, 0), is(true));
      if (!comes) {
        assertThat("comes after", readers.wait("reader-3", MILLIS, 2_000), is(lessThan(-1L)));
      }
      // Its time is over at once, so that the next request looks at all.
      boolean inTime = writers.wait("dead", MILLIS, 1) < -1;
      Long end = ReadWriteState.of(redis, name).writers().get("dead");
      while (inTime && ReadWriteState.of(redis, name).now() <= end) {
        Thread.onSpinWait();
      }
      if (comes) {
        assertThat(readers.acquire("reader-1", MILLIS), is(greaterThan(token)));
      } else {
        assertThat(readers.commands().leave("reader-1"), is(false));
      }
      ReadWriteState state = ReadWriteState.of(redis, name);
      // Unless 100 ms are over by then.
      assertThat(state.turn(), is(state.now() - state.phase() > 100_000 ? state.turn() : 1L));
      state.assertSound();
    }
  }

  @Test
  void aWriterThatLeavesInTheReadersTurnLetsThoseInThatCameLater() {
    String name = redis.unique("left");
    Requests readers = reading(name);
    Requests writers = writing(name);
    long token = writers.acquire("writer-1", MILLIS);
    assertThat(readers.wait("reader-1", MILLIS, 2_000), is(lessThan(-1L)));
    assertThat(writers.wait("writer-2", MILLIS, 2_000), is(lessThan(-1L)));
    assertThat(writers.commands().release(new Claim("writer-1", token, true, false), 0), is(true));
    assertThat(readers.wait("reader-2", MILLIS, 2_000), is(lessThan(-1L)));
    redis.admin().del(ReadWriteState.key(name) + ":qr");
    assertThat(writers.commands().leave("writer-2"), is(false));
    assertThat(redis.admin().llen(ReadWriteState.key(name) + ":qr"), is(2L));
  }

  @Test
  void aWriterWhoseLeaseIsOverAndThatAsksAgainComesAfterTheReadersThatWait() {
    String name = redis.unique("again");
    Requests writers = writing(name);
    assertThat(writers.acquire("writer", MILLIS), is(greaterThan(0L)));
    assertThat(reading(name).wait("reader", MILLIS, 2_000), is(lessThan(-1L)));
    assertThat(writers.commands().extend("writer", 1, 1), is(1L));
    long end = ReadWriteState.of(redis, name).ends().get("writer");
    while (ReadWriteState.of(redis, name).now() <= end) {
      Thread.onSpinWait();
    }
    long reply = writers.acquire("writer", MILLIS);
    boolean inTime = ReadWriteState.of(redis, name).now() - end < 100_000;
    assertThat("refused, if 100 ms are not over", !inTime || reply < -1, is(true));
  }

  @Test
  void aWriterWakesAllReadersHoweverManyAndMoreThanCanBeCountedAreNot() {
    String name = redis.unique("many");
    long now = ReadWriteState.of(redis, name).now();
    long end = now + 30_000_000;
    long due = now + 2_000_000;
    String held = now + " 1 " + end + " " + end + " 1 " + due;
    String writer = end + " 0 " + now;
    Map<String, String> some = Map.of("s", held + " 2500 0 0 0 0", "hwriter", writer);
    ReadWriteState.put(redis, name, some);
    Claim claim = new Claim("writer", now, true, false);
    assertThat(writing(name).commands().release(claim, 0), is(true));
    assertThat(redis.admin().llen(ReadWriteState.key(name) + ":qr"), is(2_500L));
    Map<String, String> full = Map.of("s", held + " 99999 1 0 0 0", "hwriter", writer);
    ReadWriteState.put(redis, name, full);
    for (int i = 0; i < 3; i++) {
      assertThat(reading(name).wait("reader-" + i, MILLIS, 2_000), is(lessThan(-1L)));
      assertThat(writing(name).wait("writer-" + i, MILLIS, 2_000), is(lessThan(-1L)));
    }
  }

  @Test
  void whoHasGivenUpIsRememberedOverAClockThatWentBackAndLookedForOnlyOnce() {
    String name = redis.unique("marks");
    String ahead = String.valueOf(ReadWriteState.of(redis, name).now() + 3_600_000_000L);
    String text = String.join(" ", "5 0 0 0 0", ahead, "0 0 0 0 0");
    ReadWriteState.put(redis, name, Map.of("s", text, "tgiven-up", ahead));
    lock(name).readLock().tryAcquire().orElseThrow().close();
    long before = redis.calls("hgetall");
    lock(name).readLock().tryAcquire().orElseThrow().close();
    lock(name).writeLock().tryAcquire().orElseThrow().close();
    assertThat(redis.calls("hgetall"), is(before));
    assertThat(writing(name).acquire("given-up", MILLIS), is(-1L));
    ReadWriteState.of(redis, name).assertSound();
  }

  /** Whether a writer is refused, or 100 ms are over by then. */
  private boolean inReadersTurn(Requests writers, String owner, String name) {
    long reply = writers.wait(owner, MILLIS, 2_000);
    ReadWriteState state = ReadWriteState.of(redis, name);
    return reply < -1 || state.now() - state.phase() > 100_000;
  }

  private static long waited(Requests requests, String owner, long waitedMillis) {
    return requests
        .commands()
        .acquire(owner, MILLIS, 2_000, waitedMillis, LockCommands.NOT_WOKEN, new Sends());
  }

  @Test
  void readersThatWereWokenAndDoNotComeKeepWritersOutForAMoment() {
    String name = redis.unique("unheard");
    Requests writers = writing(name);
    long token = writers.acquire("writer-1", MILLIS);
    assertThat(reading(name).wait("gone", MILLIS, 2_000), is(lessThan(-1L)));
    assertThat(writers.commands().release(new Claim("writer-1", token, true, false), 0), is(true));
    assertThat(inReadersTurn(writers, "writer-2", name), is(true));
    await()
        .pollInterval(Duration.ofMillis(10))
        .atMost(Duration.ofSeconds(1))
        .until(() -> writers.acquire("writer-2", MILLIS) > token);
    // Nor does it matter whether somebody takes what is promised.
    assertThat(ReadWriteState.of(redis, name).writing(), is(true));
  }

  @Test
  void aPromiseToAWriterIsKeptFromOthersButNotFromOneThatDoesNotWait() {
    String name = redis.unique("promise");
    Requests writers = writing(name);
    long token = writers.acquire("owner", MILLIS);
    assertThat(writers.wait("waiter", MILLIS, 2_000), is(lessThan(-1L)));
    assertThat(writers.commands().release(new Claim("owner", token, true, false), 0), is(true));
    // Unless 20 ms are over by then.
    long refused = writers.wait("other", MILLIS, 0);
    long now = ReadWriteState.of(redis, name).now();
    if (refused > 0) {
      assertThat(now, is(greaterThan(token + 20_000)));
    } else {
      assertThat(refused, is(-501L));
      assertThat(lock(name).writeLock().tryAcquire().isPresent(), is(true));
    }
  }

  @Test
  void requestsThatAreSentTwiceAreGrantedAndReleasedOnce() {
    for (Requests requests :
        List.of(reading(redis.unique("resent")), writing(redis.unique("resent")))) {
      String name = requests.commands().name();
      long token = requests.acquire("owner", MILLIS);
      assertThat(requests.acquire("owner", MILLIS), is(token));
      assertThat(ReadWriteState.of(redis, name).held(), is(1L));
      Claim sentTwice = new Claim("owner", token, false, true);
      assertThat(requests.commands().release(sentTwice, 0), is(true));
      assertThat(requests.commands().release(sentTwice, 0), is(false));
      // A request that was on its way all that time takes nothing that nobody will release.
      assertThat(requests.acquire("owner", MILLIS), is(-1L));
      assertThat(requests.wait("owner", MILLIS, 2_000), is(-1L));
      ReadWriteState state = ReadWriteState.of(redis, name);
      assertThat(state.held() + state.waitingReaders() + state.waitingWriters(), is(0L));
      state.assertSound();
    }
  }

  @Test
  void whoeverWasGivenUpIsRefusedAndKeepsNobodyOut() {
    String name = redis.unique("withdrawn");
    Requests writers = writing(name);
    try (Lease reader = lock(name).readLock().tryAcquire().orElseThrow()) {
      assertThat(writers.wait("given-up", MILLIS, 2_000), is(lessThan(-1L)));
      assertThat(writers.commands().withdraw("given-up"), is(false));
      assertThat(writers.wait("given-up", MILLIS, 2_000), is(-1L));
      assertThat(reader.isHeld(), is(true));
      lock(name).readLock().tryAcquire().orElseThrow().close();
    }
    assertThat(writers.acquire("given-up", MILLIS), is(-1L));
    assertThat(reading(name).acquire("given-up", MILLIS), is(-1L));
    // As if the time had passed for which it is remembered.
    ReadWriteState state = ReadWriteState.of(redis, name);
    long past = state.now() - 1;
    String text = state.token() + " 0 0 0 0 " + past + " 0 0 0 0 0";
    ReadWriteState.put(redis, name, Map.of("s", text, "tgiven-up", String.valueOf(past)));
    assertThat(writers.commands().withdraw("given-up"), is(false));
    assertThat(writers.acquire("given-up", MILLIS), is(-1L));
    ReadWriteState.put(redis, name, Map.of("s", text, "tgiven-up", String.valueOf(past)));
    assertThat(writers.acquire("given-up", MILLIS), is(greaterThan(0L)));
    assertThat(ReadWriteState.of(redis, name).marks(), is(Map.of()));
  }

  @Test
  void anExtensionThatArrivesAfterALaterOneIsRefusedAndARepeatedAcquisitionShortensNothing() {
    String name = redis.unique("moves");
    Requests requests = reading(name);
    long token = requests.acquire("owner", MILLIS);
    assertThat(requests.commands().extend("owner", 60_000, 2), is(2L));
    assertThat(requests.commands().extend("owner", 1_000, 1), is(-1L));
    assertThat(requests.acquire("owner", 20_000), is(token));
    ReadWriteState state = ReadWriteState.of(redis, name);
    assertThat(state.last() - state.now(), is(greaterThan(50_000_000L)));
    assertThat(requests.renew("owner", 20_000, 3), is(3L));
    assertThat(ReadWriteState.of(redis, name).last(), is(state.last()));
    assertThat(requests.commands().extend("owner", 10_000, 4), is(4L));
    assertThat(ReadWriteState.of(redis, name).last(), is(lessThan(state.last())));
    assertThat(requests.commands().extend("other", 1_000, 9), is(0L));
    assertThat(requests.release("other", 0), is(false));
    ReadWriteState.of(redis, name).assertSound();
    assertThat(ReadWriteState.of(redis, name).ends().size(), is(1));
  }

  @ParameterizedTest
  @ValueSource(longs = {42, 43})
  void whatIsLeftOfManyRequestsIsWhatAModelOfThemHas(long seed) {
    String name = redis.unique("model");
    new ReadWriteModel(redis, name, seed).run(600);
  }

  @Test
  void moreThanTenThousandReadersAreRefused() {
    String name = redis.unique("many");
    Requests readers = reading(name);
    long token = readers.acquire("one", MILLIS);
    long end = ReadWriteState.of(redis, name).last();
    String words = " " + end + " " + end;
    ReadWriteState.put(redis, name, Map.of("s", token + " 9999" + words));
    assertThat(readers.acquire("last", MILLIS), is(greaterThan(token)));
    ReadWriteState.put(redis, name, Map.of("s", token + " 10000" + words));
    assertThat(readers.acquire("next", MILLIS), is(lessThan(-1L)));
  }

  @Test
  void aLeaseIsKeptAliveAndItsLossIsToldOnceByItsWord() {
    String name = redis.unique("kept");
    for (String word : List.of("read", "write")) {
      RedisReadWriteLock lock = lock(name, Duration.ofSeconds(2));
      AtomicInteger losses = new AtomicInteger();
      FreshLog.of(RedisLock.class);
      try (CapturedLog log = new CapturedLog()) {
        Lease lease =
            (word.equals("read") ? lock.readLock().tryAcquire() : lock.writeLock().tryAcquire())
                .orElseThrow();
        lease.keepAlive(LEASE, losses::incrementAndGet);
        long first = ReadWriteState.of(redis, name).last();
        await().until(() -> ReadWriteState.of(redis, name).last() > first + 1_000_000);
        assertThat(lease.isHeld(), is(true));
        assertThat(losses.get(), is(0));
        redis.admin().del(ReadWriteState.key(name));
        await().until(() -> losses.get() == 1);
        assertThat(lease.release(), is(false));
        assertThrows(LockLostException.class, lease::close);
        await().until(() -> log.warnsOf("The lease on " + word + " lock " + name + " was lost"));
        assertThat(losses.get(), is(1));
      }
    }
  }

  @Test
  void workIsInterruptedWhenItsLeaseIsLost() {
    String name = redis.unique("run");
    Lease lease = lock(name, Duration.ofMillis(600)).writeLock().tryAcquire().orElseThrow();
    assertThrows(
        LockLostException.class,
        () ->
            lease.runWhileHeld(
                LEASE,
                () -> {
                  redis.admin().del(ReadWriteState.key(name));
                  return new CountDownLatch(1).await(1, TimeUnit.MINUTES);
                }));
    assertThat(Thread.currentThread().isInterrupted(), is(false));
  }

  @Test
  @Proves("read-write.tokens-rise")
  void aWritersTokenIsGreaterThanAllBeforeAlsoOverALossOfTheDataAndAClockThatWentBack() {
    String name = redis.unique("token");
    long last = 0;
    for (int i = 0; i < 20; i++) {
      Lease reader = lock(name).readLock().tryAcquire().orElseThrow();
      Lease other = lock(name).readLock().tryAcquire().orElseThrow();
      assertThat(reader.token(), is(greaterThan(last)));
      assertThat(other.token(), is(greaterThan(last)));
      long readers = Math.max(reader.token(), other.token());
      other.close();
      reader.close();
      Lease writer = lock(name).writeLock().tryAcquire().orElseThrow();
      assertThat(writer.token(), is(greaterThan(readers)));
      last = writer.token();
      if (i % 4 == 0) {
        redis.admin().del(ReadWriteState.key(name));
      }
      boolean unused = writer.release();
    }
    long ahead = ReadWriteState.of(redis, name).now() + 3_600_000_000L;
    ReadWriteState.put(redis, name, Map.of("s", String.valueOf(ahead)));
    try (Lease lease = lock(name).writeLock().tryAcquire().orElseThrow()) {
      assertThat(lease.token(), is(ahead + 1));
    }
    assertThat(redis.admin().pttl(ReadWriteState.key(name)), is(greaterThan(3_500_000L)));
  }

  @Test
  void aClockThatWentBackKeepsNobodyOut() {
    String name = redis.unique("clock");
    long now = ReadWriteState.of(redis, name).now();
    long ahead = now + 3_600_000_000L;
    String ends = String.valueOf(ahead + 2_000_000);
    ReadWriteState.put(
        redis,
        name,
        Map.of(
            "s",
            String.join(" ", String.valueOf(ahead), "0 0 0 0", ends, "1 1", ends, "1", ends),
            "rreader",
            ends,
            "wwriter",
            ends));
    lock(name).readLock().tryAcquire().orElseThrow().close();
    assertThat(writing(name).acquire("another", MILLIS), is(greaterThan(ahead)));
  }

  @Test
  void everyKeyHasATimeToLiveThatIsNoLongerThanItIsNeeded() {
    String name = redis.unique("ttl");
    long memory = LockCommands.MEMORY_MILLIS;
    Lease longer = lock(name).readLock().tryAcquire().orElseThrow();
    assertThat(longer.extend(LEASE.multipliedBy(2)), is(true));
    Lease shorter = lock(name).readLock().tryAcquire().orElseThrow();
    assertThat(ttl(name), is(allOf(greaterThan(memory + 50_000), lessThanOrEqualTo(120_000L))));
    longer.close();
    assertThat(ttl(name), is(allOf(greaterThan(memory), lessThanOrEqualTo(90_000L))));
    assertThat(writing(name).wait("other", MILLIS, 2_000), is(lessThan(-1L)));
    shorter.close();
    // Gone meanwhile on a busy machine, if this is -2.
    assertThat(
        redis.admin().pttl(ReadWriteState.key(name) + ":qw"),
        is(anyOf(is(-2L), allOf(greaterThan(0L), lessThanOrEqualTo(2_000L)))));
    assertThat(ttl(name), is(allOf(greaterThan(memory - 30_000), lessThanOrEqualTo(memory))));
  }

  @Test
  void aNameThatIsUsedOnceLeavesAHundredBytesAtMost() {
    for (Requests requests : List.of(reading(redis.unique("n")), writing(redis.unique("n")))) {
      long token = requests.acquire("a-full-owner-id0", MILLIS);
      assertThat(requests.release("a-full-owner-id0", token), is(true));
      String key = requests.commands().key();
      long bytes = redis.admin().memoryUsage(key);
      assertThat(bytes - key.length(), is(lessThanOrEqualTo(100L)));
    }
  }

  @Test
  void anUncontendedPairIsTwoRoundTripsAndARefusalOneThatWritesNothing() {
    RedisReadWriteLock lock = lock(redis.unique("cost"));
    lock.writeLock().tryAcquire().orElseThrow().close();
    lock.readLock().tryAcquire().orElseThrow().close();
    long before = redis.calls("evalsha");
    for (int i = 0; i < 25; i++) {
      lock.writeLock().tryAcquire().orElseThrow().close();
      lock.readLock().tryAcquire().orElseThrow().close();
    }
    assertThat(redis.calls("evalsha") - before, is(100L));
    try (Lease held = lock.writeLock().tryAcquire().orElseThrow()) {
      long writes = redis.calls("hset");
      assertThat(lock.writeLock().tryAcquire(), is(Optional.empty()));
      assertThat(lock.readLock().tryAcquire(), is(Optional.empty()));
      assertThat(redis.calls("hset"), is(writes));
      assertThat(held.isHeld(), is(true));
    }
    assertThat(redis.borrowed(), is(0));
  }

  @Test
  void manyReadersOfOneObjectComeBesideEachOther() throws Exception {
    String name = redis.unique("beside");
    RedisReadWriteLock lock = lock(name);
    int threads = 8;
    CountDownLatch together = new CountDownLatch(threads);
    try (Crew crew = new Crew()) {
      for (int i = 0; i < threads; i++) {
        crew.start(
            () -> {
              try (Lease lease = lock.readLock().acquire(LEASE)) {
                together.countDown();
                assertThat(together.await(1, TimeUnit.MINUTES), is(true));
                return lease.token();
              }
            });
      }
      crew.join();
    }
  }

  @Test
  void aReadWriteLockAndALockOfTheSameNameAreTwo() {
    String name = redis.unique("same");
    try (Lease lock = Locks.lock(redis, name, LEASE).tryAcquire().orElseThrow();
        Lease writer = lock(name).writeLock().tryAcquire().orElseThrow()) {
      assertThat(lock.isHeld() && writer.isHeld(), is(true));
    }
  }

  @Test
  void neitherReentrantNorChangedFromOneToTheOther() throws Exception {
    RedisReadWriteLock lock = lock(redis.unique("again"));
    try (Lease reader = lock.readLock().tryAcquire().orElseThrow();
        Lease again = lock.readLock().acquire(LEASE)) {
      assertThat(again.token(), is(greaterThan(reader.token())));
      assertThat(lock.writeLock().tryAcquire(SHORTLY), is(Optional.empty()));
    }
    try (Lease writer = lock.writeLock().acquire(LEASE)) {
      assertThat(lock.writeLock().tryAcquire(SHORTLY), is(Optional.empty()));
      assertThat(lock.readLock().tryAcquire(SHORTLY), is(Optional.empty()));
      assertThat(writer.isHeld(), is(true));
    }
  }

  @Test
  void locksOfRunTimeNamesAreTheSameLocks() {
    String name = redis.unique("names");
    RedisLocks locks = redis.over(RedisLocks::over, RedisLocks::over);
    try (Lease writer = locks.readWriteLock(name, LEASE).writeLock().tryAcquire().orElseThrow()) {
      assertThat(lock(name).readLock().tryAcquire(), is(Optional.empty()));
      assertThat(writer.name(), is(name));
    }
  }

  @Test
  void optionsAreThoseOfALock() throws Exception {
    String name = redis.unique("options");
    List<String> told = new CopyOnWriteArrayList<>();
    LockListener listener =
        new LockListener() {
          @Override
          public void onAcquired(String what, Duration waited) {
            told.add("acquired " + what);
          }

          @Override
          public void onRefused(String what, Duration waited) {
            told.add("refused " + what);
          }

          @Override
          public void onReleased(String what, Duration heldFor) {
            told.add("released " + what);
          }
        };
    RedisReadWriteLock lock =
        redis
            .over(
                p -> RedisReadWriteLock.builder(p, name, LEASE),
                c -> RedisReadWriteLock.builder(c, name, LEASE))
            .prefix("tenant:")
            .listener(listener)
            .build();
    Lease lease = lock.writeLock().tryAcquire().orElseThrow();
    assertThat(redis.admin().exists("tenant:" + ReadWriteState.key(name)), is(true));
    assertThat(lock.readLock().tryAcquire(SHORTLY), is(Optional.empty()));
    LockTimeoutException writing =
        assertThrows(LockTimeoutException.class, () -> lock.writeLock().acquire(SHORTLY));
    assertThat(writing.getMessage(), is("write lock " + name + " was not free within PT0.03S"));
    LockTimeoutException reading =
        assertThrows(LockTimeoutException.class, () -> lock.readLock().acquire(SHORTLY));
    assertThat(reading.getMessage(), is("read lock " + name + " was not free within PT0.03S"));
    lease.close();
    assertThat(
        told,
        contains(
            "acquired " + name,
            "refused " + name,
            "refused " + name,
            "refused " + name,
            "released " + name));
    assertThrows(IllegalStateException.class, () -> lease.keepAlive(LEASE, () -> {}));
    redis.admin().del("tenant:" + ReadWriteState.key(name));
  }

  @Test
  void whatIsKeptAtLeastIsNobodysUntilThenAndTheReadersThatWaitAreNext() throws Exception {
    String name = redis.unique("minimum");
    Duration minimum = Duration.ofSeconds(2);
    RedisReadWriteLock lock =
        redis
            .over(
                p -> RedisReadWriteLock.builder(p, name, LEASE),
                c -> RedisReadWriteLock.builder(c, name, LEASE))
            .keepAtLeast(minimum)
            .build();
    long start = System.nanoTime();
    Lease lease = lock.writeLock().tryAcquire().orElseThrow();
    assertThat(lease.release(), is(true));
    assertThat(lease.isHeld(), is(false));
    assertThat(lease.release(), is(true));
    if (System.nanoTime() - start < minimum.toNanos() / 2) {
      assertThat(lock.writeLock().isLocked(), is(true));
      assertThat(lock.writeLock().tryAcquire(), is(Optional.empty()));
      assertThat(lock.readLock().tryAcquire(), is(Optional.empty()));
    }
    try (Lease reader = lock.readLock().acquire(LEASE)) {
      assertThat(System.nanoTime() - start, is(greaterThan(minimum.toNanos())));
      assertThat(System.nanoTime() - start, is(lessThan(Duration.ofSeconds(10).toNanos())));
      assertThat(reader.token(), is(greaterThan(lease.token())));
    }
    // Leases for reading have no minimum.
    lock.writeLock().tryAcquire().orElseThrow().close();
  }

  @Test
  void aKeyOfAForeignTypeIsReportedAndLeftUntouched() {
    String name = redis.unique("foreign");
    redis.admin().set(ReadWriteState.key(name), "theirs");
    RedisReadWriteLock lock = lock(name);
    assertThat(
        assertThrows(JedisDataException.class, lock.writeLock()::tryAcquire).getMessage(),
        startsWith("WRONGTYPE"));
    assertThrows(JedisDataException.class, () -> lock.readLock().acquire(LEASE));
    assertThrows(JedisDataException.class, lock.readLock()::isLocked);
    assertThat(redis.admin().get(ReadWriteState.key(name)), is("theirs"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "theirs",
        "5 0",
        "5 0 0 0 0 0 0 0 0 0",
        "5 0 0 0 0 0 0 0 0 0 0 0",
        "5 0 0",
        "5 1 1 1 2",
        "5 1 1 1 0",
        "5 0 0 0 2 0 0 0 0 0 0",
        "5 0 0 0 0 0 0 0 0 - 0",
        "-5",
        "9007199254740993",
        "9007199254740993 0 0 0 0 0 0 0 0 0 0",
        "5 1 9 8",
        "5 1 9 8 0 0 0 0 0 0 0",
        "5 1 1 9000000000000000000 0 0 0 0 0 0 0",
        "5 0 0 0 0 9000000000000000000 0 0 0 0 0",
        "5 100001 1 1 0 0 0 0 0 0 0",
        "5 0 0 0 0 0 100001 0 0 0 0",
        "5 0 0 0 0 0 0 100001 0 0 0",
      })
  void whatCannotBeTheStateOfAReadWriteLockIsReportedAtOnceAndLeftUntouched(String stored) {
    String name = redis.unique("state");
    RedisReadWriteLock lock = lock(name);
    redis.admin().hset(ReadWriteState.key(name), "s", stored);
    LockStateException e = assertThrows(LockStateException.class, lock.readLock()::tryAcquire);
    assertThat(e.getMessage(), containsString("does not hold the state of a read-write lock"));
    assertThrows(LockStateException.class, lock.writeLock()::tryAcquire);
    assertThrows(LockStateException.class, () -> lock.writeLock().acquire(LEASE));
    assertThrows(LockStateException.class, lock.readLock()::isLocked);
    assertThrows(LockStateException.class, lock.writeLock()::isLocked);
    assertThat(redis.admin().hgetAll(ReadWriteState.key(name)), is(Map.of("s", stored)));
    redis.admin().del(ReadWriteState.key(name));
    // Nor is what has no state of it at all.
    redis.admin().hset(ReadWriteState.key(name), "theirs", stored);
    assertThrows(LockStateException.class, lock.readLock()::tryAcquire);
    redis.admin().del(ReadWriteState.key(name));
  }

  private Requests reading(String name) {
    return ReadWriteState.reading(redis, name);
  }

  private Requests writing(String name) {
    return ReadWriteState.writing(redis, name);
  }

  private long ttl(String name) {
    return redis.admin().pttl(ReadWriteState.key(name));
  }

  private RedisReadWriteLock lock(String name) {
    return lock(name, LEASE);
  }

  private RedisReadWriteLock lock(String name, Duration lease) {
    return ReadWriteState.lock(redis, name, lease);
  }
}
