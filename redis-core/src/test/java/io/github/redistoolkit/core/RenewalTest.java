package io.github.redistoolkit.core;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.sameInstance;

import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import redis.clients.jedis.exceptions.JedisException;

/** When a renewal asks, and what it tells; the times are those of a clock that the test moves. */
class RenewalTest {

  private static final long LEASE = 1_000;

  private final ManualTime time = new ManualTime();
  private final long start = time.nanoTime();
  private final List<Renewal.Try> sent = new ArrayList<>();
  private final List<Long> sentAt = new ArrayList<>();
  private final List<Renewal> ended = new ArrayList<>();
  private final Recorder lease = new Recorder();

  /** How often the renewal has looked at the clock. */
  private int looks;

  private final Renewal renewal =
      new Renewal(
          "key",
          LEASE,
          start + Renewals.certainNanos(LEASE),
          lease,
          time.alarms,
          this::look,
          one -> {
            sent.add(one);
            sentAt.add(millis());
          },
          ended::add);

  private long look() {
    looks++;
    return time.nanoTime();
  }

  /** An owner that notes what it hears. */
  private final class Recorder implements Renewable {

    private final List<String> heard = new ArrayList<>();
    private Answer answer = Answer.RENEWED;
    private boolean broken;
    private @Nullable Request request =
        new Request(LuaScript.of("return 1"), List.of("key"), List.of());

    @Override
    public @Nullable Request request() {
      return request;
    }

    @Override
    public Answer answered(@Nullable Object reply, long asked) {
      failIfBroken();
      return answer;
    }

    @Override
    public void failed(RuntimeException why) {
      failIfBroken();
      heard.add("failed at " + millis());
    }

    private void failIfBroken() {
      if (broken) {
        throw new IllegalStateException("from the owner, as intended");
      }
    }

    @Override
    public void over() {
      heard.add("over at " + millis());
    }
  }

  @Test
  void itAsksAThirdOfTheLeaseAfterEachAnswer() {
    renewal.begin();
    time.pass(329);
    assertThat(sentAt, is(empty()));
    for (int i = 1; i <= 5; i++) {
      time.pass(1);
      assertThat(sent, hasSize(i));
      // Asked now, it is certain for 988 ms, of which a third are 329.3.
      last().answered(1L, time.nanoTime());
      time.pass(329);
      assertThat(sent, hasSize(i));
    }
    assertThat(lease.heard, is(empty()));
  }

  @Test
  void whatIsNotAnsweredIsAskedAgainWhileItMayStillBeAnswered() {
    renewal.begin();
    time.pass(987);
    assertThat(sentAt.subList(0, 7), contains(330L, 430L, 530L, 630L, 730L, 816L, 874L));
    assertThat(lease.heard, is(empty()));
    // The first of them is answered at last.
    sent.get(0).answered(1L, start + nanos(330));
    time.pass(300);
    assertThat(lease.heard, is(empty()));
    time.pass(1_000);
    assertThat(lease.heard, contains("over at " + (330 + 988)));
  }

  @Test
  void whatIsToBeSaidAtOnceIsAskedAtOnceAndThenAsOftenAsOthers() {
    renewal.begin(time.nanoTime());
    time.pass(400);
    assertThat(sentAt.subList(0, 4), contains(1L, 101L, 201L, 301L));
  }

  @Test
  void aLeaseIsCertainForLessThanRedisKeepsItAndForMoreThanNothing() {
    assertThat(Renewals.certainNanos(1), is(740_000L));
    assertThat(Renewals.certainNanos(8), is(nanos(8) - 80_000 - nanos(2)));
    assertThat(Renewals.certainNanos(1_000), is(nanos(988)));
  }

  @Test
  void aNewTryKnowsWhichWayTheOneBeforeItWent() {
    renewal.begin();
    time.pass(331);
    assertThat(last().before(), is(nullValue()));
    Object way = new Object();
    last().goes(way);
    time.pass(100);
    assertThat(last().before(), is(sameInstance(way)));
    last().answered(1L, time.nanoTime());
    time.pass(400);
    assertThat(last().before(), is(nullValue()));
  }

  @Test
  void onlyTheLatestTryIsStillWorthSending() {
    renewal.begin();
    time.pass(331);
    Renewal.Try first = last();
    time.pass(100);
    assertThat(first.request(), is(nullValue()));
    assertThat(last().request(), is(notNullValue()));
    last().answered(1L, time.nanoTime());
    assertThat(last().request(), is(nullValue()));
  }

  @Test
  void theOwnerIsToldOnceWhenTheTimeIsOver() {
    renewal.begin();
    time.pass(5_000);
    assertThat(lease.heard, contains("over at 988"));
    assertThat(ended, contains(renewal));
    last().answered(1L, time.nanoTime());
    last().failed(new JedisException("late, as intended"));
    time.pass(5_000);
    assertThat(lease.heard, contains("over at 988"));
  }

  @Test
  void anAnswerAtTheEndOrAfterItDoesNotBringTheLeaseBack() {
    renewal.begin();
    time.pass(400);
    // The JVM stands still, and the answers are read before the timer runs.
    Renewal.Try asked = last();
    long askedAt = time.nanoTime();
    time.stop(588);
    asked.answered(1L, askedAt);
    time.stop(12);
    asked.answered(1L, askedAt);
    time.pass(1);
    assertThat(lease.heard, contains("over at 1001"));
  }

