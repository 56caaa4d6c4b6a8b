package io.github.redistoolkit.coalescing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.coalescing.Linearizability.Operation;
import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.PrivateRedis;
import io.github.redistoolkit.testing.TestRedis;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.args.ClientPauseMode;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;

/**
 * Many callers over one client while connections are killed and cut, replies are lost, the server
 * is silent and callers are interrupted. What must hold is recomputed from what each of them saw.
 */
@EachClient(never = ClientKind.COALESCING)
class CoalescingFaultIT {

  private static final Duration TIMEOUT = Duration.ofMillis(250);

  private final TestRedis redis;
  private final List<ExecutorService> executors = new ArrayList<>();

  CoalescingFaultIT(TestRedis redis) {
    this.redis = redis;
  }

  static Stream<Arguments> threadsAndLanes() {
    return Threads.ofThisJava().flatMap(kind -> Stream.of(1, 4).map(n -> Arguments.of(kind, n)));
  }

  static Stream<Threads> threads() {
    return Threads.ofThisJava();
  }

  private static UnifiedJedis over(TestRedis redis, int lanes) {
    return redis.over(pool -> Coalescing.over(pool, lanes), c -> Coalescing.over(c, lanes));
  }

  private ExecutorService executor(Threads kind) {
    ExecutorService executor = kind.executor();
    executors.add(executor);
    return executor;
  }

  @AfterEach
  void endThreads() throws Exception {
    for (ExecutorService executor : executors) {
      executor.shutdownNow();
      assertThat(executor.awaitTermination(30, TimeUnit.SECONDS), is(true));
    }
  }

  /** What one caller saw of a counter and a text of its own. */
  private static final class Caller implements Callable<Caller> {

    private final UnifiedJedis client;
    private final String key;
    private final AtomicBoolean go;
    private final AtomicInteger interrupts = new AtomicInteger();
    private final List<Long> replies = new ArrayList<>();
    private final List<String> foreign = new ArrayList<>();
    private int unknown;
    private int notSent;
    private long longestNanos;
    private volatile Thread thread;

    Caller(UnifiedJedis client, String key, AtomicBoolean go) {
      this.client = client;
      this.key = key;
      this.go = go;
    }

    private String text() {
      return key + ":text";
    }

    @Override
    public Caller call() {
      thread = Thread.currentThread();
      while (go.get()) {
        long start = System.nanoTime();
        try {
          replies.add(client.incr(key));
        } catch (JedisException e) {
          if (Failures.mayHaveRun(e)) {
            unknown++;
          } else {
            notSent++;
          }
          rest();
        }
        try {
          String text = client.get(text());
          if (!text().equals(text)) {
            foreign.add(text);
          }
        } catch (JedisException e) {
          rest();
        }
        longestNanos = Math.max(longestNanos, System.nanoTime() - start);
      }
      return this;
    }

    /** As whoever tries again does; and an interrupt would fail each further call as well. */
    private static void rest() {
      boolean unused = Thread.interrupted();
      LockSupport.parkNanos(1_000_000);
    }

