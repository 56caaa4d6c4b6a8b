package io.github.redistoolkit.stream;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsInAnyOrder;
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
import io.github.redistoolkit.stream.Held.State;
import io.github.redistoolkit.stream.HeldEntries.Next;
import io.github.redistoolkit.stream.StreamReplies.Entry;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
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
    return settings(concurrency, HANDLER_TIMEOUT);
  }

  private Settings<Integer> settings(int concurrency, @Nullable Duration handlerTimeout) {
    return new Settings<>(
        RedisAccess.of(pool),
        "topic",
        TopicKeys.of("topic:", "topic"),
        new Bodies<>(Json.standard(), TypeToken.get(Integer.class)),
        Runnable::run,
        false,
        concurrency,
        10,
        LEASE,
        Duration.ofSeconds(1),
        MAX_DELIVERIES,
        handlerTimeout,
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
    read(entries, START);
  }

  private void read(List<Entry> entries, long now) {
    assertThat(held.add(entries, false, false, now), is(empty()));
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

  /** A group that was made again may give it out after it was told that it is done. */
  @Test
  void tellsRedisOnceMoreOfWhatComesAnewWhileItIsBeingTold() {
    read(entries("1-0"));
    Held each = begin(START);
    held.done(each);
    read(entries("1-0"));
    assertThat(held.settled(each), is(false));
    assertThat(held.isSettled(), is(false));
    assertThat(held.settled(each), is(true));
    assertThat(held.all(), is(empty()));
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
    assertThat(held.room(0), is(greaterThan(0)));
    assertThat(held.overdue(late).size(), is(1));
    assertThat(held.leased(false), is(empty()));
    assertThat(held.room(0), is(0));
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

  @Test
  void theGroupIsMadeAgainAfterTheLastThatAnybodyIsKnownToHaveRead() {
    assertThat(held.rejoinAfter(), is("0-0"));
    assertThat(held.joined(new Joined("1", "4-0")), is(false));
    assertThat(held.rejoinAfter(), is("4-0"));
    assertThat(held.joined(new Joined("1", "3-0")), is(false));
    assertThat(held.rejoinAfter(), is("4-0"));
    read(entries("5-0"));
    forgetAll();
    assertThat(held.rejoinAfter(), is("5-0"));
    assertThat(held.joined(new Joined("2", "2-0")), is(true));
    assertThat(held.isGeneration("2"), is(true));
    assertThat(held.rejoinAfter(), is("2-0"));
  }

  @Test
  void whatWasTakenOverOrSentBackToTheGroupSaysNothingOfHowFarItHasRead() {
    takeOver(START, entry("9-0", 2));
    forgetAll();
    assertThat(held.rejoinAfter(), is("0-0"));
    read(entries("5-0"));
    forgetAll();
    assertThat(held.add(entries("9-0"), true, false, START), is(empty()));
    assertThat(held.rejoinAfter(), is("5-0"));
    forgetAll();
    assertThat(held.add(entries("3-0"), true, false, START), is(empty()));
    assertThat("its id is one of another stream", held.rejoinAfter(), is("5-0"));
  }

  @Test
  void whatIsTakenOverGoesBeforeWhatWasReadAheadInTheOrderOfIds() {
    read(entries("5-0"));
    takeOver(START, entry("1-0", 2), entry("2-0", 3));
    for (String id : List.of("1-0", "2-0", "5-0")) {
      assertThat(begin(START).place.entry(), is(id));
      workers--;
    }
    assertThat(held.take(START), is(nullValue()));
  }

  @Test
  void nothingReadAheadBeginsWhileThereMayBeSomethingToTakeOver() {
    read(entries("5-0"));
    held.claimsFirst(true);
    assertThat(held.claimsFirst(), is(true));
    assertThat(held.isForOneMore(workers, START), is(false));
    takeOver(START, entry("1-0", 2));
    assertThat(begin(START).place.entry(), is("1-0"));
    workers--;
    assertThat(held.isForOneMore(workers, START), is(false));
    held.claimsFirst(false);
    assertThat(held.claimsFirst(), is(false));
    assertThat(begin(START).place.entry(), is("5-0"));
  }

  @Test
  void takesOverOnlyWhatCanBeginAtOnce() {
    HeldEntries three = new HeldEntries(settings(3), new Joined("1", "0-0"));
    assertThat(three.free(0), is(3));
    assertThat(three.add(entries("5-0"), false, false, START), is(empty()));
    assertThat("what was read ahead gives way", three.free(0), is(3));
    assertThat(three.add(entries("1-0", "2-0"), false, true, START), is(empty()));
    assertThat(three.free(0), is(1));
    assertThat(three.take(START), is(notNullValue()));
    assertThat("one runs, the other waits for a handler", three.free(1), is(1));
    assertThat(three.add(entries("3-0", "4-0"), false, true, START), is(empty()));
    assertThat(three.free(1), is(0));
  }

  @Test
  void needsNoMoreWorkersThanThereIsWork() {
    HeldEntries three = new HeldEntries(settings(3), new Joined("1", "0-0"));
    assertThat(three.isForOneMore(0, START), is(false));
    assertThat(three.add(entries("1-0", "2-0"), false, false, START), is(empty()));
    assertThat(three.isForOneMore(0, START), is(true));
    assertThat(three.isForOneMore(1, START), is(true));
    assertThat(three.isForOneMore(2, START), is(false));
    assertThat(three.take(START), is(notNullValue()));
    assertThat("one runs, one is there for the other", three.isForOneMore(2, START), is(false));
    assertThat(three.add(entries("3-0", "4-0"), false, false, START), is(empty()));
    assertThat(three.isForOneMore(2, START), is(true));
    assertThat("the concurrency", three.isForOneMore(3, START), is(false));
  }

  @Test
  void readsManyAtOnceAndNoMoreThanABatchAhead() {
    assertThat(held.room(0), is(10));
    read(entries("1-0", "2-0", "3-0", "4-0", "5-0"));
    assertThat(held.room(0), is(5));
    read(entries("6-0"));
    assertThat("too few to be worthwhile", held.room(0), is(0));
    for (int i = 0; i < 6; i++) {
      assertThat(held.take(START), is(notNullValue()));
    }
    assertThat("nothing else is to be done", held.room(0), is(4));
    read(entries("11-0", "12-0", "13-0", "14-0"));
    assertThat(held.room(0), is(0));
    for (int i = 0; i < 4; i++) {
      assertThat(held.take(START), is(notNullValue()));
    }
    assertThat("ten are at work", held.room(0), is(0));
  }

  @Test
  void whatWaitsForAnotherDeliveryTakesNoRoomUntilItIsTooMuch() {
    for (int i = 1; i <= 1_000; i++) {
      assertThat(held.room(0), is(10));
      read(entries(i + "-0"));
      Held each = begin(START);
      workers--;
      assertThat(held.failed(each), is(Next.RETRY));
    }
    assertThat(held.room(0), is(0));
    held.forget(held.all().iterator().next());
    assertThat(held.room(0), is(10));
  }

  @Test
  void whatComesAnewWhileItWaitsForAHandlerIsCertainAnew() {
    read(entries("1-0"));
    assertThat(held.joined(new Joined("2", "0-0")), is(true));
    assertThat(held.leased(false), is(empty()));
    long late = START + 3 * CERTAIN;
    // Of a delivery that nobody has counted.
    read(List.of(entry("1-0", 0)), late);
    assertThat(ids(held.leased(false).stream()), contains("1-0"));
    assertThat(held.isForOneMore(workers, late + CERTAIN), is(false));
    Held begun = begin(late + CERTAIN - 1);
    assertThat(begun.delivery, is(1));
    assertThat(held.all().size(), is(1));
  }

  @Test
  void anEarlierRenewalOrThatOfTheOtherStreamMakesNothingCertain() {
    read(entries("1-0"));
    assertThat(held.add(entries("1-0"), true, false, START), is(empty()));
    long later = START + CERTAIN;
    assertThat(held.renewed(true, List.of(), List.of(), later), is(empty()));
    assertThat(held.isForOneMore(workers, later), is(false));
    assertThat(held.renewed(false, List.of(), List.of(), later), is(empty()));
    assertThat(held.renewed(false, List.of(), List.of(), START), is(empty()));
    assertThat(held.isForOneMore(workers, later), is(true));
    assertThat(ids(held.leased(true).stream()), contains("1-0"));
    assertThat(held.renewed(true, List.of("1-0"), List.of(), later), is(empty()));
    assertThat(held.entriesOf(true), is(empty()));
    assertThat(held.entriesOf(false), contains("1-0"));
  }

  @Test
  void whatIsLostIsNotMadeCertainByTheRenewalOfOthers() {
    read(entries("1-0"));
    Held running = begin(START);
    assertThat(held.renewed(false, List.of("1-0"), List.of(), START + 9).size(), is(1));
    assertThat(running.renewedNanos, is(START));
  }

  @Test
  void whatIsTrimmedIsNeitherRenewedNorBuriedAndOnlyInItsStream() {
    read(entries("1-0", "2-0"));
    assertThat(held.renewed(true, List.of(), List.of("1-0"), START), is(empty()));
    assertThat(ids(held.leased(false).stream()), contains("1-0", "2-0"));
    assertThat(held.renewed(false, List.of(), List.of("1-0", "7-0"), START), is(empty()));
    assertThat(ids(held.leased(false).stream()), contains("2-0"));
    // Redis has it no more, so its lease cannot run out: it is handled all the same.
    assertThat(begin(START + 10 * CERTAIN).place.entry(), is("1-0"));
  }

  @Test
  void whatIsGoneOfAnotherGenerationOrDoneWithIsNotLost() {
    read(entries("1-0", "2-0"));
    Held done = begin(START);
    held.done(done);
    assertThat(held.renewed(false, List.of("1-0", "9-0"), List.of(), START), is(empty()));
    assertThat(done.lost, is(false));
    assertThat(ids(held.leased(false).stream()), contains("2-0"));
    workers--;
    held.forget(done);
    Held running = begin(START);
    assertThat(held.joined(new Joined("2", "0-0")), is(true));
    assertThat(held.renewed(false, List.of("2-0"), List.of(), START), is(empty()));
    assertThat(running.lost, is(false));
  }

  @Test
  void whatIsExhaustedWhenTheGroupWasMadeAgainComesAgainByItself() {
    takeOver(START, entry("1-0", MAX_DELIVERIES));
    Held running = begin(START);
    assertThat(held.joined(new Joined("2", "0-0")), is(true));
    assertThat(held.failed(running), is(Next.NOTHING));
    assertThat(held.all(), is(empty()));
  }

  @Test
  void aDeadLetterIsSettledOnlyOnceRedisHasIt() {
    takeOver(START, entry("1-0", MAX_DELIVERIES));
    Held running = begin(START);
    assertThat(held.isSettled(), is(true));
    assertThat(held.failed(running), is(Next.BURY));
    assertThat(held.isSettled(), is(false));
    assertThat(held.leased(false), is(empty()));
    assertThat(held.isWaiting(running), is(false));
    held.forget(running);
    assertThat(held.isSettled(), is(true));
  }

  @Test
  void whatRedisSaysOfAnotherDeliveryDecides() {
    // It is ours.
    assertThat(held.redelivered(waiting("1-0"), 2, 1), is(true));
    // Another has it, or has done with it.
    for (long answer : new long[] {0, -1}) {
      Held others = waiting("2-0");
      assertThat(held.isWaiting(others), is(true));
      assertThat(held.redelivered(others, 2, answer), is(false));
      assertThat(held.isWaiting(others), is(false));
      assertThat(held.entriesOf(false), contains("1-0"));
    }
    // It was trimmed: what is here is all that there is.
    Held trimmed = waiting("3-0");
    assertThat(held.redelivered(trimmed, 2, -2), is(true));
    assertThat(held.isAttached(trimmed), is(false));
    assertThat(held.isWaiting(trimmed), is(true));
  }

  @Test
  void anAnswerThatComesTwiceBeginsNoOtherDeliveryThoughThatOneHasFailedMeanwhile() {
    Held each = waiting("1-0");
    assertThat(held.redelivered(each, 2, 1), is(true));
    assertThat(held.again(each, 2, START), is(true));
    Held second = begin(START);
    workers--;
    assertThat(held.failed(second), is(Next.RETRY));
    assertThat(held.isWaiting(each), is(true));
    assertThat(held.redelivered(each, 2, 1), is(false));
    assertThat(held.again(each, 2, START), is(false));
    assertThat(held.redelivered(each, 3, 1), is(true));
  }

  @Test
  void whatARenewalHasToldToBeAnothersIsNotDeliveredHereWhateverIsAnsweredAfterwards() {
    for (long answer : new long[] {1, 0, -1, -2}) {
      Held others = waiting("1-0");
      assertThat(held.renewed(false, List.of("1-0"), List.of(), START), is(empty()));
      assertThat(held.redelivered(others, 2, answer), is(false));
      assertThat(held.again(others, 2, START), is(false));
      assertThat(held.isForOneMore(workers, START), is(false));
    }
  }

  @Test
  void whatNobodyHasSinceTheGroupWasMadeAgainIsDeliveredHere() {
    Held before = waiting("1-0");
    assertThat(held.joined(new Joined("2", "0-0")), is(true));
    assertThat(held.redelivered(before, 2, -1), is(true));
    assertThat(held.redelivered(before, 2, 0), is(false));
    assertThat(held.all(), is(empty()));
  }

  @Test
  void anotherDeliveryBeginsBeforeWhatWasReadAheadAndIsCertainFromWhenItWasAskedFor() {
    Held failed = waiting("1-0");
    read(entries("2-0"));
    held.claimsFirst(true);
    long later = START + 2 * CERTAIN;
    assertThat(held.again(failed, 2, later), is(true));
    assertThat(held.isWaiting(failed), is(false));
    assertThat(held.free(workers), is(0));
    assertThat(held.isForOneMore(workers, later + CERTAIN), is(false));
    Held begun = begin(later + CERTAIN - 1);
    assertThat(begun.place.entry(), is("1-0"));
    assertThat(begun.delivery, is(2));
    assertThat(begun.begunNanos, is(later + CERTAIN - 1));
  }

  @Test
  void aHandlerWithoutATimeoutIsNeverOverdueNorIsWhatDoesNotRun() {
    HeldEntries patient = new HeldEntries(settings(1, null), new Joined("1", "0-0"));
    assertThat(patient.add(entries("1-0"), false, false, START), is(empty()));
    Held running = patient.take(START);
    assertThat(running, is(notNullValue()));
    running.message = new DurableMessage<>("1-0", 1, Instant.EPOCH, 1);
    assertThat(patient.overdue(START + Duration.ofDays(1).toNanos()), is(empty()));
    assertThat(held.isWaiting(waiting("1-0")), is(true));
    read(entries("2-0"));
    assertThat(held.overdue(START + Duration.ofDays(1).toNanos()), is(empty()));
    Held noMessageYet = held.take(START);
    assertThat(held.overdue(START + Duration.ofDays(1).toNanos()), is(empty()));
    assertThat(noMessageYet.overdue, is(false));
  }

  @Test
  void whatIsNoMessageIsOnlyToBeAcknowledged() {
    Held done = held.addDone(entry("1-0", 1), START);
    assertThat(done.place, is(new Held.Place(true, "1-0")));
    assertThat(held.isSettled(), is(false));
    assertThat(held.free(workers), is(0));
    assertThat(held.isForOneMore(workers, START), is(false));
    assertThat(held.entriesOf(true), contains("1-0"));
    assertThat(held.entriesOf(false), is(empty()));
  }

  @Test
  void idsAreToldByStreamAndState() {
    read(entries("1-0", "2-0", "3-0"));
    assertThat(held.add(entries("1-0", "9-0"), true, false, START), is(empty()));
    held.done(begin(START));
    workers--;
    Held running = begin(START);
    assertThat(held.idsOf(false, Set.of(State.READY)), contains("3-0"));
    assertThat(held.idsOf(false, Set.of(State.RUNNING)), contains("2-0"));
    assertThat(
        held.idsOf(false, Set.of(State.SETTLING, State.RUNNING)), containsInAnyOrder("1-0", "2-0"));
    assertThat(held.idsOf(true, Set.of(State.READY)), contains("1-0", "9-0"));
    assertThat(running.place, is(new Held.Place(false, "2-0")));
  }

  /** One that was read, has failed, and waits for its second delivery. */
  private Held waiting(String id) {
    read(entries(id));
    Held each = begin(START);
    workers--;
    assertThat(held.failed(each), is(Next.RETRY));
    return each;
  }

  private void forgetAll() {
    List.copyOf(held.all()).forEach(held::forget);
  }
}
