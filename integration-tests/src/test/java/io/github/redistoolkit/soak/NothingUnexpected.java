package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.History;
import java.util.List;

/** Calls throw what is documented, and nothing else. */
record NothingUnexpected() implements Check {

  /** Something else was thrown; its subject is by which call, its value what. */
  static final String UNEXPECTED = "unexpected";

  @Override
  public List<Violation> violations(History history, Losses losses) {
    return history.events(UNEXPECTED).stream()
        .map(event -> new Violation(event.subject(), event.value(), event.receivedNanos()))
        .toList();
  }
}
