package io.github.redistoolkit.idempotency;

import static org.hamcrest.MatcherAssert.assertThat;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.sameInstance;

import java.io.FileNotFoundException;
import java.io.IOException;
import org.junit.jupiter.api.Test;

class FailureRulesTest {

  @Test
  void everyFailureFreesTheKeyByDefault() {
    assertThat(FailureRules.DEFAULT.of(new Error()), is(FailureOutcome.FREE_KEY));
  }

  @Test
  void theFirstTypeThatFitsCounts() {
    FailureRules rules =
        FailureRules.DEFAULT
            .with(FileNotFoundException.class, FailureOutcome.STORE_FAILURE)
            .with(IOException.class, FailureOutcome.KEEP_OPEN);
    assertThat(rules.of(new FileNotFoundException()), is(FailureOutcome.STORE_FAILURE));
    assertThat(rules.of(new IOException()), is(FailureOutcome.KEEP_OPEN));
    assertThat(rules.of(new RuntimeException()), is(FailureOutcome.FREE_KEY));
  }

  @Test
  void aFunctionDecidesOnTheOthers() {
    FailureRules rules =
        FailureRules.DEFAULT
            .otherwise(failure -> FailureOutcome.STORE_FAILURE)
            .with(IOException.class, FailureOutcome.FREE_KEY);
    assertThat(rules.of(new IOException()), is(FailureOutcome.FREE_KEY));
    assertThat(rules.of(new RuntimeException()), is(FailureOutcome.STORE_FAILURE));
  }

  @Test
  void aRuleThatFailsKeepsTheOutcomeOpen() {
    IllegalStateException broken = new IllegalStateException();
    FailureRules rules =
        FailureRules.DEFAULT.otherwise(
            failure -> {
              throw broken;
            });
    Exception failure = new Exception();
    assertThat(rules.of(failure), is(FailureOutcome.KEEP_OPEN));
    assertThat(failure.getSuppressed()[0], is(sameInstance(broken)));
    assertThat(
        FailureRules.DEFAULT.otherwise(any -> null).of(new Exception()),
        is(FailureOutcome.KEEP_OPEN));
  }

  @Test
  void aStoredFailureIsItsTypeAndMessage() {
    ReplayedFailureException replayed =
        StoredFailure.decode(StoredFailure.encode(new IOException("a b")));
    assertThat(replayed.failureType(), is("java.io.IOException"));
    assertThat(replayed.failureMessage(), is("a b"));
    assertThat(replayed.getMessage().contains("a b"), is(false));
    ReplayedFailureException silent = StoredFailure.decode(StoredFailure.encode(new Error()));
    assertThat(silent.failureMessage(), is(nullValue()));
    assertThat(StoredFailure.decode(StoredFailure.encode(new Error(""))).failureMessage(), is(""));
    String emoji = "\uD83D\uDE00".repeat(8192);
    assertThat(
        StoredFailure.decode(StoredFailure.encode(new Error(emoji))).failureMessage(),
        is(emoji.substring(0, 8192)));
    assertThat(
        StoredFailure.decode(StoredFailure.encode(new Error("x" + emoji))).failureMessage(),
        is("x" + emoji.substring(0, 8190)));
  }
}
