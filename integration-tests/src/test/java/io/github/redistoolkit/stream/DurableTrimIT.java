package io.github.redistoolkit.stream;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.lessThanOrEqualTo;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.report.Proves;
import io.github.redistoolkit.testing.EachClient;
import io.github.redistoolkit.testing.Matrix;
import io.github.redistoolkit.testing.TestRedis;
import io.github.redistoolkit.testing.Topology;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.params.XReadGroupParams;
import redis.clients.jedis.params.XTrimParams;

/** What is trimmed, and what is not. */
@EachClient(topologies = {Topology.STANDALONE, Topology.CLUSTER})
class DurableTrimIT extends StreamSuite {

  DurableTrimIT(TestRedis redis) {
    super(redis);
  }

  private long length() {
    return redis.admin().xlen(stream());
  }

  @Test
  @Proves("durable-topic.trims-acknowledged")
  void trimsWhatAllGroupsHaveAcknowledgedAndNothingElse() throws Exception {
    int count = Matrix.size(2_000, 10_000);
    DurableTopic<Integer> topic = open();
    topic.subscribe("ahead", From.start(), message -> {});
    DurableSubscription behind = topic.subscribe(GROUP, From.start(), this::take);
    publish(topic, 0, 10);
    assertThat(next(10), is(numbers(0, 10)));
    awaitPending(topic, 0);
    behind.close();
    publish(topic, 10, count);
    await("ahead").until(() -> topic.state("ahead").orElseThrow().lag(), is(0L));
    await("acknowledged").until(() -> topic.state("ahead").orElseThrow().pending(), is(0L));
    // It has been looked at several times.
    Thread.sleep(LEASE.multipliedBy(3).toMillis());
    assertThat(state(topic).lag(), is((long) count - 10));
    assertThat(state(topic).trimmed(), is(0L));

    topic.subscribe(GROUP, From.start(), this::take);
    assertThat(next(count - 10), is(numbers(10, count)));
    await("trimmed").until(this::length, is(lessThanOrEqualTo(200L)));
    assertThat(state(topic).trimmed(), is(0L));
    assertThat(heard.lines(), hasSize(0));
  }

  @Test
  @Proves("durable-topic.trims-acknowledged")
  void trimsMoreThanRedisDoesAtATimeThoughNothingIsPublishedAnyMore() {
    String publish =
        """
        for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'd', i) end
        """;
    for (int i = 0; i < Matrix.size(5, 30); i++) {
      Object unused = redis.admin().eval(publish, List.of(stream()), List.of("10000"));
    }
    DurableTopic<Integer> topic = open();
    topic.subscribe(GROUP, From.now(), this::take);
    // Redis trims no more than 10,000 at a time.
    await("trimmed").until(this::length, is(lessThanOrEqualTo(200L)));
    assertThat(state(topic).trimmed(), is(0L));
  }

  @Test
  @Proves("durable-topic.trims-acknowledged")
  void keepsWhatAHandlerIsAtOrHasFailedOn() throws Exception {
    DurableTopic<Integer> topic = open(builder().concurrency(2));
    CountDownLatch held = new CountDownLatch(1);
    topic.subscribe(
        GROUP,
        From.start(),
        message -> {
          if (message.body() == 0) {
            assertThat(held.await(60, TimeUnit.SECONDS), is(true));
          }
        });
    publish(topic, 0, 1_000);
    await("the others").until(() -> state(topic).pending(), is(1L));
    Thread.sleep(LEASE.multipliedBy(3).toMillis());
    assertThat(length(), is(1_000L));
    held.countDown();
    await("trimmed").until(this::length, is(lessThanOrEqualTo(200L)));
  }

  @Test
  void keepsATopicWithoutGroups() throws Exception {
    DurableTopic<Integer> topic = open();
    topic.follow(From.start(), this::take);
    publish(topic, 0, 500);
    assertThat(next(500), is(numbers(0, 500)));
    Thread.sleep(LEASE.multipliedBy(2).toMillis());
    assertThat(length(), is(500L));
  }

