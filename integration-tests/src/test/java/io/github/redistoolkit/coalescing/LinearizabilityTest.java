package io.github.redistoolkit.coalescing;

import static io.github.redistoolkit.coalescing.Linearizability.Operation.increment;
import static io.github.redistoolkit.coalescing.Linearizability.Operation.read;
import static io.github.redistoolkit.coalescing.Linearizability.Operation.unknownIncrement;
import static io.github.redistoolkit.coalescing.Linearizability.Operation.unknownWrite;
import static io.github.redistoolkit.coalescing.Linearizability.Operation.write;
import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;

import io.github.redistoolkit.coalescing.Linearizability.Kind;
import io.github.redistoolkit.coalescing.Linearizability.Operation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The checker, on histories whose answer is known. */
class LinearizabilityTest {

  private static final List<Kind> KINDS = List.of(Kind.values());

  private static boolean isLinearizable(Operation... history) {
    return Linearizability.isLinearizable(0, List.of(history));
  }

  @Test
  void oneAfterTheOther() {
    assertThat(isLinearizable(), is(true));
    assertThat(
        isLinearizable(read(0, 0, 1), write(5, 2, 3), increment(6, 4, 5), read(6, 6, 7)), is(true));
  }

  @Test
  void aReadOfWhatWasOverwrittenBeforeItBeganIsRefused() {
    assertThat(isLinearizable(write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)), is(false));
  }

  @Test
  void aReadThatOverlapsAWriteMaySeeEither() {
    assertThat(isLinearizable(write(1, 0, 10), read(0, 1, 2), read(1, 3, 4)), is(true));
  }

  @Test
  void readsOfTwoCallersThatDisagreeOnTheOrderAreRefused() {
    assertThat(isLinearizable(write(1, 0, 10), read(1, 1, 2), read(0, 3, 4)), is(false));
    assertThat(
        isLinearizable(write(1, 0, 10), write(2, 0, 10), read(1, 11, 12), read(2, 13, 14)),
        is(false));
  }

  @Test
  void aReplyOfSomebodyElseIsRefused() {
    assertThat(isLinearizable(increment(1, 0, 1), increment(7, 2, 3)), is(false));
  }

  @Test
  void twoCallersWithTheSameReplyToAnIncrementAreRefused() {
    assertThat(isLinearizable(increment(1, 0, 10), increment(1, 0, 10)), is(false));
  }

  @Test
  void anIncrementThatWasAcknowledgedAndIsMissingIsRefused() {
    assertThat(isLinearizable(increment(1, 0, 1), read(0, 2, 3)), is(false));
  }

  @Test
  void anIncrementThatRanTwiceIsRefused() {
    assertThat(isLinearizable(increment(1, 0, 1), read(2, 2, 3)), is(false));
  }

  @Test
  void whatIsUnknownMayHaveHappenedOrNot() {
    assertThat(isLinearizable(unknownIncrement(0), read(0, 1, 2)), is(true));
    assertThat(isLinearizable(unknownIncrement(0), read(1, 1, 2)), is(true));
    assertThat(isLinearizable(unknownWrite(9, 0), read(0, 1, 2)), is(true));
    assertThat(isLinearizable(unknownWrite(9, 0), read(9, 1, 2)), is(true));
    assertThat(isLinearizable(unknownWrite(9, 0), increment(10, 1, 2)), is(true));
  }

  @Test
  void whatIsUnknownMayHappenLate() {
    assertThat(
        isLinearizable(unknownWrite(9, 0), read(0, 1, 2), write(4, 3, 4), read(9, 5, 6)), is(true));
  }

  @Test
  void whatIsUnknownHappensOnceAtTheMost() {
    assertThat(isLinearizable(unknownIncrement(0), read(2, 1, 2)), is(false));
    assertThat(isLinearizable(unknownIncrement(0), unknownIncrement(0), read(2, 1, 2)), is(true));
    assertThat(
        isLinearizable(unknownIncrement(0), read(1, 1, 2), write(5, 3, 4), read(6, 5, 6)),
        is(false));
  }

  @Test
  void whatIsUnknownDoesNotHappenBeforeItBegan() {
    assertThat(isLinearizable(read(9, 0, 1), unknownWrite(9, 2)), is(false));
  }

  @Test
  void whatHappenedIsNotUndone() {
    assertThat(isLinearizable(unknownWrite(9, 0), read(9, 1, 2), read(0, 3, 4)), is(false));
  }

  @Test
  void aThousandCallsOfManyCallersAreCheckedAtOnce() {
    Random random = new Random(1);
    List<Operation> history = new ArrayList<>();
    long value = 0;
    for (int i = 0; i < 1_000; i++) {
      // Each happens at instant 10 i, and lasts for some of its neighbours'.
      long began = 10L * i - random.nextInt(60);
      long ended = 10L * i + random.nextInt(60);
      int dice = random.nextInt(10);
      if (dice < 4) {
        history.add(read(value, began, ended));
      } else if (dice < 8) {
        value++;
        history.add(
            random.nextInt(20) == 0 ? unknownIncrement(began) : increment(value, began, ended));
      } else {
        value = 10_000L * (i + 1);
        history.add(
            random.nextInt(20) == 0 ? unknownWrite(value, began) : write(value, began, ended));
      }
    }
    Collections.shuffle(history, random);
    assertThat(Linearizability.isLinearizable(0, history), is(true));
    history.add(read(10_000_000_000L, 5_000, 5_001));
    assertThat(Linearizability.isLinearizable(0, history), is(false));
  }

  /** What the checker says is what trying each order of each subset of the unknown says. */
  @Test
  void itAgreesWithTryingEveryOrder() {
    Random random = new Random(30);
    int refused = 0;
    int accepted = 0;
    for (int round = 0; round < 4_000; round++) {
      List<Operation> history = new ArrayList<>();
      int calls = 1 + random.nextInt(6);
      for (int i = 0; i < calls; i++) {
        history.add(any(random));
      }
      boolean expected = hasOrder(0, history, new boolean[calls]);
      assertThat(history.toString(), Linearizability.isLinearizable(0, history), is(expected));
      refused += expected ? 0 : 1;
      accepted += expected ? 1 : 0;
    }
    assertThat(refused, is(greaterThan(500)));
    assertThat(accepted, is(greaterThan(500)));
  }

  private static Operation any(Random random) {
    long began = random.nextInt(12);
    boolean unknown = random.nextInt(4) == 0;
    long ended = unknown ? Operation.NEVER : began + 1 + random.nextInt(8);
    Kind kind = KINDS.get(random.nextInt(KINDS.size()));
    boolean answers = kind != Kind.WRITE && !unknown;
    return new Operation(
        kind,
        kind == Kind.WRITE ? random.nextInt(3) : 0,
        answers ? OptionalLong.of(random.nextInt(3)) : OptionalLong.empty(),
        began,
        ended);
  }

  private static boolean hasOrder(long value, List<Operation> history, boolean[] done) {
    long firstEnd = Operation.NEVER;
    for (int i = 0; i < done.length; i++) {
      if (!done[i]) {
        firstEnd = Math.min(firstEnd, history.get(i).ended());
      }
    }
    if (firstEnd == Operation.NEVER) {
      return true;
    }
    for (int i = 0; i < done.length; i++) {
      Operation call = history.get(i);
      if (!done[i] && call.began() <= firstEnd) {
        long after =
            switch (call.kind()) {
              case READ -> value;
              case WRITE -> call.argument();
              case INCREMENT -> value + 1;
            };
        if (call.result().isEmpty() || call.result().getAsLong() == after) {
          boolean[] next = Arrays.copyOf(done, done.length);
          next[i] = true;
          if (hasOrder(after, history, next)) {
            return true;
          }
        }
      }
    }
    return false;
  }
}
