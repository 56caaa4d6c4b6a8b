package io.github.redistoolkit.idempotency;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What the caller has said that failures mean. The first rule that fits counts. */
record FailureRules(List<Rule> byType, Function<? super Throwable, FailureOutcome> otherwise) {

  static final FailureRules DEFAULT =
      new FailureRules(List.of(), failure -> FailureOutcome.FREE_KEY);

  record Rule(Class<? extends Throwable> type, FailureOutcome outcome) {}

  FailureRules {
    byType = List.copyOf(byType);
  }

  FailureRules with(Class<? extends Throwable> type, FailureOutcome outcome) {
    List<Rule> longer = new ArrayList<>(byType);
    longer.add(new Rule(type, outcome));
    return new FailureRules(longer, otherwise);
  }

  FailureRules otherwise(Function<? super Throwable, FailureOutcome> decide) {
    return new FailureRules(byType, decide);
  }

  /** A rule that fails knows nothing, and neither does anybody else then. */
  FailureOutcome of(Throwable failure) {
    for (Rule rule : byType) {
      if (rule.type().isInstance(failure)) {
        return rule.outcome();
      }
    }
    try {
      @Nullable FailureOutcome decided = otherwise.apply(failure);
      return Objects.requireNonNull(decided, "onFailure returned null");
    } catch (RuntimeException e) {
      if (e != failure) {
        failure.addSuppressed(e);
      }
      return FailureOutcome.KEEP_OPEN;
    }
  }
}