    void interrupt() {
      Thread running = thread;
      if (running != null) {
        interrupts.incrementAndGet();
        running.interrupt();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("threadsAndLanes")
  void noReplyIsForeignAndWhatWasNotSentDoesNotRun(Threads kind, int lanes) throws Exception {
    try (FaultProxy proxy = redis.proxy();
        TestRedis through = redis.impatient(TIMEOUT).through(proxy)) {
      UnifiedJedis client = over(through, lanes);
      AtomicBoolean go = new AtomicBoolean(true);
      List<Caller> callers = new ArrayList<>();
      List<Future<Caller>> ends = new ArrayList<>();
      ExecutorService threads = executor(kind);
      for (int i = 0; i < 64; i++) {
        Caller caller = new Caller(client, redis.unique("counter " + i), go);
        redis.admin().set(caller.text(), caller.text());
        callers.add(caller);
      }
      callers.forEach(caller -> ends.add(threads.submit(caller)));
      Disturbed disturbed = disturb(through, proxy, Matrix.size(5, 30), callers, lanes);
      go.set(false);
      int unknown = 0;
      for (Future<Caller> end : ends) {
        Caller seen = end.get(60, TimeUnit.SECONDS);
        String value = redis.admin().get(seen.key);
        long executed = value == null ? 0 : Long.parseLong(value);
        assertThat(executed, is(greaterThanOrEqualTo((long) seen.replies.size())));
        assertThat(executed, is(lessThanOrEqualTo((long) seen.replies.size() + seen.unknown)));
        assertThat("replies to others", seen.foreign, is(List.of()));
        List<Long> rising = seen.replies.stream().distinct().sorted().toList();
        assertThat("replies of this counter, each once", seen.replies, is(rising));
        // Two calls, each of which waits for a connection, a flush before its own, and its own.
        assertThat(seen.longestNanos, is(lessThan(TimeUnit.SECONDS.toNanos(30))));
        assertThat(seen.replies, is(not(List.of())));
        unknown += seen.unknown;
      }
      assertThat(unknown, is(greaterThan(0)));
      assertThat(disturbed.killed(), is(greaterThan(0)));
      assertThat(disturbed.borrowedAtMost(), is(lessThanOrEqualTo(lanes)));
      assertThat(through.borrowed(), is(0));
    }
  }

  /** What has been done to callers. */
  private record Disturbed(int killed, int borrowedAtMost) {}

  /** One fault after the other; each is over before the next, and some last beyond the timeout. */
  private static Disturbed disturb(
      TestRedis through, FaultProxy proxy, int seconds, List<Caller> callers, int lanes)
      throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    int killed = 0;
    int borrowed = 0;
    Random random = new Random(lanes);
    for (int round = 0; System.nanoTime() - end < 0; round++) {
      switch (round % 6) {
        case 0 -> killed += through.killClients("normal");
        case 1 -> proxy.loseReply("incr", 50, FaultProxy.Then.SILENCE).await();
        case 2 -> proxy.cut();
        case 3 -> {
          try (Jedis server = through.open(through.nodes().get(0))) {
            server.clientPause(TIMEOUT.toMillis() * 3 / 2, ClientPauseMode.ALL);
          }
        }
        case 4 -> proxy.loseReply("get", 50, FaultProxy.Then.CUT).await();
        default -> {
          proxy.blackHole(FaultProxy.Direction.TO_CLIENT);
          rest(400);
          proxy.heal();
        }
      }
      for (int i = 0; i < 3; i++) {
        callers.get(random.nextInt(callers.size())).interrupt();
        rest(30);
        borrowed = Math.max(borrowed, through.borrowed());
      }
    }
    return new Disturbed(killed, borrowed);
  }

  private static void rest(int millis) {
    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(millis));
  }

  @Tag("smoke")
  @ParameterizedTest
  @MethodSource("threadsAndLanes")
  void whatCallersSeeOfAKeyIsLinearizable(Threads kind, int lanes) throws Exception {
    List<List<Operation>> histories = new ArrayList<>();
    List<String> keys = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      histories.add(new CopyOnWriteArrayList<>());
      keys.add(redis.unique("key " + i));
      redis.admin().set(keys.get(i), "0");
    }
    try (FaultProxy proxy = redis.proxy();
        TestRedis through = redis.impatient(TIMEOUT).through(proxy)) {
      UnifiedJedis client = over(through, lanes);
      AtomicBoolean go = new AtomicBoolean(true);
      AtomicLong values = new AtomicLong();
      List<Future<?>> callers = new ArrayList<>();
      ExecutorService threads = executor(kind);
      for (int i = 0; i < 32; i++) {
        callers.add(
            threads.submit(
                () -> {
                  while (go.get()) {
                    int key = ThreadLocalRandom.current().nextInt(keys.size());
                    recordOne(client, keys.get(key), values, histories.get(key));
                    LockSupport.parkNanos(5_000_000); // else there is more than can be checked
                  }
                }));
      }
      for (int round = 0; round < Matrix.size(3, 30); round++) {
        proxy.loseReply("incr", 20, FaultProxy.Then.CUT).await();
        proxy.loseReply("set", 10, FaultProxy.Then.SILENCE).await();
        int killed = through.killClients("normal");
        assertThat(killed, is(greaterThan(0)));
        proxy.loseReply("get", 10, FaultProxy.Then.SILENCE).await();
      }
      go.set(false);
      for (Future<?> caller : callers) {
        caller.get(60, TimeUnit.SECONDS);
      }
    }
    int unknown = 0;
    for (List<Operation> history : histories) {
      assertThat(
          history.stream().map(Operation::toString).toList().toString(),
          Linearizability.isLinearizable(0, history),
          is(true));
      unknown += history.stream().filter(Operation::isUnknown).mapToInt(operation -> 1).sum();
    }
    assertThat(unknown, is(greaterThan(0)));
  }

