package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.endsWith;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.LuaScript;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.StreamEntryID;

/** What a topic with partitions does, while nothing fails but handlers. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class DurablePartitionIT extends StreamSuite {

  private static final int PARTITIONS = 8;

  DurablePartitionIT(TestRedis redis) {
    super(redis);
  }

  private DurableTopic.Builder<Integer> parted() {
    return builder().partitions(PARTITIONS);
  }

  private TopicKeys keys(int partition) {
    return TopicKeys.ofPartition(redis.mark() + "s:", name, partition, PARTITIONS);
  }

  private String partition(int number) {
    return keys(number).stream();
  }

  private static String partitionOf(DurableMessage<?> message) {
    return message.id().substring(message.id().indexOf('@') + 1);
  }

  @Test
  void publishesToThePartitionThatTheHashOfTheKeySays() {
    DurableTopic<Integer> topic = open(parted());
    int expected = 12_739 % PARTITIONS;
    String id = topic.publish("123456789", 1);
    assertThat(id, endsWith("@" + expected));
    assertThat(topic.publish("123456789", 2), endsWith("@" + expected));
    assertThat(redis.admin().xlen(partition(expected)), is(2L));
    publish(topic, 0, 200);
    for (int i = 0; i < PARTITIONS; i++) {
      assertThat(
          "those without a key go anywhere", redis.admin().xlen(partition(i)), is(greaterThan(0L)));
    }
    assertThat(redis.admin().hgetAll(stream()), is(Map.of("partitions", "8")));
  }

  @Test
  void refusesAnotherNumberOfPartitionsAndNamesBoth() {
    DurableTopic<Integer> eight = open(parted());
    eight.publish(1);
    for (DurableTopic<Integer> wrong : List.of(open(builder().partitions(4)), open())) {
      for (Callable<?> call :
          List.<Callable<?>>of(
              () -> wrong.publish(1),
              () -> wrong.publish("key", 1),
              () -> wrong.subscribe(GROUP, From.now(), this::take),
              () -> wrong.follow(From.now(), this::take),
              () -> wrong.follow(From.start(), this::take),
              () -> wrong.read(From.start(), 1),
              () -> wrong.state(GROUP))) {
        IllegalStateException refused = assertThrows(IllegalStateException.class, call::call);
        assertThat(refused.getMessage(), containsString("has 8 partitions, but partitions is "));
      }
    }
    DurableTopic<Integer> plain = open(builder(redis, name + "-plain", Integer.class));
    plain.publish(1);
    DurableTopic<Integer> late = open(builder(redis, name + "-plain", Integer.class).partitions(8));
    IllegalStateException refused =
        assertThrows(IllegalStateException.class, () -> late.publish(1));
    assertThat(refused.getMessage(), containsString("has 1 partition, but partitions is 8"));
    plain.publish(2);
  }

  @Test
  void refusesIdsOfNoPartitionOfTheTopic() {
    DurableTopic<Integer> topic = open(parted());
    DurableTopic<Integer> plain = open(builder(redis, name + "-plain", Integer.class));
    for (String wrong : List.of("1-0", "1-0@8")) {
      assertThrows(IllegalArgumentException.class, () -> topic.read(From.after(wrong), 1), wrong);
      assertThrows(IllegalArgumentException.class, () -> topic.redrive(GROUP, wrong), wrong);
    }
    assertThrows(IllegalArgumentException.class, () -> plain.read(From.after("1-0@0"), 1));
    assertThrows(IllegalArgumentException.class, () -> plain.redrive(GROUP, "1-0@0"));
    assertThrows(IllegalArgumentException.class, () -> From.after("1-0@"));
  }

  @Test
  void readsPageAfterPageInTheOrderOfIdsAndFollowsAll() throws Exception {
    DurableTopic<Integer> topic = open(parted());
    topic.follow(From.now(), this::take);
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      ids.add(topic.publish(i));
    }
    List<String> read = new ArrayList<>();
    From from = From.start();
    List<DurableMessage<Integer>> page = topic.read(from, 7);
    while (!page.isEmpty()) {
      page.forEach(each -> read.add(each.id()));
      from = From.after(page.get(page.size() - 1).id());
      page = topic.read(from, 7);
    }
    assertThat(read, containsInAnyOrder(ids.toArray()));
    List<Instant> times =
        topic.read(From.start(), 100).stream().map(DurableMessage::published).toList();
    List<Instant> sorted = new ArrayList<>(times);
    Collections.sort(sorted);
    assertThat(times, is(sorted));
    assertThat(new HashSet<>(next(100)), is(new HashSet<>(numbers(0, 100))));
    topic.follow(From.after(read.get(89)), this::take);
    assertThat(next(10), hasSize(10));
    assertNothingMore();
  }

  @Test
  void tellsOfAFollowerOfAllPartitionsAsOneSubscription() throws Exception {
    Set<DurableSubscription> told = ConcurrentHashMap.newKeySet();
    DurableTopic<Integer> topic =
        open(
            parted()
                .listener(
                    new DurableListener() {
                      @Override
                      public void onSubscribed(DurableSubscription subscription) {
                        told.add(subscription);
                      }

                      @Override
                      public void onHandled(
                          DurableSubscription subscription, DurableMessage<?> message) {
                        told.add(subscription);
                      }
                    }));
    DurableSubscription follower = topic.follow(From.start(), this::take);
    publish(topic, 0, 50);
    assertThat(next(50), hasSize(50));
    await("counted").until(follower::handled, is(50L));
    assertThat(told, is(Set.of(follower)));
  }

  @Test
  void aMessageThatFailsHoldsBackThoseBehindItAndIsBuriedInTheEnd() throws Exception {
    DurableTopic<Integer> topic = open(parted().maxDeliveries(3));
    AtomicBoolean repaired = new AtomicBoolean();
    List<Integer> begun = Collections.synchronizedList(new ArrayList<>());
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          begun.add(message.body());
          if (message.body() == 0 && !repaired.get()) {
            throw new IllegalStateException("broken");
          }
          assertThat(message.fence().isPresent(), is(true));
          take(message);
        });
    String id = topic.publish("key", 0);
    for (int i = 1; i < 10; i++) {
      topic.publish("key", i);
    }
    assertThat(next(9), is(numbers(1, 10)));
    assertThat(begun, is(List.of(0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)));
    await("told").until(() -> heard.of("dead"), is(List.of("dead " + id + " 3")));
    List<DeadLetter<Integer>> letters = topic.deadLetters(GROUP, 10);
    assertThat(letters, hasSize(1));
    assertThat(letters.get(0).messageId(), is(id));
    assertThat(letters.get(0).buried().isAfter(Instant.EPOCH), is(true));
    assertThat(state(topic).deadLetters(), is(1L));
    repaired.set(true);
    assertThat(topic.redrive(GROUP, letters.get(0).id()), is(true));
    assertThat(topic.redrive(GROUP, letters.get(0).id()), is(false));
    DurableMessage<Integer> again = next();
    assertThat(again.id(), is(id));
    assertThat(again.delivery(), is(1));
    awaitPending(topic, 0);
    assertThat(state(topic).lag(), is(0L));
  }

  @Test
  void whatFailsIsTriedAgainAfterItsDelayHoweverSlowTheHandlerIs() throws Exception {
    int count = 50;
    DurableTopic<Integer> topic = open(builder().partitions(2).lease(LONG_LEASE));
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          Thread.sleep(20);
          if (message.delivery() == 1) {
            throw new Exception("once");
          }
          take(message);
        });
    for (int i = 0; i < count; i++) {
      topic.publish("key", i);
    }
    // It takes about three seconds. That other things happen every second or two is of no help.
    await("tried again").atMost(Duration.ofSeconds(15)).until(received::size, is(count));
    assertThat(next(count), is(numbers(0, count)));
  }

  @Test
  void eachConsumerHasItsShareWithinALeaseOfComingAndGoing() throws Exception {
    DurableTopic<Integer> topic = open(parted());
    Map<String, Set<String>> seen = new ConcurrentHashMap<>();
    List<DurableSubscription> consumers = new ArrayList<>();
    consumers.add(subscribe("a", topic, seen));
    awaitShares(topic, seen, Map.of("a", 8));
    consumers.add(subscribe("b", open(parted()), seen));
    awaitShares(topic, seen, Map.of("a", 4, "b", 4));
    consumers.add(subscribe("c", open(parted()), seen));
    awaitSizes(topic, seen, List.of(2, 3, 3));
    consumers.remove(0).close();
    awaitShares(topic, seen, Map.of("b", 4, "c", 4));
    consumers.remove(0).close();
    awaitShares(topic, seen, Map.of("c", 8));
    assertThat(heard.lines(), is(empty()));
  }

  private static DurableSubscription subscribe(
      String consumer, DurableTopic<Integer> topic, Map<String, Set<String>> seen) {
    return topic.subscribe(
        GROUP,
        From.start(),
        message ->
            seen.computeIfAbsent(consumer, unseen -> ConcurrentHashMap.newKeySet())
                .add(partitionOf(message)));
  }

  private Map<String, Integer> shares(DurableTopic<Integer> topic, Map<String, Set<String>> seen) {
    seen.clear();
    for (int i = 0; i < 1_000; i++) {
      // CRC16 spreads them over all.
      topic.publish("key " + i, i);
      if (i % 100 == 99) {
        await("handled").until(() -> state(topic).pending() + state(topic).lag(), is(0L));
        if (seen.values().stream().mapToInt(Set::size).sum() == PARTITIONS) {
          break;
        }
      }
    }
    Map<String, Integer> shares = new HashMap<>();
    seen.forEach((consumer, partitions) -> shares.put(consumer, partitions.size()));
    return shares;
  }

  private void awaitShares(
      DurableTopic<Integer> topic, Map<String, Set<String>> seen, Map<String, Integer> expected) {
    await("shares " + expected).until(() -> shares(topic, seen), is(expected));
  }

  private void awaitSizes(
      DurableTopic<Integer> topic, Map<String, Set<String>> seen, List<Integer> expected) {
    await("shares " + expected)
        .until(() -> shares(topic, seen).values().stream().sorted().toList(), is(expected));
  }

  @Test
  void aPartitionThatIsHandedOverGoesOnWhereItWas() throws Exception {
    // So long that nothing comes by its end.
    Duration lease = Duration.ofMinutes(10);
    DurableTopic<Integer> topic = open(builder().partitions(2).lease(lease));
    for (int i = 0; i < 50; i++) {
      topic.publish("key", i);
    }
    DurableSubscription first =
        topic.subscribe(
            GROUP,
            From.start(),
            message -> {
              Thread.sleep(20);
              take(message);
            });
    List<Integer> bodies = new ArrayList<>(next(3));
    assertThat(first.close(Duration.ofSeconds(30)), is(true));
    long fence = 0;
    topic.subscribe(GROUP, From.start(), this::take);
    while (bodies.size() < 50) {
      DurableMessage<Integer> message = next();
      bodies.add(message.body());
      assertThat(message.delivery(), is(1));
      fence = Math.max(fence, message.fence().orElseThrow());
    }
    assertThat(bodies, is(numbers(0, 50)));
    assertThat("a time in microseconds", fence, is(greaterThan(1_700_000_000_000_000L)));
    awaitPending(topic, 0);
  }

  @Test
  @Proves({"durable-topic.at-least-once", "durable-topic.goes-on"})
  void whatWaitsForItsRetryComesAgainThoughItsGroupWasDestroyed() throws Exception {
    assertComesAgainInOrder(open(builder().partitions(2)));
  }

  @Test
  @Proves({"durable-topic.at-least-once", "durable-topic.goes-on"})
  void whatIsToBeBuriedComesAgainThoughItsGroupWasDestroyed() throws Exception {
    DurableTopic<Integer> topic = open(builder().partitions(2).maxDeliveries(1));
    assertComesAgainInOrder(topic);
    assertThat(topic.deadLetters(GROUP, 1), is(empty()));
  }

  private void assertComesAgainInOrder(DurableTopic<Integer> topic) throws Exception {
    Partitions two = Partitions.of(redis.mark() + "s:", name, 2);
    String stream = two.parts().get(two.of("key")).stream();
    AtomicBoolean destroyed = new AtomicBoolean();
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          if (message.body() == 1 && destroyed.compareAndSet(false, true)) {
            assertThat(redis.admin().xgroupDestroy(stream, GROUP), is(1L));
            throw new IllegalStateException("on purpose");
          }
          take(message);
        });
    for (int i = 0; i < 5; i++) {
      topic.publish("key", i);
    }
    // What comes twice may come after later ones, but each is first after those before it.
    List<Integer> order = new ArrayList<>();
    while (order.size() < 5) {
      int body = next().body();
      if (!order.contains(body)) {
        order.add(body);
      }
    }
    assertThat(order, is(numbers(0, 5)));
    await("done").until(() -> state(topic).pending() + state(topic).lag(), is(0L));
    assertThat(heard.of("lost"), is(List.of("lost")));
    received.clear();
  }

  @Test
  void redisGivesNothingToWhoHasLostThePartition() throws Exception {
    TopicKeys keys = keys(0);
    RedisAccess access = redis.over(RedisAccess::of, RedisAccess::of);
    redis.admin().xgroupCreate(keys.stream(), GROUP, new StreamEntryID(0, 0), true);
    redis.admin().xgroupCreate(keys.again(GROUP), GROUP, new StreamEntryID(0, 0), true);
    redis.admin().xadd(keys.stream(), StreamEntryID.NEW_ENTRY, Map.of("d", "7"));

    long first = acquire(access, keys, "a", 200, 0);
    assertThat("sent twice", acquire(access, keys, "a", 200, 0), is(first));
    assertThat(acquire(access, keys, "b", 200, 0), is(0L));
    AtomicLong second = new AtomicLong();
    await("the end of the lease")
        .until(() -> second.updateAndGet(was -> acquire(access, keys, "b", 60_000, 0)) > 0);
    assertThat(second.get(), is(greaterThan(first)));
    assertThat(hold(access, keys, "a", first), is(0L));
    assertThat(advance(access, keys, "a", first), is(List.of(0L, 0L, List.of())));
    assertThat(handOver(access, keys, "a", first), is(0L));
    assertThat(hold(access, keys, "b", second.get()), is(1L));
    List<?> given = advance(access, keys, "b", second.get());
    assertThat(given.get(0), is(1L));
    assertThat((List<?>) given.get(2), hasSize(1));
    assertThat(handOver(access, keys, "b", second.get()), is(1L));
    assertThat("sent twice", handOver(access, keys, "b", second.get()), is(0L));
    assertThat(acquire(access, keys, "a", 200, first), is(greaterThan(second.get())));
  }

  private static long acquire(
      RedisAccess access, TopicKeys keys, String who, long lease, long known) {
    return run(
        access,
        StreamScripts.ACQUIRE,
        List.of(keys.groups()),
        List.of(GROUP, who, String.valueOf(lease), String.valueOf(known)));
  }

  private static long hold(RedisAccess access, TopicKeys keys, String who, long fence) {
    return run(
        access,
        StreamScripts.HOLD,
        List.of(keys.groups()),
        List.of(GROUP, who, "60000", String.valueOf(fence)));
  }

  private static long handOver(RedisAccess access, TopicKeys keys, String who, long fence) {
    return run(
        access,
        StreamScripts.HANDOVER,
        List.of(keys.stream(), keys.again(GROUP), keys.groups()),
        List.of(GROUP, who, String.valueOf(fence), "0", "0", "0", "0"));
  }

  private static List<?> advance(RedisAccess access, TopicKeys keys, String who, long fence) {
    Object reply =
        StreamScripts.ADVANCE.run(
            access,
            List.of(keys.stream(), keys.again(GROUP), keys.groups()),
            List.of(GROUP, who, String.valueOf(fence), "10", "1", "-", "-", "0"));
    return StreamReplies.list(reply);
  }

  private static long run(
      RedisAccess access, LuaScript script, List<String> keys, List<String> args) {
    return StreamReplies.number(script.run(access, keys, args));
  }

  @Test
  void goesOnAfterEverythingWasDeleted() throws Exception {
    DurableTopic<Integer> topic = open(builder().partitions(3));
    topic.subscribe(GROUP, From.start(), this::take);
    publish(topic, 0, 30);
    assertThat(new HashSet<>(next(30)), is(new HashSet<>(numbers(0, 30))));
    awaitPending(topic, 0);
    for (int i = 0; i < 3; i++) {
      TopicKeys keys = TopicKeys.ofPartition(redis.mark() + "s:", name, i, 3);
      for (String key : List.of(keys.stream(), keys.groups(), keys.again(GROUP))) {
        redis.admin().del(key);
      }
    }
    redis.admin().del(stream());
    redis.admin().del(TopicKeys.of(redis.mark() + "s:", name).members(GROUP));
    publish(topic, 30, 60);
    assertThat(new HashSet<>(next(30)), is(new HashSet<>(numbers(30, 60))));
    awaitPending(topic, 0);
    await("told").until(() -> heard.of("lost"), hasSize(3));
    await("written down again").until(() -> redis.admin().hget(stream(), "partitions"), is("3"));
    assertNothingMore();
  }

  @Test
  void spreadsWhatIsPublishedAndConsumedOverThePrimaries() throws Exception {
    DurableTopic<Integer> topic = open(builder().partitions(12));
    topic.subscribe(GROUP, From.start(), this::take);
    RedisAccess access = redis.over(RedisAccess::of, RedisAccess::of);
    Map<String, Integer> partitions = new HashMap<>();
    Map<String, Long> messages = new HashMap<>();
    for (int i = 0; i < 600; i++) {
      topic.publish("key " + i, i);
    }
    for (int i = 0; i < 12; i++) {
      String key = TopicKeys.ofPartition(redis.mark() + "s:", name, i, 12).stream();
      partitions.merge(access.nodeFor(key), 1, Integer::sum);
      messages.merge(access.nodeFor(key), count(key), Long::sum);
    }
    assertThat(next(600), hasSize(600));
    int primaries = access.primaries().size();
    assertThat(partitions.keySet(), is(access.primaries()));
    assertThat(partitions.values(), everyItem(is(12 / primaries)));
    assertThat(messages.values(), everyItem(is(greaterThan(300L / primaries))));
  }

  private long count(String key) {
    Object added = redis.admin().xinfoStream(key).getStreamInfo().get("entries-added");
    return ((Number) added).longValue();
  }
}
