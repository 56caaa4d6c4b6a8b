package io.github.redistoolkit.core;

/** Why something is refused, in words that have nothing of the value in them. */
final class UnstorableException extends IllegalArgumentException {

  private static final long serialVersionUID = 1L;

  UnstorableException(String message) {
    super(message);
  }
}