  @Test
  void anAnswerIsInTimeAsLongAsAnythingIsLeft() {
    renewal.begin();
    time.pass(400);
    long askedAt = time.nanoTime();
    time.stop(587);
    last().answered(1L, askedAt);
    time.pass(400);
    assertThat(lease.heard, is(empty()));
    time.pass(1_000);
    assertThat(lease.heard, contains("over at " + (400 + 988)));
  }

  @Test
  void nobodyIsWokenForTheTryThatAnAnswerHasMadeNeedless() {
    renewal.begin();
    time.pass(331);
    last().answered(1L, time.nanoTime());
    looks = 0;
    time.pass(329);
    assertThat(looks, is(0));
    time.pass(1);
    assertThat(sent, hasSize(2));
  }

  @Test
  void aLeaseThatIsGoneIsNotAskedForAgain() {
    lease.answer = Renewable.Answer.GONE;
    renewal.begin();
    time.pass(331);
    last().answered(0L, time.nanoTime());
    assertThat(ended, contains(renewal));
    time.pass(5_000);
    assertThat(sent, hasSize(1));
    assertThat(lease.heard, is(empty()));
  }

  @Test
  void anAnswerThatWasOvertakenChangesNothing() {
    lease.answer = Renewable.Answer.OVERTAKEN;
    renewal.begin();
    time.pass(331);
    last().answered(2L, time.nanoTime());
    time.pass(1_000);
    assertThat(lease.heard, contains("over at 988"));
  }

  @Test
  void anOwnerWithNothingToRenewEndsIt() {
    renewal.begin();
    time.pass(331);
    lease.request = null;
    assertThat(last().request(), is(nullValue()));
    assertThat(ended, contains(renewal));
    time.pass(5_000);
    assertThat(lease.heard, is(empty()));
  }

  @Test
  void whatTheOwnerEndedIsNeitherAskedForNorOver() {
    renewal.begin();
    renewal.end();
    renewal.end();
    time.pass(5_000);
    assertThat(sent, is(empty()));
    assertThat(lease.heard, is(empty()));
    assertThat(ended, contains(renewal));
  }

  @Test
  void whatHasEndedIsNotKeptUntilItsTimeWouldHaveCome() {
    WeakReference<Renewal> before = endedLongBeforeItsTime();
    for (int i = 0; i < 100 && before.get() != null; i++) {
      System.gc();
    }
    assertThat(before.get(), is(nullValue()));
  }

  private WeakReference<Renewal> endedLongBeforeItsTime() {
    Renewal another =
        new Renewal(
            "key",
            LEASE,
            start + Renewals.certainNanos(LEASE),
            lease,
            time.alarms,
            time,
            one -> {},
            whole -> {});
    another.begin();
    another.end();
    return new WeakReference<>(another);
  }

  @Test
  void whatEndsBeforeItBeginsNeverAsks() {
    renewal.end();
    assertThat(ended, contains(renewal));
    time.pass(5_000);
    assertThat(sent, is(empty()));
    assertThat(lease.heard, is(empty()));
  }

  @Test
  void aLeaseThatWasShortenedIsRenewedInTime() {
    renewal.begin();
    time.pass(100);
    renewal.endsAt(time.nanoTime() + nanos(90));
    time.pass(30);
    assertThat(sentAt, contains(130L));
    time.pass(60);
    assertThat(lease.heard, contains("over at 190"));
  }

  @Test
  void aLeaseThatWasProlongedIsStillAskedForAfterAThirdOfAWholeOne() {
    renewal.begin();
    renewal.endsAt(time.nanoTime() + nanos(60_000));
    time.pass(331);
    assertThat(sent, hasSize(1));
    last().answered(1L, time.nanoTime());
    time.pass(400);
    assertThat(sent, hasSize(2));
    time.pass(20_000);
    assertThat("the end was not brought forward", lease.heard, is(empty()));
  }

  @Test
  void aLeaseThatWasProlongedALittleIsAskedForNoLater() {
    renewal.begin();
    renewal.endsAt(time.nanoTime() + nanos(2_000));
    time.pass(331);
    assertThat(sentAt, contains(330L));
  }

  @Test
  void aLeaseWhoseOwnerFailsIsAskedForAllTheSame() {
    lease.broken = true;
    renewal.begin();
    time.pass(331);
    last().answered(1L, time.nanoTime());
    last().failed(new JedisException("as intended"));
    time.pass(100);
    assertThat("what was not understood is no answer", sentAt, contains(330L, 430L));
    lease.broken = false;
    last().answered(1L, time.nanoTime());
    time.pass(900);
    assertThat(lease.heard, is(empty()));
  }

  @Test
  void theOwnerHearsOfEachTryThatFails() {
    renewal.begin();
    time.pass(331);
    last().failed(new JedisException("as intended"));
    time.pass(100);
    assertThat(sent, hasSize(2));
    assertThat(lease.heard, contains("failed at 331"));
  }

  private Renewal.Try last() {
    return sent.get(sent.size() - 1);
  }

  private long millis() {
    return TimeUnit.NANOSECONDS.toMillis(time.nanoTime() - start);
  }

  private static long nanos(long millis) {
    return TimeUnit.MILLISECONDS.toNanos(millis);
  }
}
