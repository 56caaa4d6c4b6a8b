package io.github.redistoolkit.ratelimit;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LimitTest {

  private static final Duration SECOND = Duration.ofSeconds(1);

  @ParameterizedTest
  @ValueSource(longs = {0, -1, Long.MIN_VALUE, 1_000_000_001, Long.MAX_VALUE})
  void refusesPermitsOutOfBoundsAndNamesThem(long permits) {
    assertRefused("permits", permits, () -> Limit.of(permits, SECOND));
    assertRefused("capacity", permits, () -> Limit.tokenBucket(permits, 1, SECOND));
    assertRefused("refill", permits, () -> Limit.tokenBucket(1, permits, SECOND));
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT0S", "PT-1S", "PT0.000999S", "P366DT0.000001S", "PT2562047788015H"})
  void refusesATimeOutOfBoundsAndNamesIt(Duration time) {
    assertRefused("window", time, () -> Limit.of(1, time));
    assertRefused("period", time, () -> Limit.tokenBucket(1, 1, time));
  }

  @Test
  void refusesFractionsOfAMicrosecond() {
    Duration time = Duration.ofNanos(1_000_000_001);
    assertRefused("PT1.000000001S", "window", () -> Limit.of(1, time));
    assertRefused("PT1.000000001S", "period", () -> Limit.tokenBucket(1, 1, time));
  }

  @ParameterizedTest
  @ValueSource(strings = {"PT0.001S", "P366D"})
  void takesTheBoundsThemselves(Duration time) {
    assertThat(Limit.of(1_000_000_000, time).period(), is(time));
    assertThat(Limit.tokenBucket(1, 1, time).period(), is(time));
  }

  @Test
  void refusesNull() {
    assertThrows(NullPointerException.class, () -> Limit.of(1, null));
    assertThrows(NullPointerException.class, () -> Limit.tokenBucket(1, 1, null));
    assertThrows(NullPointerException.class, () -> Limit.of(1, SECOND).named(null));
  }

  @ParameterizedTest
  @ValueSource(ints = {7, 1025, 0, -1})
  void refusesAPrecisionOutOfBounds(int slots) {
    assertRefused("slots", slots, () -> Limit.of(1, SECOND).precision(slots));
  }

  @Test
  void refusesComponentsOutOfBoundsWithoutAFactoryToo() {
    assertRefused("permits", 0, () -> new Limit.SlidingWindow(0, SECOND, 8, "name"));
    assertRefused("period", "PT0S", () -> new Limit.SlidingWindow(1, Duration.ZERO, 8, "name"));
    assertRefused("permits", 0, () -> new Limit.TokenBucket(0, 1, SECOND, "name"));
    assertRefused("refill", 0, () -> new Limit.TokenBucket(1, 0, SECOND, "name"));
    assertRefused("name", "''", () -> new Limit.TokenBucket(1, 1, SECOND, ""));
  }

  @Test
  void theScriptIsToldOfEachKindUnderAnIdOfItsOwn() {
    List<Limit> each = List.of(Limit.of(3, SECOND), Limit.tokenBucket(3, 2, SECOND));
    assertThat(
        each.stream().<Class<?>>map(Limit::getClass).collect(Collectors.toSet()),
        is(Set.of(Limit.class.getPermittedSubclasses())));
    assertThat(
        each.stream().map(limit -> ScriptLimit.of(limit).id()).distinct().count(),
        is((long) each.size()));
  }

  @Test
  void saysWhatItGrantsInTheLongRunAndInWhatTimeAllIsBack() {
    Limit window = Limit.of(100, SECOND);
    assertThat(window.perPeriod(), is(100L));
    assertThat(window.timeToFull(), is(SECOND));
    Limit bucket = Limit.tokenBucket(100, 3, SECOND);
    assertThat(bucket.perPeriod(), is(3L));
    assertThat(bucket.timeToFull(), is(Duration.ofNanos(33_333_334_000L)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", " ", "a b", "a/b", "ä"})
  void refusesANameThatIsNotPlain(String name) {
    assertRefused("name", name, () -> Limit.of(1, SECOND).named(name));
  }

  @Test
  void quotesARefusedNameOnOneLine() {
    assertRefused("name", "'a\\u000A'", () -> Limit.of(1, SECOND).named("a\n"));
  }

  @Test
  void aNameChangesNothingElse() {
    Limit.SlidingWindow limit = Limit.of(100, SECOND).precision(16);
    assertThat(limit.named("per-second").named(limit.name()), is(limit));
    assertThat(ScriptLimit.of(limit.named("per-second")), is(ScriptLimit.of(limit)));
    assertThat(limit.name(), is("100-per-PT1S"));
  }

  @Test
  void refusesABucketThatTakesLongerThanAYearToFill() {
    assertRefused("capacity of 367", "P", () -> Limit.tokenBucket(367, 1, Duration.ofDays(1)));
    assertThat(Limit.tokenBucket(366, 1, Duration.ofDays(1)).permits(), is(366L));
    Limit most = Limit.tokenBucket(1_000_000_000, 1_000_000_000, Duration.ofDays(366));
    assertThat(most.permits(), is(1_000_000_000L));
  }

  @ParameterizedTest
  @CsvSource({
    "3,          PT1S,     1024, 1",
    "1024,       PT1S,     1024, 1",
    "1025,       PT1S,     1024, 977",
    "1000000000, PT0.001S, 1024, 1",
    "8,          PT1S,     8,    1",
    "9,          PT1S,     8,    125000",
    "1025,       P366D,    1024, 30881250000"
  })
  void keepsInstantsExactUpToItsSlotsAndInWholeGrainsAbove(
      long permits, Duration window, int slots, long grain) {
    assertThat(Limit.of(permits, window).precision(slots).grainMicros(), is(grain));
  }

  private static void assertRefused(Object named, Object value, Executable call) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call);
    assertThat(e.getMessage(), containsString(named.toString()));
    assertThat(e.getMessage(), containsString(value.toString()));
  }
}
