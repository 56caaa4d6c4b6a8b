package io.github.redistoolkit.coalescing;

import static org.awaitility.Awaitility.await;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.Failures;
import io.github.redistoolkit.testing.ClientKind;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.FaultProxy;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.lang.reflect.Method;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.AbstractTransaction;
import redis.clients.jedis.BuilderFactory;
import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.CommandObject;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.Response;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.XReadParams;
import redis.clients.jedis.resps.Tuple;

/** Many callers over one client on a real server, with and without faults. */
@EachClient(
    topologies = {Topology.STANDALONE, Topology.SENTINEL},
    never = ClientKind.COALESCING)
@Tag("integration")
@Tag("smoke")
class CoalescingIT {

  private static final int LANES = 2;

  private final TestRedis redis;
  private final UnifiedJedis shared;
  private final ExecutorService platform = Executors.newCachedThreadPool();
  private final ExecutorService virtual = perTask();

  CoalescingIT(TestRedis redis) {
    this.redis = redis;
    this.shared = over(redis, LANES);
  }

  private static UnifiedJedis over(TestRedis redis, int lanes) {
    return redis.over(pool -> Coalescing.over(pool, lanes), c -> Coalescing.over(c, lanes));
  }

  /** Virtual threads where the JDK has them: found so because this is compiled for those before. */
  private static ExecutorService perTask() {
    try {
      Method virtual = Executors.class.getMethod("newVirtualThreadPerTaskExecutor");
      return (ExecutorService) virtual.invoke(null);
    } catch (NoSuchMethodException e) {
      return Executors.newCachedThreadPool();
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(e.getMessage(), e);
    }
  }

  @AfterEach
  void endThreadsAndLookForConnections() throws Exception {
    platform.shutdownNow();
    virtual.shutdownNow();
    assertThat(platform.awaitTermination(30, TimeUnit.SECONDS), is(true));
    assertThat(virtual.awaitTermination(30, TimeUnit.SECONDS), is(true));
    assertThat(redis.borrowed(), is(0));
  }

  private ExecutorService threads(String kind) {
    return kind.equals("virtual") ? virtual : platform;
  }

  @ParameterizedTest
  @ValueSource(strings = {"platform", "virtual"})
  void eachOf128CallersGetsTheRepliesToItsOwnCommands(String kind) throws Exception {
    List<Future<?>> callers = new ArrayList<>();
    Set<Integer> borrowed = ConcurrentHashMap.newKeySet();
    for (int i = 0; i < 128; i++) {
      String key = redis.unique("key " + i);
      callers.add(
          threads(kind)
              .submit(
                  () -> {
                    for (int n = 0; n < 20; n++) {
                      assertThat(shared.set(key, key + n), is("OK"));
                      assertThat(shared.get(key), is(key + n));
                      assertThat(shared.append(key, "."), is(key.length() + (n < 10 ? 2L : 3L)));
                      borrowed.add(redis.borrowed());
                    }
                    return null;
                  }));
    }
    for (Future<?> caller : callers) {
      caller.get(60, TimeUnit.SECONDS);
    }
    assertThat(borrowed.stream().mapToInt(n -> n).max().orElseThrow(), lessThanOrEqualTo(LANES));
  }

  /** What a caller of a counter saw. */
  private record History(List<Long> replies, int unknown, int notSent) {}

  private static History count(UnifiedJedis client, String key, AtomicBoolean go) {
    List<Long> replies = new ArrayList<>();
    int unknown = 0;
    int notSent = 0;
    while (go.get()) {
      try {
        replies.add(client.incr(key));
      } catch (JedisException e) {
        if (Failures.mayHaveRun(e)) {
          unknown++;
        } else {
          notSent++;
        }
        // Or each further call of a virtual thread would fail as well, at once.
        boolean unused = Thread.interrupted();
      }
    }
    return new History(replies, unknown, notSent);
  }

  @ParameterizedTest
  @CsvSource({"platform, 1", "platform, 4", "virtual, 1", "virtual, 4"})
  void whatWasAcknowledgedRanAndWhatWasNotSentDidNot(String kind, int lanes) throws Exception {
    try (FaultProxy proxy = redis.proxy();
        TestRedis through = redis.impatient(Duration.ofMillis(250)).through(proxy)) {
      UnifiedJedis client = over(through, lanes);
      AtomicBoolean go = new AtomicBoolean(true);
      List<Thread> running = new CopyOnWriteArrayList<>();
      CountDownLatch started = new CountDownLatch(48);
      List<String> keys = new ArrayList<>();
      List<Future<History>> histories = new ArrayList<>();
      for (int i = 0; i < 48; i++) {
        String key = redis.unique("counter " + i);
        keys.add(key);
        histories.add(
            threads(kind)
                .submit(
                    () -> {
                      running.add(Thread.currentThread());
                      started.countDown();
                      return count(client, key, go);
                    }));
      }
      started.await();
      disturb(proxy, running);
      go.set(false);
      int faults = 0;
      for (int i = 0; i < keys.size(); i++) {
        History seen = histories.get(i).get(60, TimeUnit.SECONDS);
        String value = redis.admin().get(keys.get(i));
        long executed = value == null ? 0 : Long.parseLong(value);
        int acknowledged = seen.replies().size();
        assertThat(executed, is(greaterThanOrEqualTo((long) acknowledged)));
        assertThat(executed, is(lessThanOrEqualTo((long) acknowledged + seen.unknown())));
        List<Long> inOrder = seen.replies().stream().distinct().sorted().toList();
        assertThat("replies of this counter, each once", seen.replies(), is(inOrder));
        faults += seen.unknown();
      }
      assertThat(faults, is(greaterThan(0)));
      assertThat(through.borrowed(), is(0));
    }
  }

