package io.github.redistoolkit.stream;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import com.google.gson.reflect.TypeToken;
import io.github.redistoolkit.core.Json;
import io.github.redistoolkit.core.RedisAccess;
import io.github.redistoolkit.core.Renewals;
import io.github.redistoolkit.stream.GroupConsumer.Joined;
import io.github.redistoolkit.stream.HeldEntries.Next;
import io.github.redistoolkit.stream.StreamReplies.Entry;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.JedisPool;

/** What becomes of entries, by a clock that only the test moves, and without Redis. */
@SuppressWarnings("deprecation") // what most code holds
class HeldEntriesTest {

  private static final Duration LEASE = Duration.ofSeconds(5);
  private static final long CERTAIN = Renewals.certainNanos(LEASE.toMillis());
  private static final Duration HANDLER_TIMEOUT = Duration.ofMinutes(1);
  private static final int MAX_DELIVERIES = 10;

  /** Where {@link System#nanoTime} overflows soon. */
  private static final long START = Long.MAX_VALUE - LEASE.toNanos() / 2;

  private final JedisPool pool = new JedisPool("localhost", 1);
  private final HeldEntries held = new HeldEntries(settings(1), new Joined("1", "0-0"));
  private int workers;

  @AfterEach
  void closePool() {
    pool.close();
  }

  private Settings<Integer> settings(int concurrency) {
    return new Settings<>(
        RedisAccess.of(pool),
        "topic",
        TopicKeys.of("topic:", "topic"),
        new Bodies<>(Json.standard(), TypeToken.get(Integer.class)),
        Runnable::run,
        concurrency,
        10,
        LEASE,
        Duration.ofSeconds(1),
        MAX_DELIVERIES,
        HANDLER_TIMEOUT,
        Duration.ofSeconds(1),
        0,
        new Reports(new DurableListener() {}));
  }

  private static Entry entry(String id, int delivery) {
    return new Entry(id, List.of("d".getBytes(UTF_8), "1".getBytes(UTF_8)), delivery);
  }

  private static List<Entry> entries(String... ids) {
    return Arrays.stream(ids).map(id -> entry(id, 1)).toList();
  }

  private void read(List<Entry> entries) {
    assertThat(held.add(entries, false, false, START), is(empty()));
  }

  private void takeOver(long now, Entry... entries) {
    assertThat(held.add(List.of(entries), false, true, now), is(empty()));
  }

  private Held begin(long now) {
    assertThat(held.isForOneMore(workers, now), is(true));
    workers++;
    Held begun = held.take(now);
    assertThat(begun, is(notNullValue()));
    begun.message = new DurableMessage<>(begun.messageId, 1, Instant.EPOCH, begun.delivery);
    return begun;
  }

  private static List<String> ids(Stream<Held> entries) {
    return entries.map(each -> each.place.entry()).toList();
  }

  @Test
  void beginsInTheOrderOfIdsAndNoMoreThanTheConcurrency() {
    assertThat(held.add(entries("1-0", "2-0"), false, false, START), is(empty()));
    Held first = begin(START);
    assertThat(first.place.entry(), is("1-0"));
    assertThat(held.isForOneMore(workers, START), is(false));
    held.done(first);
    held.forget(first);
    workers--;
    assertThat(begin(START).place.entry(), is("2-0"));
  }

  @Test
  void beginsNoHandlerWhileTheLeaseIsUncertain() {
    read(entries("1-0"));
    long late = START + CERTAIN;
    assertThat(held.isForOneMore(workers, late), is(false));
    assertThat(held.take(late), is(nullValue()));
    assertThat(held.take(late - 1), is(notNullValue()));
  }

  @Test
  void beginsItOnceARenewalHasTold() {
    read(entries("1-0"));
    long late = START + 3 * CERTAIN;
    assertThat(held.isForOneMore(workers, late), is(false));
    assertThat(held.renewed(false, List.of(), List.of(), late), is(empty()));
    assertThat(begin(late + CERTAIN - 1).place.entry(), is("1-0"));
  }

  @Test
  void tellsOfALostLeaseOnceAndOnlyWhileItsHandlerRuns() {
    read(entries("1-0", "2-0"));
    Held running = begin(START);
    List<String> both = List.of("1-0", "2-0");
    assertThat(
        held.renewed(false, both, List.of(), START + 1).stream().map(DurableMessage::id).toList(),
        contains("1-0"));
    assertThat(held.renewed(false, both, List.of(), START + 2), is(empty()));
    // What it had only read is not begun any more.
    assertThat(ids(held.all().stream()), contains("1-0"));
    assertThat(held.leased(false), is(empty()));
    assertThat(held.failed(running), is(Next.NOTHING));
    assertThat(held.all(), is(empty()));
  }

  @Test
  void aLeaseThatIsLostAndComesBackWithAnotherDeliveryCountsAgain() {
    read(entries("1-0"));
    Held running = begin(START);
    assertThat(held.renewed(false, List.of("1-0"), List.of(), START).size(), is(1));
    takeOver(START + 1, entry("1-0", 2));
    assertThat(ids(held.leased(false).stream()), contains("1-0"));
    assertThat(held.failed(running), is(Next.RETRY));
    assertThat(running.delivery, is(2));
  }

