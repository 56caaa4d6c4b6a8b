package io.github.redistoolkit.testing;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class HistoryTest {

  private final History history = new History();

  @Test
  void holdersThatFollowEachOtherDoNotOverlap() {
    history.add("held", "lock", "a", 0, 10);
    history.add("held", "lock", "b", 10, 20);
    history.add("held", "other", "c", 5, 15);
    assertThat(history.overlaps("held"), is(empty()));
  }

  @Test
  void holdersAtTheSameTimeOverlapAlsoIfAnotherWasBetween() {
    history.add("held", "lock", "b", 2, 3);
    history.add("held", "lock", "a", 0, 10);
    history.add("held", "lock", "c", 9, 12);
    assertThat(
        history.overlaps("held"), contains("lock was held by a and b", "lock was held by a and c"));
  }

  @Test
  void whoeverIsBesideOneWhoIsAloneIntrudesWhicheverOfThemWasFirst() {
    history.add("read", "index", "a", 0, 10);
    history.add("read", "index", "b", 5, 6);
    history.add("written", "index", "c", 10, 20);
    history.add("read", "other", "d", 12, 14);
    history.add("written", "index", "e", 15, 16);
    assertThat(history.intrusions("written", "read"), is(empty()));
    history.add("read", "index", "f", 19, 30);
    history.add("written", "index", "g", 29, 40);
    assertThat(
        history.intrusions("written", "read"),
        contains("index was held by c and f", "index was held by f and g"));
  }

  @Test
  void asManyHoldersAsAllowedAreNoCrowdAlsoIfOneFollowsAnotherAtOnce() {
    history.add("held", "permit", "a", 0, 10);
    history.add("held", "permit", "b", 5, 20);
    history.add("held", "permit", "c", 10, 30);
    history.add("held", "other", "d", 6, 8);
    assertThat(history.crowds("held", 2), is(empty()));
  }

  @Test
  void oneHolderMoreAtAnyInstantIsACrowd() {
    history.add("held", "permit", "c", 9, 30);
    history.add("held", "permit", "b", 5, 20);
    history.add("held", "permit", "a", 0, 10);
    assertThat(history.crowds("held", 2), contains("permit had 3 holders when c came"));
  }

  @Test
  void asManyAsAllowedInEachWindowAreNoExcess() {
    for (int i = 0; i < 10; i++) {
      history.add("granted", "id", "", i * 50L, i * 50L + 1);
    }
    assertThat(history.excesses("granted", 2, Duration.ofNanos(100)), is(empty()));
  }

  @Test
  void oneMoreInAnyWindowIsAnExcess() {
    history.add("granted", "id", "", 0, 1);
    history.add("granted", "id", "", 50, 51);
    history.add("granted", "id", "", 98, 99);
    assertThat(history.excesses("granted", 2, Duration.ofNanos(100)), hasSize(1));
  }

  @Test
  void whatMayHaveBeenOutsideTheWindowIsNoExcess() {
    history.add("granted", "id", "", 0, 1);
    history.add("granted", "id", "", 50, 51);
    history.add("granted", "id", "", 98, 150);
    assertThat(history.excesses("granted", 2, Duration.ofNanos(100)), is(empty()));
  }

  @Test
  void aRefusalIsNeedlessIfTooLittleCanHaveBeenInItsWindow() {
    history.add("granted", "id", "", 0, 1);
    history.add("granted", "id", "", 50, 51);
    history.add("granted", "other", "", 50, 51);
    history.add("refused", "id", "", 100, 100);
    assertThat(history.needless("refused", "granted", 2, Duration.ofNanos(100)), is(empty()));
    history.add("refused", "id", "", 101, 101);
    assertThat(
        history.needless("refused", "granted", 2, Duration.ofNanos(100)),
        contains("id was refused after only 1 within PT0.0000001S"));
  }

  @Test
  void aRefusalIsNotNeedlessIfEnoughMayHaveBeenInItsWindow() {
    history.add("granted", "id", "", 0, 30);
    history.add("granted", "id", "", 110, 130);
    history.add("refused", "id", "", 100, 120);
    assertThat(history.needless("refused", "granted", 2, Duration.ofNanos(100)), is(empty()));
  }

  @Test
  void eachSubjectHasOneEffectAndOneResult() {
    history.add("effect", "a", "1", 0, 1);
    history.add("effect", "b", "1", 0, 1);
    history.add("effect", "b", "2", 2, 3);
    assertThat(
        history.notOnce("effect", List.of("a", "b", "c")),
        contains("b had 2 instead of 1", "c had 0 instead of 1"));
    assertThat(history.differingValues("effect"), contains("b had the values [1, 2]"));
  }

  @Test
  void whatIsGivenIsWhatWasDone() {
    history.add("effect", "a", "1", 0, 1);
    history.add("result", "a", "1", 0, 2);
    history.add("effect", "b", "1", 0, 1);
    history.add("result", "b", "2", 0, 2);
    history.add("result", "b", "2", 0, 3);
    assertThat(history.differingValues("result"), is(empty()));
    assertThat(history.differingValues("effect", "result"), contains("b had the values [1, 2]"));
  }

  @Test
  void anEffectThatNobodyAskedForIsOneTooMany() {
    history.add("effect", "a", "1", 0, 1);
    history.add("effect", "b", "1", 0, 1);
    assertThat(history.notOnce("effect", List.of("a")), contains("b had 1 instead of 0"));
  }

  @Test
  void theHistoriesOfSeveralJvmsAreMerged() {
    history.add("held", "lock", "a b", 5, 7);
    History merged = new History();
    merged.add("held", "lock", "c", 6, 8);
    merged.addLines(List.of("any other line"));
    merged.addLines(history.lines());
    assertThat(
        merged.events("held"),
        contains(
            new History.Event("held", "lock", "a b", 5, 7),
            new History.Event("held", "lock", "c", 6, 8)));
    assertThat(merged.overlaps("held"), hasSize(1));
  }

  @Test
  void textsThatWouldNotSurviveALineAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> history.add("k", "a\tb", "", 0, 1));
  }
}