  @Test
  void refusesWhatDoesNotFitUntilItIsAcknowledged() throws Exception {
    DurableTopic<Integer> topic = open(builder().maxLength(100, WhenFull.REFUSE));
    publish(topic, 0, 100);
    TopicFullException full = assertThrows(TopicFullException.class, () -> topic.publish(100));
    assertThat(full.getMessage().contains(name), is(true));
    assertThat(length(), is(100L));
    topic.subscribe(GROUP, From.start(), this::take);
    assertThat(next(100), is(numbers(0, 100)));
    awaitPending(topic, 0);
    publish(topic, 100, 200);
    assertThat(next(100), is(numbers(100, 200)));
    assertThat(state(topic).trimmed(), is(0L));
  }

  @Test
  @Proves("durable-topic.trims-acknowledged")
  void countsForEachGroupWhatItHasLost() throws Exception {
    int count = 1_000;
    DurableTopic<Integer> topic = open(builder().maxLength(100, WhenFull.TRIM));
    topic.subscribe(GROUP, From.start(), this::take).close();
    publish(topic, 0, count);
    assertThat(length(), is(100L));
    assertThat(state(topic).trimmed(), is(900L));
    assertThat(state(topic).lag(), is(100L));
    topic.subscribe("other", From.start(), message -> {});
    topic.subscribe(GROUP, From.start(), this::take);
    assertThat(next(100), is(numbers(count - 100, count)));
    await("told").until(() -> heard.sum("trimmed"), is(900L));
    awaitPending(topic, 0);
    assertThat(topic.state("other").orElseThrow().trimmed(), is(0L));
  }

  @Test
  void aHandlerThatSucceedsOnATrimmedMessageHasNotLostIt() throws Exception {
    DurableTopic<Integer> topic =
        open(builder().maxLength(10, WhenFull.TRIM).maxDeliveries(2).concurrency(2).batch(2));
    CountDownLatch held = new CountDownLatch(1);
    CountDownLatch begun = new CountDownLatch(2);
    DurableSubscription subscription =
        topic.subscribe(
            GROUP,
            From.start(),
            message -> {
              begun.countDown();
              assertThat(held.await(60, TimeUnit.SECONDS), is(true));
              if (message.body() == 0) {
                throw new Exception("always");
              }
              take(message);
            });
    publish(topic, 0, 2);
    assertThat(begun.await(60, TimeUnit.SECONDS), is(true));
    publish(topic, 2, 14);
    // Renewed since, which tells that they are trimmed.
    Thread.sleep(LEASE.multipliedBy(2).toMillis());
    held.countDown();
    int handled = 1 + 10;
    assertThat(next(handled), hasSize(handled));
    await("told").until(() -> heard.sum("trimmed"), is(14L - handled));
    assertThat(subscription.handled(), is((long) handled));
    assertThat(state(topic).trimmed(), is(14L - handled));
    awaitPending(topic, 0);
  }

  @Test
  void whatIsPendingWithADeadConsumerAndTrimmedIsCounted() throws Exception {
    DurableTopic<Integer> topic = open();
    publish(topic, 0, 5);
    redis.admin().xgroupCreate(stream(), GROUP, new StreamEntryID(0, 0), true);
    assertThat(
        redis
            .admin()
            .xreadGroup(
                GROUP,
                "dead",
                XReadGroupParams.xReadGroupParams().count(3),
                Map.of(stream(), StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY)),
        hasSize(1));
    assertThat(redis.admin().xtrim(stream(), XTrimParams.xTrimParams().maxLen(3)), is(2L));
    topic.subscribe(GROUP, From.start(), this::take);
    assertThat(next(3), hasSize(3));
    await("told").until(() -> heard.sum("trimmed"), is(2L));
    awaitPending(topic, 0);
  }