  /** Written numbers are so far from each other that increments of one do not reach the next. */
  private static void recordOne(
      UnifiedJedis client, String key, AtomicLong values, List<Operation> history) {
    int dice = ThreadLocalRandom.current().nextInt(10);
    long written = values.incrementAndGet() * 1_000_000;
    long began = System.nanoTime();
    try {
      if (dice < 5) {
        long result = Long.parseLong(client.get(key));
        history.add(Operation.read(result, began, System.nanoTime()));
      } else if (dice < 8) {
        long result = client.incr(key);
        history.add(Operation.increment(result, began, System.nanoTime()));
      } else {
        String unused = client.set(key, Long.toString(written));
        history.add(Operation.write(written, began, System.nanoTime()));
      }
    } catch (JedisException e) {
      if (Failures.mayHaveRun(e) && dice >= 5) {
        history.add(
            dice < 8 ? Operation.unknownIncrement(began) : Operation.unknownWrite(written, began));
      }
    }
  }

  @Tag("smoke")
  @ParameterizedTest
  @MethodSource("threadsAndLanes")
  void anInterruptFailsAtMostTheCallOfItsOwnThread(Threads kind, int lanes) throws Exception {
    UnifiedJedis client = over(redis, lanes);
    AtomicBoolean go = new AtomicBoolean(true);
    List<Caller> callers = new ArrayList<>();
    List<Future<Caller>> ends = new ArrayList<>();
    ExecutorService threads = executor(kind);
    for (int i = 0; i < 32; i++) {
      Caller caller = new Caller(client, redis.unique("counter " + i), go);
      redis.admin().set(caller.text(), caller.text());
      callers.add(caller);
      ends.add(threads.submit(caller));
    }
    Random random = new Random(4);
    for (int i = 0; i < Matrix.size(1_000, 20_000); i++) {
      callers.get(random.nextInt(callers.size() / 2)).interrupt();
      LockSupport.parkNanos(500_000);
    }
    go.set(false);
    for (int i = 0; i < ends.size(); i++) {
      Caller seen = ends.get(i).get(60, TimeUnit.SECONDS);
      int most = kind == Threads.PLATFORM ? 0 : seen.interrupts.get();
      assertThat(seen.unknown + seen.notSent, is(lessThanOrEqualTo(most)));
      assertThat(seen.foreign, is(List.of()));
      assertThat(seen.interrupts.get() > 0, is(i < callers.size() / 2));
    }
    assertThat(redis.borrowed(), is(0));
  }

  /** What became of one call. */
  private record Outcome(boolean failed, long nanos) {}

