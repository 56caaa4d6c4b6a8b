package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** By a clock that the test sets. */
class DenialsTest {

  private static final Duration SECOND = Duration.ofSeconds(1);
  private static final Limit LIMIT = Limit.of(3, SECOND);

  private long now = Long.MAX_VALUE - 10;
  private final Denials denials = new Denials(2, () -> now);

  @Test
  void aRefusalHoldsFromWhenItWasAskedForAndNotANanosecondLonger() {
    Denials.Question question = denials.ask();
    now += 400_000_000; // the reply takes its time
    denials.remember(question, "key", 1, refused(SECOND));
    assertThat(denials.denied("key", 1), is(Optional.of(refused(Duration.ofMillis(600)))));
    now += 599_999_999;
    assertThat(denials.denied("key", 1), is(Optional.of(refused(Duration.ofNanos(1)))));
    now += 1;
    assertThat(denials.denied("key", 1), is(Optional.empty()));
  }

  @Test
  void onlyTheSamePermitsOfTheSameIdAreRefused() {
    denials.remember(denials.ask(), "key", 2, refused(SECOND));
    assertThat(denials.denied("key", 1), is(Optional.empty()));
    assertThat(denials.denied("key", 3), is(Optional.empty()));
    assertThat(denials.denied("other", 2), is(Optional.empty()));
    assertThat(denials.denied("key", 2).isPresent(), is(true));
  }

  @Test
  void aRefusalThatWasUnderWayWhenItWasMadeVoidIsNotKept() {
    Denials.Question question = denials.ask();
    denials.forget("key");
    denials.remember(question, "key", 1, refused(SECOND));
    assertThat(denials.denied("key", 1), is(Optional.empty()));
  }

  @Test
  void noMoreThanSoManyAreKeptAndThoseThatHoldNoLongerMakeRoom() {
    denials.remember(denials.ask(), "first", 1, refused(SECOND));
    denials.remember(denials.ask(), "second", 1, refused(SECOND.multipliedBy(9)));
    denials.remember(denials.ask(), "third", 1, refused(SECOND));
    assertThat(denials.denied("third", 1), is(Optional.empty()));
    now += SECOND.toNanos();
    denials.remember(denials.ask(), "third", 1, refused(SECOND));
    assertThat(denials.denied("third", 1).isPresent(), is(true));
    assertThat(denials.denied("second", 1).isPresent(), is(true));
  }

  @Test
  void aFullMemoryStillTakesWhatReplacesSomethingInIt() {
    denials.remember(denials.ask(), "first", 1, refused(SECOND));
    denials.remember(denials.ask(), "second", 1, refused(SECOND));
    denials.remember(denials.ask(), "first", 2, refused(SECOND));
    assertThat(denials.denied("first", 2).isPresent(), is(true));
    assertThat(denials.denied("first", 1), is(Optional.empty()));
  }

  @Test
  void aFullMemoryIsSweptTenTimesASecondAndNotMoreOften() {
    Duration half = Duration.ofMillis(50);
    denials.remember(denials.ask(), "long", 1, refused(SECOND));
    denials.remember(denials.ask(), "short", 1, refused(half));
    denials.remember(denials.ask(), "too many", 1, refused(SECOND)); // which sweeps
    now += half.toNanos();
    denials.remember(denials.ask(), "too many", 1, refused(SECOND));
    assertThat(denials.denied("too many", 1), is(Optional.empty()));
    now += half.toNanos() - 1;
    denials.remember(denials.ask(), "too many", 1, refused(SECOND));
    assertThat(denials.denied("too many", 1), is(Optional.empty()));
    now += 1;
    denials.remember(denials.ask(), "too many", 1, refused(SECOND));
    assertThat(denials.denied("too many", 1).isPresent(), is(true));
    assertThat(denials.denied("long", 1).isPresent(), is(true));
  }

  @Test
  void whatWasMadeVoidIsRefusedNoLonger() {
    denials.remember(denials.ask(), "key", 1, refused(SECOND));
    denials.forget("key");
    assertThat(denials.denied("key", 1), is(Optional.empty()));
  }

  @Test
  void aRefusalThatHoldsNoLongerMakesRoomAtOnce() {
    denials.remember(denials.ask(), "first", 1, refused(SECOND.multipliedBy(9)));
    denials.remember(denials.ask(), "second", 1, refused(Duration.ofNanos(1)));
    denials.remember(denials.ask(), "third", 1, refused(SECOND)); // which sweeps
    now += 1;
    assertThat(denials.denied("second", 1), is(Optional.empty()));
    denials.remember(denials.ask(), "third", 1, refused(SECOND));
    assertThat(denials.denied("third", 1).isPresent(), is(true));
  }

  @Test
  void whatIsAllowedIsNotKept() {
    denials.remember(
        denials.ask(),
        "key",
        1,
        new Decision(true, LIMIT, 1, Optional.of(SECOND), SECOND, List.of(), Optional.empty()));
    assertThat(denials.denied("key", 1), is(Optional.empty()));
  }

  private static Decision refused(Duration retryAfter) {
    return new Decision(
        false, LIMIT, 0, Optional.of(retryAfter), retryAfter, List.of(), Optional.empty());
  }
}