  @Test
  void trimsWhatIsTooOldAndCountsIt() throws Exception {
    DurableTopic<Integer> topic = open(builder().maxAge(Duration.ofMillis(1_500)));
    topic.subscribe(GROUP, From.start(), this::take).close();
    publish(topic, 0, 1_200);
    await("too old").until(() -> topic.read(From.start(), 1).isEmpty() || isOld(topic));
    topic.subscribe("other", From.now(), message -> {});
    await("trimmed").until(this::length, is(0L));
    assertThat(state(topic).trimmed(), is(1_200L));
    topic.publish(1);
    assertThat(length(), is(1L));
    assertThat(topic.state("other").orElseThrow().trimmed(), is(0L));
  }

  private static boolean isOld(DurableTopic<Integer> topic) {
    DurableMessage<Integer> first = topic.read(From.start(), 1).get(0);
    return first.published().plusMillis(1_500).isBefore(Instant.now());
  }

  @Test
  void tellsTheLagRightWhateverWasTrimmed() {
    Random random = new Random(42);
    DurableTopic<Integer> topic = open();
    topic.publish(0);
    redis.admin().xgroupCreate(stream(), GROUP, new StreamEntryID(0, 0), true);
    List<String> steps = new ArrayList<>();
    int holes = 0;
    for (int i = 0; i < Matrix.size(300, 3_000); i++) {
      switch (random.nextInt(4)) {
        case 0 -> {
          int n = random.nextInt(30);
          publish(topic, 0, n);
          steps.add("+" + n);
        }
        case 1, 2 -> {
          int n = 1 + random.nextInt(20);
          var unused =
              redis
                  .admin()
                  .xreadGroup(
                      GROUP,
                      "any",
                      XReadGroupParams.xReadGroupParams().count(n).noAck(),
                      Map.of(stream(), StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY));
          steps.add("read " + n);
        }
        default -> {
          int n = random.nextInt(40);
          long before = unread();
          long unused = redis.admin().xtrim(stream(), XTrimParams.xTrimParams().maxLen(n));
          holes += unread() < before ? 1 : 0;
          steps.add("trim " + n);
        }
      }
      assertThat(steps.toString(), state(topic).lag(), is(unread()));
    }
    // Of which the lag of Redis 7.0 knows nothing.
    assertThat("messages were trimmed that nobody had read", holes, is(greaterThan(10)));
  }

  private long unread() {
    StreamEntryID last = redis.admin().xinfoGroups(stream()).get(0).getLastDeliveredId();
    return redis.admin().xrange(stream(), "(" + last, "+").size();
  }

  @Test
  void countsWhatIsLostOnceThoughItIsSaidTwice() {
    DurableTopic<Integer> topic = open();
    topic.subscribe(GROUP, From.start(), this::take).close();
    topic.publish(1);
    String id =
        redis
            .admin()
            .xreadGroup(
                GROUP,
                "dead",
                XReadGroupParams.xReadGroupParams().count(1),
                Map.of(stream(), StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY))
            .get(0)
            .getValue()
            .get(0)
            .getID()
            .toString();
    assertThat(redis.admin().xdel(stream(), new StreamEntryID(id)), is(1L));
    RedisAccess access = redis.over(RedisAccess::of, RedisAccess::of);
    TopicKeys keys = TopicKeys.of(redis.mark() + "s:", name);
    List<Long> answers = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      answers.add(
          (Long)
              StreamScripts.BURY.run(
                  access,
                  List.of(keys.stream(), keys.dead(GROUP), keys.groups()),
                  List.of(GROUP, id, id, "1", "error", "0")));
    }
    assertThat(answers, is(List.of(-1L, 0L)));
    assertThat(state(topic).trimmed(), is(1L));
    for (String other : List.of("1-0", "1-0", "11-0", "1-01")) {
      Object unused =
          StreamScripts.COUNT_LOST.run(access, List.of(keys.groups()), List.of(GROUP, other));
    }
    assertThat(state(topic).trimmed(), is(4L));
  }
}