  /** Cuts, lost replies, silences and interrupts, one after the other. */
  private static void disturb(FaultProxy proxy, List<Thread> callers) throws Exception {
    for (int round = 0; round < 5; round++) {
      proxy.loseReply("incr", 20, FaultProxy.Then.CUT).await();
      callers.get(round).interrupt();
      proxy.loseReply("incr", 20, FaultProxy.Then.SILENCE).await();
      proxy.cut();
      callers.get(callers.size() - 1 - round).interrupt();
      proxy.loseReply("incr", 20, FaultProxy.Then.CUT).await();
    }
  }

  @Test
  void anErrorOfTheServerIsItsCallersAlone() throws Exception {
    String list = redis.unique("list");
    String text = redis.unique("text");
    shared.lpush(list, "x");
    shared.set(text, "y");
    List<Future<?>> callers = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      boolean wrong = i % 2 == 0;
      callers.add(
          platform.submit(
              () -> {
                for (int n = 0; n < 20; n++) {
                  if (wrong) {
                    assertThrows(JedisDataException.class, () -> shared.get(list));
                  } else {
                    assertThat(shared.get(text), is("y"));
                  }
                }
              }));
    }
    for (Future<?> caller : callers) {
      caller.get(60, TimeUnit.SECONDS);
    }
  }

  @Test
  void whoeverBlocksHoldsUpNobody() throws Exception {
    String list = redis.unique("list");
    List<Future<List<String>>> blocked = new ArrayList<>();
    for (int i = 0; i < LANES + 1; i++) {
      blocked.add(platform.submit(() -> shared.blpop(30, list)));
      blocked.add(platform.submit(() -> popWithoutSayingThatItBlocks(list)));
    }
    String key = redis.unique("key");
    for (int i = 0; i < 100; i++) {
      assertThat(shared.set(key, "v" + i), is("OK"));
    }
    for (Future<List<String>> one : blocked) {
      assertThat(one.isDone(), is(false));
    }
    for (int i = 0; i < blocked.size(); i++) {
      shared.rpush(list, "element");
    }
    for (Future<List<String>> one : blocked) {
      assertThat(one.get(30, TimeUnit.SECONDS), is(List.of(list, "element")));
    }
  }

  @Test
  void readsOfAStreamAndWaitsForReplicasThatBlockHoldUpNobody() throws Exception {
    String stream = redis.unique("stream");
    String key = redis.unique("key");
    try (TestRedis own = redis.with(config -> {})) {
      UnifiedJedis oneLane = over(own, 1);
      Future<?> read =
          platform.submit(
              () ->
                  oneLane.xread(
                      XReadParams.xReadParams().block(30_000),
                      Map.of(stream, new StreamEntryID())));
      Future<?> replicas = platform.submit(() -> oneLane.waitReplicas(stream, 9, 30_000));
      await().until(() -> redis.admin().info("clients").contains("blocked_clients:2\r"));
      for (int i = 0; i < 100; i++) {
        assertThat(oneLane.set(key, "v" + i), is("OK"));
        assertThat(oneLane.get(key), is("v" + i));
      }
      assertThat(read.isDone(), is(false));
      assertThat(replicas.isDone(), is(false));
      StreamEntryID added = oneLane.xadd(stream, StreamEntryID.NEW_ENTRY, Map.of("f", "v"));
      assertThat(read.get(30, TimeUnit.SECONDS).toString(), containsString(added.toString()));
      // Or it would wait for nine replicas for half a minute.
      assertThat(own.killClients("normal"), is(greaterThan(0)));
      assertThrows(ExecutionException.class, () -> replicas.get(30, TimeUnit.SECONDS));
    }
  }

  private List<String> popWithoutSayingThatItBlocks(String list) {
    List<String> reply =
        shared.executeCommand(
            new CommandObject<>(
                new CommandArguments(Command.BLPOP).key(list).add("1.5"),
                BuilderFactory.STRING_LIST));
    return reply == null ? shared.blpop(30, list) : reply;
  }

  /** Nobody behind a command without a reply waits for as long as that does. */
  @Test
  void aWaitForALaneEndsWithThePoolsOwn() throws Exception {
    String key = redis.unique("counter");
    try (FaultProxy proxy = redis.proxy();
        TestRedis through =
            redis
                .impatient(Duration.ofMillis(200))
                .with(config -> config.timeoutMillis(5_000))
                .through(proxy)) {
      UnifiedJedis client = over(through, 1);
      client.set(key, "0");
      proxy.blackHole(FaultProxy.Direction.TO_SERVER);
      List<Future<Long>> callers = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        callers.add(platform.submit(() -> client.incr(key)));
      }
      int unknown = 0;
      for (Future<Long> caller : callers) {
        ExecutionException failure =
            assertThrows(ExecutionException.class, () -> caller.get(30, TimeUnit.SECONDS));
        unknown += Failures.mayHaveRun((JedisException) failure.getCause()) ? 1 : 0;
      }
      assertThat(unknown, is(1));
      proxy.heal();
      assertThat(client.incr(key), is(lessThanOrEqualTo(2L)));
      assertThat(through.borrowed(), is(0));
    }
  }

  @Test
  void pipelinesTransactionsAndScansTakeAConnectionOfTheirOwn() {
    String key = redis.unique("key");
    try (AbstractPipeline pipeline = shared.pipelined()) {
      Response<String> set = pipeline.set(key, "1");
      Response<Long> incremented = pipeline.incr(key);
      pipeline.sync();
      assertThat(set.get(), is("OK"));
      assertThat(incremented.get(), is(2L));
    }
    try (AbstractTransaction transaction = shared.transaction(false)) {
      assertThat(transaction.watch(key), is("OK"));
      transaction.multi();
      Response<Long> incremented = transaction.incr(key);
      assertThat(transaction.exec(), is(List.of(3L)));
      assertThat(incremented.get(), is(3L));
    }
    try (AbstractTransaction transaction = shared.multi()) {
      Response<Long> incremented = transaction.incr(key);
      assertThat(transaction.exec(), is(List.of(4L)));
      assertThat(incremented.get(), is(4L));
    }
    Set<String> found = new HashSet<>();
    assertThat(shared.scanIteration(1_000, key + "*").collect(found), hasItem(key));
    assertThat(redis.borrowed(), is(0));
  }

  @Test
  void aSubscriptionTakesAConnectionOfItsOwn() throws Exception {
    String channel = redis.unique("channel");
    CountDownLatch subscribed = new CountDownLatch(1);
    BlockingQueue<String> received = new LinkedBlockingQueue<>();
    JedisPubSub subscriber =
        new JedisPubSub() {
          @Override
          public void onSubscribe(String name, int count) {
            subscribed.countDown();
          }

          @Override
          public void onMessage(String name, String message) {
            received.add(message);
            unsubscribe();
          }
        };
    Future<?> listening = platform.submit(() -> shared.subscribe(subscriber, channel));
    assertThat(subscribed.await(30, TimeUnit.SECONDS), is(true));
    assertThat(shared.publish(channel, "hello"), is(1L));
    assertThat(received.poll(30, TimeUnit.SECONDS), is("hello"));
    listening.get(30, TimeUnit.SECONDS);
  }

  @Test
  void repliesAreDecodedAsThePoolsProtocolHasThem() throws Exception {
    String scores = redis.unique("scores");
    String hash = redis.unique("hash");
    shared.zadd(scores, Map.of("a", 1.5, "b", 2.0));
    shared.hset(hash, Map.of("f", "v"));
    List<Future<?>> callers = new ArrayList<>();
    for (int i = 0; i < 32; i++) {
      callers.add(
          platform.submit(
              () -> {
                assertThat(
                    shared.zrangeWithScores(scores, 0, -1),
                    is(List.of(new Tuple("a", 1.5), new Tuple("b", 2.0))));
                assertThat(shared.hgetAll(hash), is(Map.of("f", "v")));
                assertThat(shared.zscore(scores, "a"), is(1.5));
              }));
    }
    for (Future<?> caller : callers) {
      caller.get(30, TimeUnit.SECONDS);
    }
  }

  @Test
  void closingItLeavesThePoolOpen() {
    UnifiedJedis other = over(redis, 1);
    String key = redis.unique("key");
    other.set(key, "v");
    other.close();
    JedisException refusal = assertThrows(JedisException.class, () -> other.get(key));
    assertThat(Failures.mayHaveRun(refusal), is(false));
    assertThrows(JedisException.class, other::pipelined);
    assertThat(shared.get(key), is("v"));
  }

  @Test
  void aClientThatCoalescesIsRefused() {
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> Coalescing.over(shared));
    assertThat(refusal.getMessage(), containsString("was made by Coalescing already"));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 65})
  void aNumberOfLanesOutOfRangeIsRefused(int lanes) {
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> over(redis, lanes));
    assertThat(refusal.getMessage(), is("lanes must be from 1 to 64, but is " + lanes));
  }

  @Test
  void aPoolThatWasToldItsProtocolIsNotAskedForIt() {
    try (FaultProxy proxy = redis.proxy();
        TestRedis through = redis.through(proxy)) {
      proxy.refuse();
      UnifiedJedis client = over(through, 1);
      proxy.accept();
      assertThat(client.set(redis.unique("key"), "v"), is("OK"));
    }
  }
}
