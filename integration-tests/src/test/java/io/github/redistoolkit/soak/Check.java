package io.github.redistoolkit.soak;

import io.github.redistoolkit.testing.History;
import java.util.List;

/** Looks in what has happened for what breaks one guarantee, and cannot have been otherwise. */
interface Check {

  /** Returns what is wrong; empty if nothing is. */
  List<Violation> violations(History history, Losses losses);

  /** The same, of a history that tells of its losses itself. */
  default List<Violation> violations(History history) {
    return violations(history, Losses.of(history));
  }
}
