package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.History;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.params.XAutoClaimParams;
import redis.clients.jedis.params.XReadGroupParams;
import redis.clients.jedis.resps.StreamEntry;

/** Several consumers of one group in one JVM. What each did is recorded, and recomputed from. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class DurableConcurrencyIT extends StreamSuite {

  /** From before a handler did anything to after all that it did. */
  private static final String WORKED = "worked";

  /** So long that only a machine that stands still could end it. */
  private static final Duration SAFE_LEASE = Duration.ofSeconds(20);

  private final History history = new History();

  DurableConcurrencyIT(TestRedis redis) {
    super(redis);
  }

  /** Every fourth takes much longer than a lease. */
  private void work(String id, int number) throws InterruptedException {
    long begun = System.nanoTime();
    Thread.sleep(number % 4 == 0 ? LEASE.multipliedBy(Matrix.size(2, 5)).toMillis() : 1);
    history.add(WORKED, id, Thread.currentThread().getName(), begun, System.nanoTime());
  }

  private static List<String> publishAll(DurableTopic<Integer> topic, int count) {
    return IntStream.range(0, count).mapToObj(topic::publish).toList();
  }

  @Test
  @Proves("durable-topic.lease-renewed")
  void whatTakesLongerThanALeaseIsWithOneConsumerAllTheTime() {
    DurableTopic<Integer> topic = open(builder().concurrency(2));
    List<String> ids = publishAll(topic, 12);
    for (int i = 0; i < 3; i++) {
      topic.subscribe(GROUP, From.start(), message -> work(message.id(), message.body()));
    }
    await("all worked").until(() -> history.events(WORKED).size() >= ids.size());
    awaitPending(topic, 0);
    assertThat(history.notOnce(WORKED, ids), is(empty()));
    assertThat(history.overlaps(WORKED), is(empty()));
    assertThat(heard.lines(), is(empty()));
  }

  @Test
  void aConsumerThatIsSlowNowLeavesToOthersWhatItHasNotReadAhead() throws Exception {
    int batch = 32;
    int count = 100;
    DurableTopic<Integer> topic = open(builder().lease(LONG_LEASE).batch(batch));
    SuddenlySlow handler = suddenlySlow(topic);
    List<Integer> elsewhere = Collections.synchronizedList(new ArrayList<>());
    DurableTopic<Integer> other = open(builder().lease(LONG_LEASE).batch(batch));
    other.subscribe(GROUP, From.start(), message -> elsewhere.add(message.body()));
    int end = SuddenlySlow.FAST + 1 + count;
    publish(topic, SuddenlySlow.FAST + 1, end);
    // The one that is slow is among those that its consumer may have.
    await("elsewhere")
        .atMost(AT_ONCE)
        .until(elsewhere::size, is(greaterThanOrEqualTo(count + 1 - batch)));
    await("the rest read ahead")
        .until(() -> state(topic).pending() + elsewhere.size(), is(count + 1L));
    assertNothingMore();
    handler.goOn();
    List<Integer> all = new ArrayList<>(next(count + 1 - elsewhere.size()));
    all.addAll(elsewhere);
    assertThat(all, containsInAnyOrder(numbers(SuddenlySlow.FAST, end).toArray()));
    awaitPending(topic, 0);
  }

  /** With partitions, a consumer that has none gets the partition with the message. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void aHandlerThatTakesTooLongLosesItsMessageAndWhatIsBehindIt(int partitions) throws Exception {
    DurableTopic<Integer> topic =
        open(
            builder()
                .partitions(partitions)
                .lease(Duration.ofMillis(500))
                .handlerTimeout(Duration.ofSeconds(1)));
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch begun = new CountDownLatch(1);
    DurableSubscription slow =
        topic.subscribe(
            GROUP,
            From.start(),
            message -> {
              begun.countDown();
              assertThat(held.await(60, TimeUnit.SECONDS), is(true));
            });
    topic.publish("key", 1);
    topic.publish("key", 2);
    assertThat(begun.await(60, TimeUnit.SECONDS), is(true));
    await("told").until(() -> heard.lines(), is(List.of("timeout 1")));
    topic.subscribe(GROUP, From.start(), this::take);
    DurableMessage<Integer> taken = next();
    assertThat(taken.body(), is(1));
    assertThat(taken.delivery(), is(2));
    assertThat(next(1), is(List.of(2)));
    awaitPending(topic, 0);
    held.countDown();
    await("handled all the same").until(slow::handled, is(1L));
    topic.publish("key", 3);
    await("of one of them").until(() -> slow.handled() == 2 || !received.isEmpty());
    awaitPending(topic, 0);
    assertThat(heard.lines(), is(List.of("timeout 1")));
    received.clear();
  }

  @Test
  void theSameCatchesWhoDoesNotRenew() throws Exception {
    DurableTopic<Integer> topic = open();
    // Two take long, so that one of the three consumers is free to take them over.
    List<String> ids = publishAll(topic, 8);
    redis.admin().xgroupCreate(stream(), GROUP, new StreamEntryID(0, 0), true);
    AtomicBoolean enough = new AtomicBoolean();
    ExecutorService threads = Executors.newFixedThreadPool(3);
    try {
      List<Future<?>> consumers = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        String consumer = "naive-" + i;
        consumers.add(
            threads.submit(
                () -> {
                  while (!enough.get()) {
                    workNaively(consumer);
                  }
                  return null;
                }));
      }
      await("all worked").until(() -> history.events(WORKED).size() > ids.size());
      enough.set(true);
      for (Future<?> each : consumers) {
        assertThat(each.get(60, TimeUnit.SECONDS), is((Object) null));
      }
    } finally {
      threads.shutdownNow();
    }
    assertThat(history.notOnce(WORKED, ids), is(not(empty())));
    assertThat(history.overlaps(WORKED), is(not(empty())));
  }

  /** As in many a tutorial: takes over what is idle for a lease, and reads what is new. */
  private void workNaively(String consumer) throws InterruptedException {
    UnifiedJedis jedis = redis.admin();
    List<StreamEntry> entries =
        new ArrayList<>(
            jedis
                .xautoclaim(
                    stream(),
                    GROUP,
                    consumer,
                    LEASE.toMillis(),
                    new StreamEntryID(0, 0),
                    XAutoClaimParams.xAutoClaimParams().count(1))
                .getValue());
    if (entries.isEmpty()) {
      var read =
          jedis.xreadGroup(
              GROUP,
              consumer,
              XReadGroupParams.xReadGroupParams().count(1).block(100),
              Map.of(stream(), StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY));
      if (read != null) {
        entries.addAll(read.get(0).getValue());
      }
    }
    for (StreamEntry entry : entries) {
      work(entry.getID().toString(), Integer.parseInt(entry.getFields().get("d")));
      long unused = jedis.xack(stream(), GROUP, entry.getID());
    }
  }

  /** Handlers fail by chance; nothing else does. */
  @Test
  @Proves("durable-topic.at-least-once")
  void eachMessageIsTriedInTurnUntilItSucceedsOnceOrIsADeadLetter() {
    int count = Matrix.size(600, 10_000); // all dead letters can be read at once
    int most = 3;
    long seed = System.nanoTime();
    DurableTopic<Integer> topic =
        open(
            builder()
                .lease(SAFE_LEASE)
                .retryDelay(Duration.ofMillis(1))
                .maxDeliveries(most)
                .concurrency(4));
    List<String> ids = publishAll(topic, count);
    for (int i = 0; i < 3; i++) {
      topic.subscribe(
          GROUP,
          From.start(),
          message -> {
            long begun = System.nanoTime();
            boolean fails =
                new Random(seed + 31L * message.body() + message.delivery()).nextBoolean();
            String what = message.delivery() + (fails ? " failed" : " done");
            history.add(WORKED, message.id(), what, begun, System.nanoTime());
            if (fails) {
              throw new IllegalStateException("by chance");
            }
          });
    }
    await("all delivered")
        .atMost(Duration.ofMinutes(5))
        .until(() -> state(topic).lag() == 0 && state(topic).pending() == 0);

    List<String> dead =
        topic.deadLetters(GROUP, 10_000).stream().map(DeadLetter::messageId).sorted().toList();
    Map<String, List<String>> attempts =
        history.events(WORKED).stream()
            .collect(
                Collectors.groupingBy(
                    History.Event::subject,
                    TreeMap::new,
                    Collectors.mapping(History.Event::value, Collectors.toList())));
    assertThat(attempts.keySet().stream().sorted().toList(), is(ids.stream().sorted().toList()));
    assertThat("seed " + seed, history.overlaps(WORKED), is(empty()));
    attempts.forEach(
        (id, each) -> assertThat(id, each, is(expected(each.size(), dead.contains(id)))));
    assertThat(
        dead,
        is(
            attempts.entrySet().stream()
                .filter(each -> each.getValue().contains(most + " failed"))
                .map(Map.Entry::getKey)
                .sorted()
                .toList()));
    assertThat("of each kind there were some", dead.size(), is(greaterThan(0)));
    assertThat(heard.of("dead").size(), is(dead.size()));
  }

  private static List<String> expected(int attempts, boolean dead) {
    return IntStream.rangeClosed(1, attempts)
        .mapToObj(n -> n + (n < attempts || dead ? " failed" : " done"))
        .toList();
  }

  /** More is published than the topic may hold and the consumers handle. */
  @Test
  @Proves("durable-topic.trims-acknowledged")
  void whatIsTrimmedWhileConsumersAreAtWorkIsToldToTheLastOne() {
    int count = Matrix.size(2_000, 30_000);
    DurableTopic<Integer> topic =
        open(
            builder()
                .lease(SAFE_LEASE.dividedBy(4))
                .maxLength(50, WhenFull.TRIM)
                .batch(8)
                .concurrency(2));
    CountDownLatch full = new CountDownLatch(1);
    for (int i = 0; i < 2; i++) {
      topic.subscribe(
          GROUP,
          From.start(),
          message -> {
            long begun = System.nanoTime();
            assertThat(full.await(60, TimeUnit.SECONDS), is(true));
            Thread.sleep(2);
            history.add(WORKED, message.id(), "", begun, System.nanoTime());
          });
    }
    // Some are trimmed before any is handled, however slow this process is.
    List<String> ids = new ArrayList<>(publishAll(topic, 200));
    full.countDown();
    ids.addAll(publishAll(topic, count - 200));
    await("all delivered or lost")
        .until(() -> state(topic).lag() == 0 && state(topic).pending() == 0);
    List<String> handled = history.events(WORKED).stream().map(History.Event::subject).toList();
    assertThat(history.notOnce(WORKED, handled), is(empty()));
    assertThat(ids.containsAll(handled), is(true));
    long lost = count - (long) handled.size();
    assertThat("some were trimmed", lost, is(greaterThan(0L)));
    await("told").until(() -> heard.sum("trimmed"), is(lost));
    assertThat(state(topic).trimmed(), is(lost));
  }
}
