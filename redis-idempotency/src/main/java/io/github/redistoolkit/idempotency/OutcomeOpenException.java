package io.github.redistoolkit.idempotency;

/**
 * The work ran, and nobody knows whether its effect happened: see {@link FailureOutcome#KEEP_OPEN}.
 * Nothing was run now; over HTTP this is 409 Conflict.
 */
public final class OutcomeOpenException extends IdempotencyException {

  private static final long serialVersionUID = 1L;

  OutcomeOpenException() {
    super(
        "nobody knows whether the work of this key has had its effect; it runs again only once the"
            + " key is forgotten or expires",
        null);
  }
}
