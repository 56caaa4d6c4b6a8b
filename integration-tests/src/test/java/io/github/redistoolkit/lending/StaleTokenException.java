package io.github.redistoolkit.lending;

/** The database refused a write by a holder of the lock whom a later holder has overtaken. */
final class StaleTokenException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  StaleTokenException(long token) {
    super("a later token than " + token + " has written already");
  }
}
