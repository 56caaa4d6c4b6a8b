package io.github.redistoolkit.stream;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThan;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.LeavesServerAlone;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.params.XAddParams;
import redis.clients.jedis.params.XPendingParams;
import redis.clients.jedis.params.XReadGroupParams;

/** What each method does, while nothing fails but handlers and messages. */
@LeavesServerAlone
@EachClient(topologies = {Topology.STANDALONE, Topology.SENTINEL, Topology.CLUSTER})
@Tag("smoke")
class DurableTopicIT extends StreamSuite {

  record Order(String number, Instant at, List<String> items) {}

  DurableTopicIT(TestRedis redis) {
    super(redis);
  }

  @Test
  void handsOverWhatWasPublishedWithItsIdTimeAndDelivery() throws Exception {
    DurableTopic<Order> topic = open(builder(redis, name, Order.class).prefix(redis.mark() + "o:"));
    BlockingQueue<DurableMessage<Order>> orders = new LinkedBlockingQueue<>();
    DurableSubscription subscription = topic.subscribe(GROUP, From.start(), orders::add);
    Order order = new Order("12", Instant.parse("2026-01-02T03:04:05Z"), List.of("a", "ü"));

    String id = topic.publish(order);

    DurableMessage<Order> message = orders.poll(60, TimeUnit.SECONDS);
    assertThat(message.id(), is(id));
    assertThat(message.body(), is(order));
    assertThat(message.delivery(), is(1));
    assertThat(
        message.published().toEpochMilli(), is(Long.parseLong(id.substring(0, id.indexOf('-')))));
    assertThat(subscription.topic(), is(name));
    assertThat(subscription.group(), is(Optional.of(GROUP)));
    assertThat(topic.name(), is(name));
    await("handled").until(subscription::handled, is(1L));
  }