  @Test
  void theDelayDoublesUpToTheLease() {
    read(entries("1-0"));
    long[] seconds = {1, 2, 4, 5, 5, 5, 5, 5, 5};
    for (int delivery = 1; delivery < MAX_DELIVERIES; delivery++) {
      Held each = begin(START);
      workers--;
      assertThat(each.delivery, is(delivery));
      assertThat(held.failed(each), is(Next.RETRY));
      assertThat(held.delayAfter(each), is(Duration.ofSeconds(seconds[delivery - 1])));
      assertThat(held.redelivered(each, delivery + 1, 1), is(true));
      assertThat(held.again(each, delivery + 1, START), is(true));
      // The same answer once more.
      assertThat(held.redelivered(each, delivery + 1, 1), is(false));
      assertThat(held.again(each, delivery + 1, START), is(false));
    }
    assertThat(held.failed(begin(START)), is(Next.BURY));
    assertThat(settings(1).delayAfter(1_000), is(LEASE));
  }

  @Test
  void buriesWhatHasBeenDeliveredOftenEnoughWithoutBeginningIt() {
    List<Held> exhausted = held.add(List.of(entry("1-0", MAX_DELIVERIES + 1)), false, true, START);
    assertThat(ids(exhausted.stream()), contains("1-0"));
    assertThat(exhausted.get(0).delivery, is(MAX_DELIVERIES));
    assertThat(held.isForOneMore(workers, START), is(false));
    assertThat(held.isSettled(), is(false));
  }

  @Test
  void deliversAnewWhatWasToBeBuriedWhileItsGroupWasGone() {
    takeOver(START, entry("1-0", MAX_DELIVERIES));
    Held each = begin(START);
    workers--;
    assertThat(held.failed(each), is(Next.BURY));
    read(entries("2-0"));
    assertThat("not behind it", held.rejoinAfter(), is("0-" + StreamIds.LARGEST_SEQUENCE));
    held.unsettle(each);
    assertThat(held.isWaiting(each), is(true));
    assertThat(held.again(each, 1, START), is(true));
    held.unsettle(each); // sent twice, and answered late
    assertThat(held.isWaiting(each), is(false));
    assertThat(begin(START).delivery, is(1));
  }

  @Test
  void takesOverNothingBeforeWhatIsDoneIsAcknowledged() {
    read(entries("1-0"));
    assertThat(held.free(workers), is(1));
    Held first = begin(START);
    assertThat(held.free(workers), is(0));
    held.done(first);
    workers--;
    assertThat(held.free(workers), is(0));
    held.forget(first);
    assertThat(held.free(workers), is(1));
  }

  @Test
  void whatIsTrimmedIsCountedOnlyOnceItsLastDeliveryHasFailed() {
    takeOver(START, entry("1-0", MAX_DELIVERIES));
    Held running = begin(START);
    assertThat(held.renewed(false, List.of(), List.of("1-0"), START), is(empty()));
    assertThat(held.failed(running), is(Next.COUNT_LOST));
    assertThat(held.all(), is(empty()));
  }

  @Test
  void renewsNoMoreWhatItsHandlerHasForTooLong() {
    read(entries("1-0"));
    Held running = begin(START);
    long late = START + HANDLER_TIMEOUT.toNanos();
    assertThat(held.overdue(late - 1), is(empty()));
    assertThat(ids(held.leased(false).stream()), contains("1-0"));
    assertThat(held.overdue(late).stream().map(DurableMessage::id).toList(), contains("1-0"));
    assertThat(held.leased(false), is(empty()));
    assertThat(held.overdue(late + 1), is(empty()));
    // Whoever has it by now decides.
    assertThat(held.failed(running), is(Next.NOTHING));
    assertThat(held.all(), is(empty()));
  }

  @Test
  void neitherRenewsNorReadsWhatWaitsBehindHandlersThatAllHaveTooLong() {
    read(entries("1-0", "2-0"));
    Held running = begin(START);
    long late = START + HANDLER_TIMEOUT.toNanos();
    assertThat(ids(held.leased(false).stream()), contains("1-0", "2-0"));
    assertThat(held.room(), is(greaterThan(0)));
    assertThat(held.overdue(late).size(), is(1));
    assertThat(held.leased(false), is(empty()));
    assertThat(held.room(), is(0));
    held.done(running);
    workers--;
    // Perhaps still its own: the next renewal tells.
    assertThat(held.isForOneMore(workers, late), is(false));
    assertThat(ids(held.leased(false).stream()), contains("2-0"));
    assertThat(held.renewed(false, List.of(), List.of(), late), is(empty()));
    assertThat(begin(late).place.entry(), is("2-0"));
  }

  @Test
  void aGroupThatWasMadeAgainBeginsBeforeWhatIsNotDone() {
    read(entries("5-3", "6-0"));
    assertThat(held.rejoinAfter(), is("5-2"));
    Held first = begin(START);
    held.done(first);
    assertThat(held.rejoinAfter(), is("5-" + StreamIds.LARGEST_SEQUENCE));
    assertThat(held.joined(new Joined("1", "6-0")), is(false));
    assertThat(held.joined(new Joined("2", "5-2")), is(true));
    // Nobody can have taken over what is pending for nobody.
    assertThat(held.leased(false), is(empty()));
    assertThat(held.renewed(false, List.of("6-0"), List.of(), START), is(empty()));
    held.forget(first);
    workers--;
    assertThat(begin(START + 10 * CERTAIN).place.entry(), is("6-0"));
  }
}