  @ParameterizedTest
  @MethodSource("threads")
  void aReplyThatDoesNotComeFailsItsFlushAloneAndNobodyBeforeTheTimeout(Threads kind)
      throws Exception {
    Duration timeout = Duration.ofMillis(700);
    String key = redis.unique("key");
    redis.admin().set(key, "value");
    try (FaultProxy proxy = redis.proxy();
        TestRedis through =
            redis.with(config -> config.timeoutMillis((int) timeout.toMillis())).through(proxy)) {
      UnifiedJedis client = over(through, 1);
      AtomicBoolean go = new AtomicBoolean(true);
      int callersAtATime = Lanes.MOST_COMMANDS * 3 / 2; // so some wait behind a flush
      CountDownLatch after = new CountDownLatch(callersAtATime);
      List<Outcome> outcomes = Collections.synchronizedList(new ArrayList<>());
      List<Future<?>> callers = new ArrayList<>();
      ExecutorService threads = executor(kind);
      AtomicBoolean lost = new AtomicBoolean();
      for (int i = 0; i < callersAtATime; i++) {
        callers.add(
            threads.submit(
                () -> {
                  boolean counted = false;
                  while (go.get()) {
                    boolean late = lost.get();
                    outcomes.add(outcome(() -> client.get(key)));
                    if (late && !counted) {
                      counted = true;
                      after.countDown();
                    }
                  }
                }));
      }
      proxy.loseReply("get", 200, FaultProxy.Then.SILENCE).await();
      lost.set(true);
      assertThat(after.await(30, TimeUnit.SECONDS), is(true));
      go.set(false);
      for (Future<?> caller : callers) {
        caller.get(30, TimeUnit.SECONDS);
      }
      List<Long> failed = outcomes.stream().filter(Outcome::failed).map(Outcome::nanos).toList();
      assertThat(failed.size(), is(allOf(greaterThan(0), lessThanOrEqualTo(Lanes.MOST_COMMANDS))));
      assertThat(failed, everyItem(is(greaterThanOrEqualTo(timeout.toNanos() * 95 / 100))));
      assertThat(through.borrowed(), is(0));
    }
  }

  private static Outcome outcome(Runnable call) {
    long start = System.nanoTime();
    boolean failed = false;
    try {
      call.run();
    } catch (JedisConnectionException e) {
      failed = true;
    }
    return new Outcome(failed, System.nanoTime() - start);
  }

  @Test
  void withoutAServerEveryCallFailsAndNothingRuns() throws Exception {
    String key = redis.unique("counter");
    try (FaultProxy proxy = redis.proxy();
        TestRedis through = redis.impatient(TIMEOUT).through(proxy)) {
      UnifiedJedis client = over(through, 1);
      proxy.refuse();
      List<Future<?>> callers = new ArrayList<>();
      ExecutorService threads = executor(Threads.PLATFORM);
      for (int i = 0; i < 64; i++) {
        callers.add(
            threads.submit(() -> assertThrows(JedisException.class, () -> client.incr(key))));
      }
      for (Future<?> caller : callers) {
        caller.get(30, TimeUnit.SECONDS);
      }
      proxy.accept();
      assertThat(client.incr(key), is(1L));
      assertThat(through.borrowed(), is(0));
    }
  }

  @Test
  void noConnectionOnWhichAReplicaRefusedAWriteIsUsedAgain() throws Exception {
    String key = redis.unique("key");
    PrivateRedis servers = redis.privateServers();
    TestRedis own = servers.redis();
    UnifiedJedis client = over(own, 2);
    client.set(key, "value");
    try (Jedis server = own.open(own.address())) {
      Set<String> before = connections(server, own);
      assertThat(before, is(not(Set.of())));
      server.replicaof("127.0.0.1", 1);
      List<Future<JedisDataException>> refusals = new ArrayList<>();
      ExecutorService threads = executor(Threads.PLATFORM);
      for (int i = 0; i < 24; i++) {
        refusals.add(
            threads.submit(
                () -> assertThrows(JedisDataException.class, () -> client.set(key, "other"))));
      }
      for (Future<JedisDataException> refusal : refusals) {
        assertThat(refusal.get(30, TimeUnit.SECONDS).getMessage(), startsWith("READONLY"));
      }
      assertThat(client.get(key), is("value"));
      Set<String> still = connections(server, own);
      still.retainAll(before);
      assertThat(still, is(Set.of()));
      assertThat(own.borrowed(), is(0));
      server.replicaofNoOne();
    }
    assertThat(client.set(key, "other"), is("OK"));
  }

  private static Set<String> connections(Jedis server, TestRedis client) {
    return server
        .clientList()
        .lines()
        .filter(line -> line.contains(" name=" + client.clientName() + " "))
        .map(line -> line.replaceAll("^id=(\\d+) .*", "$1"))
        .collect(Collectors.toCollection(HashSet::new));
  }
}