  @Test
  void givesEachGroupEveryMessageInOrderAndEachMessageToOneSubscription() throws Exception {
    int count = Matrix.size(500, 20_000);
    DurableTopic<Integer> topic = open();
    List<Integer> other = Collections.synchronizedList(new ArrayList<>());
    Set<Integer> shared = ConcurrentHashMap.newKeySet();
    AtomicInteger handledByShared = new AtomicInteger();
    topic.subscribe(GROUP, From.start(), this::take);
    topic.subscribe("other", From.start(), message -> other.add(message.body()));
    List<DurableSubscription> members = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      members.add(
          topic.subscribe(
              "shared",
              From.start(),
              message -> {
                shared.add(message.body());
                handledByShared.incrementAndGet();
              }));
    }
    publish(topic, 0, count);
    assertThat(next(count), is(numbers(0, count)));
    await("the other group").until(() -> other, is(numbers(0, count)));
    await("the shared group").until(shared::size, is(count));
    await("all acknowledged").until(() -> topic.state("shared").orElseThrow().pending(), is(0L));
    assertThat(handledByShared.get(), is(count));
    assertThat(members.stream().mapToLong(DurableSubscription::handled).sum(), is((long) count));
    awaitPending(topic, 0);
    assertThat(heard.lines(), is(empty()));
  }

  @Test
  void beginsWhereANewGroupAsksAndOnlyThen() throws Exception {
    DurableTopic<Integer> topic = open();
    topic.publish(0);
    String first = topic.publish(1);
    await("another millisecond").until(() -> passed(first));
    String second = topic.publish(2);
    topic.publish(3);

    topic.subscribe("now", From.now(), this::take);
    topic.publish(4);
    assertThat(next(1), is(List.of(4)));
    topic.subscribe("start", From.start(), this::take);
    assertThat(next(5), is(List.of(0, 1, 2, 3, 4)));
    topic.subscribe("after", From.after(first), this::take);
    assertThat(next(3), is(List.of(2, 3, 4)));
    topic.subscribe("time", From.time(StreamIds.time(second)), this::take);
    assertThat(next(3), is(List.of(2, 3, 4)));
    topic.subscribe("nanos", From.time(StreamIds.time(second).minusNanos(1)), this::take);
    assertThat(next(3), is(List.of(2, 3, 4)));
    topic.subscribe("1970", From.time(Instant.EPOCH), this::take);
    assertThat(next(5), is(List.of(0, 1, 2, 3, 4)));

    await("acknowledged").until(() -> topic.state("now").orElseThrow().pending(), is(0L));
    topic.subscribe("now", From.start(), this::take);
    topic.publish(5);
    assertThat(next(6), everyItem(is(5)));
    assertNothingMore();
  }

  private static boolean passed(String id) {
    return System.currentTimeMillis() > StreamIds.time(id).toEpochMilli() + 1;
  }

  @Test
  void keepsWhatIsPublishedWhileNobodyIsThere() throws Exception {
    DurableTopic<Integer> topic = open();
    DurableSubscription first = topic.subscribe(GROUP, From.now(), this::take);
    topic.publish(1);
    assertThat(next(1), is(List.of(1)));
    first.close();
    assertThat(first.isActive(), is(false));
    publish(topic, 2, 5);
    assertThat(state(topic).lag(), is(3L));
    topic.subscribe(GROUP, From.now(), this::take);
    assertThat(next(3), is(List.of(2, 3, 4)));
  }

  @Test
  void takesWhatOthersPublishWithXadd() throws Exception {
    DurableTopic<Integer> topic = open();
    topic.subscribe(GROUP, From.start(), this::take);
    StreamEntryID id =
        redis.admin().xadd(stream(), StreamEntryID.NEW_ENTRY, Map.of("d", "7", "by", "others"));
    assertThat(next().id(), is(id.toString()));
  }

  @Test
  void leavesBytesAsTheyAre() throws Exception {
    DurableTopic<byte[]> topic =
        open(builder(redis, name, byte[].class).prefix(redis.mark() + "b:").listener(heard));
    BlockingQueue<byte[]> bodies = new LinkedBlockingQueue<>();
    topic.subscribe(GROUP, From.start(), message -> bodies.add(message.body()));
    byte[] bytes = {0, (byte) 0xff, 13, 10, (byte) 0xc3};
    topic.publish(bytes);
    topic.publish(new byte[0]);
    assertThat(bodies.poll(60, TimeUnit.SECONDS), is(bytes));
    assertThat(bodies.poll(60, TimeUnit.SECONDS), is(new byte[0]));
    assertThat(topic.read(From.start(), 1).get(0).body(), is(bytes));
  }

  @Test
  void takesGenericTypes() throws Exception {
    TypeToken<Map<String, List<Integer>>> type = new TypeToken<>() {};
    DurableTopic<Map<String, List<Integer>>> topic =
        open(
            redis
                .<DurableTopic.Builder<Map<String, List<Integer>>>>over(
                    pool -> DurableTopic.builder(pool, name, type),
                    client -> DurableTopic.builder(client, name, type))
                .prefix(redis.mark() + "g:"));
    topic.publish(Map.of("a", List.of(1, 2)));
    assertThat(topic.read(From.start(), 10).get(0).body(), is(Map.of("a", List.of(1, 2))));
  }

  @Test
  void aHandlerThatThrowsGetsTheMessageAgainWhileOthersGoOn() throws Exception {
    DurableTopic<Integer> topic = open();
    List<Integer> deliveries = Collections.synchronizedList(new ArrayList<>());
    CountDownLatch third = new CountDownLatch(1);
    DurableSubscription subscription =
        topic.subscribe(
            GROUP,
            From.start(),
            message -> {
              if (message.body() == 0) {
                deliveries.add(message.delivery());
                if (message.delivery() < 4) {
                  if (message.delivery() == 2) {
                    throw new AssertionError("an error");
                  }
                  throw new Exception("an exception");
                }
                third.countDown();
              } else {
                take(message);
              }
            });
    publish(topic, 0, 20);
    assertThat(next(19), is(numbers(1, 20)));
    assertThat(third.await(60, TimeUnit.SECONDS), is(true));
    assertThat(deliveries, is(List.of(1, 2, 3, 4)));
    assertThat(heard.lines(), is(List.of("error 0 1", "error 0 2", "error 0 3")));
    await("counted").until(subscription::handled, is(20L));
    assertThat(subscription.failed(), is(3L));
    awaitPending(topic, 0);
  }

  @Test
  void whatFailsTooOftenIsADeadLetterThatCanBeSentBackToItsGroupAlone() throws Exception {
    DurableTopic<Integer> topic = open(builder().maxDeliveries(3));
    AtomicBoolean repaired = new AtomicBoolean();
    AtomicInteger others = new AtomicInteger();
    topic.subscribe("other", From.start(), message -> others.incrementAndGet());
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          if (message.body() == 1 && !repaired.get()) {
            throw new IllegalStateException("broken " + "x".repeat(2_000) + "\ud800");
          }
          take(message);
        });
    publish(topic, 0, 3);
    String id = topic.read(From.start(), 3).get(1).id();
    await("told").until(() -> heard.of("dead"), is(List.of("dead " + id + " 3")));
    assertThat(next(2), is(List.of(0, 2)));
    DeadLetter<Integer> letter = topic.deadLetters(GROUP, 10).get(0);
    assertThat(letter.messageId(), is(id));
    assertThat(letter.body(), is(Optional.of(1)));
    assertThat(letter.payload(), is("1".getBytes(UTF_8)));
    assertThat(letter.deliveries(), is(3));
    assertThat(letter.error(), containsString("IllegalStateException: broken"));
    assertThat(letter.error().getBytes(UTF_8).length, is(lessThanOrEqualTo(1_000)));
    assertThat(letter.buried().isAfter(letterTime(id)), is(true));
    assertThat(letter.toString(), containsString(letter.id()));
    assertThat(state(topic).deadLetters(), is(1L));
    assertThat(state(topic).pending(), is(0L));
    assertThat(topic.deadLetters("other", 10), is(empty()));

    repaired.set(true);
    assertThat(topic.redrive(GROUP, letter.id()), is(true));
    DurableMessage<Integer> again = next();
    assertThat(again.id(), is(id));
    assertThat(again.body(), is(1));
    assertThat(again.delivery(), is(1));
    assertThat(topic.redrive(GROUP, letter.id()), is(false));
    assertThat(state(topic).deadLetters(), is(0L));
    awaitPending(topic, 0);
    assertThat(others.get(), is(3));
    assertThat(redis.admin().xlen(stream() + ":again:" + GROUP), is(0L));
  }

  private static Instant letterTime(String id) {
    return StreamIds.time(id).minusMillis(1);
  }

  @Test
  void whatWasSentBackFailsAndIsBuriedAsEver() throws Exception {
    DurableTopic<Integer> topic = open(builder().maxDeliveries(2));
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          throw new Exception("always");
        });
    String id = topic.publish(1);
    await("buried").until(() -> topic.deadLetters(GROUP, 1), hasSize(1));
    assertThat(topic.redrive(GROUP, topic.deadLetters(GROUP, 1).get(0).id()), is(true));
    await("buried again").until(() -> heard.of("dead"), hasSize(2));
    assertThat(heard.of("dead"), everyItem(is("dead " + id + " 2")));
    assertThat(topic.deadLetters(GROUP, 10).get(0).messageId(), is(id));
    assertThat(heard.of("error"), is(List.of("error 1 1", "error 1 2", "error 1 1", "error 1 2")));
  }

  @Test
  void whatWasSentBackIsAcknowledgedAtOnceToo() throws Exception {
    DurableTopic<Integer> topic = open(builder().lease(LONG_LEASE).maxDeliveries(2));
    AtomicBoolean broken = new AtomicBoolean(true);
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          if (broken.get()) {
            throw new Exception("broken");
          }
          take(message);
        });
    publish(topic, 0, 10);
    await("buried").until(() -> topic.deadLetters(GROUP, 10), hasSize(10));
    broken.set(false);
    for (DeadLetter<Integer> letter : topic.deadLetters(GROUP, 10)) {
      publish(topic, 10, 20); // so that handlers are known to be quick, and called by who reads
      assertThat(next(10), is(numbers(10, 20)));
      assertThat(topic.redrive(GROUP, letter.id()), is(true));
      assertThat(next().id(), is(letter.messageId()));
      await("acknowledged").atMost(AT_ONCE).until(() -> state(topic).pending(), is(0L));
    }
  }

  @Test
  void whatCannotBeDecodedIsBuriedAtOnceWithItsBytes() throws Exception {
    DurableTopic<Integer> topic = open();
    DurableSubscription subscription = topic.subscribe(GROUP, From.start(), this::take);
    byte[] notUtf8 = {'"', (byte) 0xff, '"'};
    redis
        .admin()
        .xadd(
            stream().getBytes(UTF_8),
            XAddParams.xAddParams(),
            Map.of("d".getBytes(UTF_8), notUtf8));
    for (String bad : List.of("{", "null", "\"text\"", "")) {
      redis.admin().xadd(stream(), StreamEntryID.NEW_ENTRY, Map.of("d", bad));
    }
    redis.admin().xadd(stream(), StreamEntryID.NEW_ENTRY, Map.of("other", "field"));
    topic.publish(1);
    assertThat(next(1), is(List.of(1)));
    await("buried").until(() -> topic.deadLetters(GROUP, 10), hasSize(6));
    // Each is buried by a request of its own, so they may overtake each other.
    List<DeadLetter<Integer>> letters =
        topic.deadLetters(GROUP, 10).stream()
            .sorted((a, b) -> StreamIds.compare(a.messageId(), b.messageId()))
            .toList();
    assertThat(letters.get(0).payload(), is(notUtf8));
    assertThat(letters.get(1).payload(), is("{".getBytes(UTF_8)));
    assertThat(letters.get(1).body(), is(Optional.empty()));
    assertThat(letters.stream().map(DeadLetter::deliveries).toList(), everyItem(is(1)));
    assertThat(heard.of("error"), is(empty()));
    assertThat(subscription.failed(), is(6L));
    assertThat(topic.read(From.start(), 10), hasSize(1));
    awaitPending(topic, 0);
  }

  @Test
  void runsAsManyHandlersAtATimeAsItsConcurrencySays() throws Exception {
    DurableTopic<Integer> topic = open(builder().concurrency(8));
    AtomicInteger running = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    CountDownLatch all = new CountDownLatch(8);
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          most.accumulateAndGet(running.incrementAndGet(), Math::max);
          all.countDown();
          assertThat(all.await(60, TimeUnit.SECONDS), is(true));
          running.decrementAndGet();
          take(message);
        });
    publish(topic, 0, 100);
    assertThat(next(100), containsInAnyOrder(numbers(0, 100).toArray()));
    assertThat(most.get(), is(8));
  }

  @Test
  void slowHandlersLeaveNoOtherIdle() throws Exception {
    DurableTopic<Integer> topic = open(builder().concurrency(24));
    CountDownLatch all = new CountDownLatch(24);
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          all.countDown();
          assertThat(all.await(60, TimeUnit.SECONDS), is(true));
          take(message);
        });
    // Each for itself, so that they are not read together.
    for (int i = 0; i < 24; i++) {
      topic.publish(i);
      long left = 23L - i;
      await("begun").until(all::getCount, is(left));
    }
    assertThat(next(24), hasSize(24));
  }

  @Test
  @Proves("durable-topic.lease-renewed")
  void aLongHandlerRunsOnce() throws Exception {
    DurableTopic<Integer> topic = open();
    List<Integer> deliveries = Collections.synchronizedList(new ArrayList<>());
    DurableHandler<Integer> handler =
        message -> {
          deliveries.add(message.delivery());
          if (message.body() == 0) {
            Thread.sleep(LEASE.multipliedBy(Matrix.size(3, 5)).toMillis());
          }
          take(message);
        };
    topic.subscribe(GROUP, From.start(), handler);
    topic.subscribe(GROUP, From.start(), handler);
    publish(topic, 0, 10);
    assertThat(next(10), containsInAnyOrder(numbers(0, 10).toArray()));
    assertThat(deliveries, everyItem(is(1)));
    awaitPending(topic, 0);
    assertNothingMore();
    assertThat(heard.lines(), is(empty()));
  }

  @Test
  void readsWithoutAnyEffect() {
    DurableTopic<Integer> topic = open();
    assertThat(topic.read(From.start(), 10), is(empty()));
    publish(topic, 0, 5);
    List<DurableMessage<Integer>> all = topic.read(From.start(), 10);
    assertThat(all.stream().map(DurableMessage::body).toList(), is(numbers(0, 5)));
    assertThat(topic.read(From.start(), 2), is(all.subList(0, 2)));
    assertThat(topic.read(From.after(all.get(2).id()), 10), is(all.subList(3, 5)));
    assertThat(topic.read(From.time(all.get(0).published()), 10), is(all));
    assertThat(topic.read(From.now(), 10), is(empty()));
    assertThat(topic.state(GROUP), is(Optional.empty()));
  }

  @Test
  void followersGetEachMessageInOrderWithoutAGroup() throws Exception {
    DurableTopic<Integer> topic = open(builder().maxDeliveries(3));
    publish(topic, 0, 3);
    List<Integer> second = Collections.synchronizedList(new ArrayList<>());
    DurableSubscription follower =
        topic.follow(
            From.start(),
            message -> {
              if (message.body() == 4) {
                throw new Exception("always");
              }
              take(message);
            });
    topic.follow(From.now(), message -> second.add(message.body()));
    assertThat(next(3), is(List.of(0, 1, 2)));
    publish(topic, 3, 5);
    redis.admin().xadd(stream(), StreamEntryID.NEW_ENTRY, Map.of("d", "{"));
    topic.publish(5);
    assertThat(next(2), is(List.of(3, 5)));
    await("the second").until(() -> second, is(List.of(3, 4, 5)));
    assertThat(heard.of("error"), is(List.of("error 4 1", "error 4 1", "error 4 1")));
    // Each of the two passes over what is no JSON.
    await("told").until(() -> heard.of("skipped"), hasSize(3));
    assertThat(follower.group(), is(Optional.empty()));
    await("counted").until(follower::handled, is(5L));
    assertThat(follower.failed(), is(4L));
    assertThat(redis.admin().xinfoGroups(stream()), is(empty()));
    follower.close();
    assertThat(follower.isActive(), is(false));
    topic.publish(6);
    await("the second").until(() -> second, is(List.of(3, 4, 5, 6)));
    assertNothingMore();
  }

  @Test
  void tellsHowFarAGroupIs() throws Exception {
    DurableTopic<Integer> topic = open();
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch begun = new CountDownLatch(1);
    publish(topic, 0, 3);
    DurableSubscription subscription =
        topic.subscribe(
            GROUP,
            From.start(),
            message -> {
              begun.countDown();
              assertThat(held.await(60, TimeUnit.SECONDS), is(true));
            });
    assertThat(begun.await(60, TimeUnit.SECONDS), is(true));
    GroupState state = state(topic);
    assertThat(state.pending(), is(3L));
    assertThat(state.lag(), is(0L));
    assertThat(state.consumers(), is(1L));
    assertThat(state.deadLetters(), is(0L));
    assertThat(state.trimmed(), is(0L));
    assertThat(state.oldestPending().orElseThrow(), is(lessThan(Duration.ofMinutes(10))));
    held.countDown();
    awaitPending(topic, 0);
    assertThat(state(topic).oldestPending(), is(Optional.empty()));
    subscription.close();
    assertThat(state(topic).consumers(), is(0L));
  }

  @Test
  void quickHandlersAreCalledByWhoReadsAndOthersByOthersUnlessThereIsAnExecutor() throws Exception {
    DurableTopic<Integer> topic = open();
    BlockingQueue<String> threads = new LinkedBlockingQueue<>();
    AtomicBoolean slow = new AtomicBoolean();
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          if (slow.get()) {
            Thread.sleep(1);
          }
          threads.add(Thread.currentThread().getName());
        });
    for (boolean each : new boolean[] {false, true, false}) {
      slow.set(each);
      String prefix = each ? "redis-stream-handler-" : "redis-stream-reader-";
      await(prefix).until(() -> publishAndPoll(topic, threads).startsWith(prefix));
    }
    DurableTopic<Integer> other =
        open(
            builder(redis, name, Integer.class)
                .prefix(redis.mark() + "e:")
                .executor(task -> new Thread(task, "given").start()));
    other.subscribe(GROUP, From.start(), message -> threads.add(Thread.currentThread().getName()));
    for (int i = 0; i < 10; i++) {
      assertThat(publishAndPoll(other, threads), is("given"));
    }
  }

  private static String publishAndPoll(DurableTopic<Integer> topic, BlockingQueue<String> threads)
      throws InterruptedException {
    topic.publish(0);
    String thread = threads.poll(60, TimeUnit.SECONDS);
    return thread == null ? "nobody" : thread;
  }

  @Test
  void closingHandsBackAtOnceWhatItHasNotBegun() throws Exception {
    // So long that nothing comes by its end.
    Duration lease = Duration.ofMinutes(10);
    DurableTopic<Integer> topic = open(builder().lease(lease).concurrency(2));
    publish(topic, 0, 20);
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch begun = new CountDownLatch(2);
    DurableSubscription first =
        topic.subscribe(
            GROUP,
            From.start(),
            message -> {
              begun.countDown();
              assertThat(held.await(60, TimeUnit.SECONDS), is(true));
              take(message);
            });
    assertThat(begun.await(60, TimeUnit.SECONDS), is(true));
    await("read ahead").until(() -> state(topic).pending(), is(20L));
    List<DurableMessage<Integer>> elsewhere = Collections.synchronizedList(new ArrayList<>());
    DurableTopic<Integer> other = open(builder().lease(lease));
    other.subscribe(GROUP, From.start(), elsewhere::add);

    assertThat(first.close(Duration.ofMillis(100)), is(false));

    await("elsewhere").until(elsewhere::size, is(18));
    assertThat(elsewhere.stream().map(DurableMessage::body).toList(), is(numbers(2, 20)));
    assertThat(elsewhere.stream().map(DurableMessage::delivery).toList(), everyItem(is(1)));
    held.countDown();
    assertThat(next(2), containsInAnyOrder(0, 1));
    awaitPending(topic, 0);
    assertThat(elsewhere, hasSize(18));
  }

  @Test
  void closingWaitsForHandlersAndMayBeCalledByThem() throws Exception {
    DurableTopic<Integer> topic = open(builder().maxDeliveries(3));
    BlockingQueue<Boolean> closed = new LinkedBlockingQueue<>();
    CountDownLatch ready = new CountDownLatch(1);
    DurableSubscription[] own = new DurableSubscription[1];
    own[0] =
        topic.subscribe(
            GROUP,
            From.start(),
            message -> {
              assertThat(ready.await(60, TimeUnit.SECONDS), is(true));
              closed.add(own[0].close(Duration.ofSeconds(30)));
            });
    ready.countDown();
    topic.publish(1);
    assertThat(closed.poll(60, TimeUnit.SECONDS), is(true));
    awaitPending(topic, 0);

    CountDownLatch begun = new CountDownLatch(1);
    DurableSubscription slow =
        topic.subscribe(
            GROUP,
            From.start(),
            message -> {
              begun.countDown();
              Thread.sleep(200);
              take(message);
            });
    topic.publish(2);
    assertThat(begun.await(60, TimeUnit.SECONDS), is(true));
    assertThat(slow.close(Duration.ofSeconds(30)), is(true));
    assertThat(slow.handled(), is(1L));
    assertThat(state(topic).pending(), is(0L));
    assertThat(slow.close(Duration.ofSeconds(30)), is(true));
  }

  @Test
  void whatWasFastIsAcknowledgedThoughTheHandlerIsSlowNow() throws Exception {
    DurableTopic<Integer> topic = open(builder().lease(LONG_LEASE));
    SuddenlySlow handler = suddenlySlow(topic);
    await("acknowledged").atMost(AT_ONCE).until(this::pending, is(List.of(SuddenlySlow.FAST)));
    int end = SuddenlySlow.FAST + 10;
    publish(topic, SuddenlySlow.FAST + 1, end);
    await("read ahead").atMost(AT_ONCE).until(this::pending, is(numbers(SuddenlySlow.FAST, end)));
    assertNothingMore();
    handler.goOn();
    assertThat(next(10), is(numbers(SuddenlySlow.FAST, end)));
    awaitPending(topic, 0);
  }

  @Test
  void whatIsDoneIsAcknowledgedThoughTheReaderFailsAtSomethingElse() throws Exception {
    DurableTopic<Integer> topic = open(builder().lease(LONG_LEASE));
    topic.subscribe(GROUP, From.start(), this::take);
    topic.publish(0);
    assertThat(next().body(), is(0));
    // So that looking after the group fails, which comes before the next read.
    redis.admin().set(TopicKeys.of(redis.mark() + "s:", name).groups(), "wrong type");
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
    while (heard.of("away").isEmpty() && System.nanoTime() - end < 0) {
      topic.publish(0);
    }
    await("acknowledged").atMost(AT_ONCE).until(this::pending, is(List.of()));
  }

  /** What the group has got and not acknowledged, looked at from outside. */
  private List<Integer> pending() {
    return redis
        .admin()
        .xpending(stream(), GROUP, XPendingParams.xPendingParams("-", "+", 2_000))
        .stream()
        .map(each -> redis.admin().xrange(stream(), each.getID(), each.getID()).get(0))
        .map(entry -> Integer.valueOf(entry.getFields().get("d")))
        .toList();
  }

  @Test
  void whatWaitsBehindAHandlerThatHangsGoesToOthers() throws Exception {
    DurableTopic<Integer> topic =
        open(builder().lease(Duration.ofMillis(500)).handlerTimeout(Duration.ofSeconds(1)));
    CountDownLatch held = new CountDownLatch(1);
    DurableSubscription slow =
        topic.subscribe(
            GROUP, From.start(), message -> assertThat(held.await(60, TimeUnit.SECONDS), is(true)));
    publish(topic, 0, 10);
    await("read ahead").until(() -> state(topic).pending(), is(10L));
    topic.subscribe(GROUP, From.start(), this::take);
    assertThat(next(10), containsInAnyOrder(numbers(0, 10).toArray()));
    awaitPending(topic, 0);
    held.countDown();
    await("handled all the same").until(slow::handled, is(1L));
    assertNothingMore();
  }

  @Test
  @Proves("durable-topic.at-least-once")
  void aHandlerThatFailsTooLateIsCalledAgainByItsOwnConsumerIfThereIsNoOther() throws Exception {
    DurableTopic<Integer> topic =
        open(builder().lease(Duration.ofMillis(500)).handlerTimeout(Duration.ofSeconds(1)));
    CountDownLatch held = new CountDownLatch(1);
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          if (message.delivery() == 1) {
            assertThat(held.await(60, TimeUnit.SECONDS), is(true));
            throw new IllegalStateException("too late");
          }
          take(message);
        });
    topic.publish(1);
    await("told").until(() -> heard.lines(), is(List.of("timeout 1")));
    held.countDown();
    DurableMessage<Integer> again = next();
    assertThat(again.body(), is(1));
    assertThat(again.delivery(), is(2));
    awaitPending(topic, 0);
    assertNothingMore();
  }

  @Test
  @Proves("durable-topic.at-least-once")
  void whatAConsumerDoesNotKnowThatItHasComesToItAfterTheLease() throws Exception {
    DurableTopic<Integer> topic =
        open(builder().lease(Duration.ofMillis(500)).concurrency(1).batch(1));
    CountDownLatch held = new CountDownLatch(1);
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          take(message);
          assertThat(held.await(60, TimeUnit.SECONDS), is(true));
        });
    topic.publish(1);
    assertThat(next().body(), is(1));
    topic.publish(2);
    // Another reads under its name, while it has no room for more.
    String consumer = redis.admin().xinfoConsumers(stream(), GROUP).get(0).getName();
    redis
        .admin()
        .xreadGroup(
            GROUP,
            consumer,
            XReadGroupParams.xReadGroupParams(),
            Map.of(stream(), StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY));
    assertThat(state(topic).pending(), is(2L));
    held.countDown();
    DurableMessage<Integer> second = next();
    assertThat(second.body(), is(2));
    assertThat(second.delivery(), is(2));
    awaitPending(topic, 0);
    assertNothingMore();
  }

  @Test
  void publishesUntilReplicasHaveItOrSaysThatTheyHaveNot() {
    int replicas = redis.topology() == Topology.STANDALONE ? 0 : 1;
    Duration wait = Duration.ofMillis(500);
    List<DurableTopic.Builder<Integer>> tooMany =
        List.of(
            builder().waitReplicas(replicas + 1, wait),
            builder().waitReplicas(replicas + 1, wait).maxLength(100, WhenFull.REFUSE));
    List<String> ids = new ArrayList<>();
    for (DurableTopic.Builder<Integer> each : tooMany) {
      DurableTopic<Integer> topic = open(each);
      TooFewReplicasException few =
          assertThrows(TooFewReplicasException.class, () -> topic.publish(1));
      assertThat(few.getMessage(), containsString("at " + replicas + " of " + (replicas + 1)));
      ids.add(few.id());
    }
    for (int i = 0; i < replicas; i++) {
      ids.add(open(builder().waitReplicas(replicas, wait)).publish(2));
      ids.add(
          open(builder().waitReplicas(replicas, wait).maxLength(100, WhenFull.TRIM)).publish(3));
    }
    DurableTopic<Integer> topic = open();
    assertThat(topic.read(From.start(), 10).stream().map(DurableMessage::id).toList(), is(ids));
  }

  @Test
  void followsFromATimeThatIsLaterThanAllThereIs() throws Exception {
    DurableTopic<Integer> topic = open();
    publish(topic, 0, 3);
    String last = topic.publish(3);
    await("another millisecond").until(() -> passed(last));
    topic.follow(From.time(StreamIds.time(last).plusMillis(1)), this::take);
    topic.publish(4);
    assertThat(next(1), is(List.of(4)));
    // It has looked at the topic more than once.
    Thread.sleep(3_000);
    assertNothingMore();
    assertThat(heard.lines(), is(empty()));
  }

  @Test
  void leavesNoConsumerBehind() throws Exception {
    DurableTopic<Integer> topic = open();
    for (int i = 0; i < Matrix.size(20, 1_000); i++) {
      DurableSubscription each = topic.subscribe(GROUP, From.start(), this::take);
      topic.publish(i);
      assertThat(next(1), is(List.of(i)));
      each.close();
    }
    assertThat(state(topic).consumers(), is(0L));
  }

  @Test
  void removesConsumersThatAreGoneButNoneWithPendingEntries() throws Exception {
    DurableTopic<Integer> topic = open(builder().lease(Duration.ofMillis(150)));
    topic.publish(1);
    // One that has got a message and died, one that has got none.
    redis.admin().xgroupCreate(stream(), GROUP, new StreamEntryID(0, 0), true);
    redis.admin().xgroupCreateConsumer(stream(), GROUP, "idle");
    assertThat(
        redis
            .admin()
            .xreadGroup(
                GROUP,
                "dead",
                XReadGroupParams.xReadGroupParams().count(1),
                Map.of(stream(), StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY)),
        hasSize(1));
    assertThat(state(topic).consumers(), is(2L));
    topic.subscribe(GROUP, From.start(), this::take);
    DurableMessage<Integer> taken = next();
    assertThat(taken.body(), is(1));
    assertThat(taken.delivery(), is(2));
    await("both removed").until(() -> state(topic).consumers(), is(1L));
  }

  @Test
  void anExecutorThatRefusesIsAskedAgain() throws Exception {
    AtomicInteger refusals = new AtomicInteger();
    DurableTopic<Integer> topic =
        open(
            builder()
                .executor(
                    task -> {
                      if (refusals.incrementAndGet() < 3) {
                        throw new RejectedExecutionException("full");
                      }
                      new Thread(task, "test-executor").start();
                    }));
    topic.subscribe(GROUP, From.start(), this::take);
    publish(topic, 0, 3);
    assertThat(next(3), is(numbers(0, 3)));
    assertThat(refusals.get(), is(greaterThan(2)));
  }

  @Test
  void nothingThatAListenerThrowsEndsIt() throws Exception {
    DurableTopic<Integer> topic =
        open(
            builder()
                .maxDeliveries(2)
                .listener(
                    new DurableListener() {
                      @Override
                      public void onError(
                          DurableSubscription subscription,
                          DurableMessage<?> message,
                          Throwable error) {
                        throw new AssertionError("the listener");
                      }

                      @Override
                      public void onDeadLetter(
                          DurableSubscription subscription, String id, int n, Throwable error) {
                        throw new AssertionError("the listener");
                      }
                    }.andThen(heard)));
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          if (message.body() < 3) {
            throw new StackOverflowError();
          }
          take(message);
        });
    publish(topic, 0, 6);
    assertThat(next(3), is(List.of(3, 4, 5)));
    await("buried").until(() -> heard.of("dead"), hasSize(3));
  }

  @Test
  void tellsOfSubscriptionsAndOfEachMessageThatIsPublishedOrHandled() throws Exception {
    List<String> told = Collections.synchronizedList(new ArrayList<>());
    DurableTopic<Integer> topic =
        open(
            builder()
                .listener(
                    new DurableListener() {
                      @Override
                      public void onPublished(String of, String id) {
                        told.add(of + " " + id);
                        throw new IllegalStateException("the listener");
                      }

                      @Override
                      public void onSubscribed(DurableSubscription subscription) {
                        told.add("subscribed " + subscription.group().orElse("without a group"));
                        throw new IllegalStateException("the listener");
                      }

                      @Override
                      public void onHandled(
                          DurableSubscription subscription, DurableMessage<?> message) {
                        told.add("handled " + message.id() + " " + message.delivery());
                        throw new IllegalStateException("the listener");
                      }
                    }.andThen(heard)));
    DurableSubscription subscription =
        topic.subscribe(
            GROUP,
            From.start(),
            message -> {
              take(message);
              if (message.delivery() == 1) {
                throw new Exception("once");
              }
            });
    String id = topic.publish(1);
    assertThat(next(2), is(List.of(1, 1)));
    await("handled").until(subscription::handled, is(1L));
    awaitPending(topic, 0);
    topic.follow(From.now(), this::take);
    assertThat(
        told,
        is(
            List.of(
                "subscribed " + GROUP,
                name + " " + id,
                "handled " + id + " 2",
                "subscribed without a group")));
  }

  @Test
  void refusesWhatItIsClosedFor() {
    DurableTopic<Integer> topic = open();
    topic.subscribe(GROUP, From.start(), this::take);
    topic.close();
    topic.close();
    assertThrows(IllegalStateException.class, () -> topic.publish(1));
    assertThrows(
        IllegalStateException.class, () -> topic.subscribe(GROUP, From.start(), this::take));
    assertThrows(IllegalStateException.class, () -> topic.follow(From.start(), this::take));
    assertThrows(IllegalStateException.class, () -> topic.read(From.start(), 1));
    assertThrows(IllegalStateException.class, () -> topic.state(GROUP));
  }

  @Test
  void groupsOfAnyNameKeepApart() throws Exception {
    DurableTopic<Integer> topic = open(builder().maxDeliveries(1));
    List<String> groups = List.of("a:b", "{x}", "%7Bx%7D", "ü\n", "g".repeat(500));
    for (String group : groups) {
      topic.subscribe(
          group,
          From.start(),
          message -> {
            take(message);
            throw new Exception(group);
          });
    }
    topic.publish(1);
    assertThat(next(groups.size()), everyItem(is(1)));
    for (String group : groups) {
      await(group).until(() -> topic.deadLetters(group, 10), hasSize(1));
      DeadLetter<Integer> letter = topic.deadLetters(group, 10).get(0);
      assertThat(topic.redrive(group, letter.id()), is(true));
    }
    assertThat(next(groups.size()), everyItem(is(1)));
    assertThat(
        groups.stream().map(group -> topic.state(group).orElseThrow().lag()).toList(),
        everyItem(is(0L)));
  }
}
