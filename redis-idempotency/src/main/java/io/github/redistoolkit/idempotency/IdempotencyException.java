package io.github.redistoolkit.idempotency;

import org.jspecify.annotations.Nullable;

/**
 * Says why a request was neither run nor replayed, or that it was run and its result not kept.
 *
 * <p>No message of these exceptions contains a key, a fingerprint or a result; a cause may, such as
 * one that comes from an encoder of the caller's. That Redis could not be asked is not one of them:
 * that is Jedis's own exception.
 */
public abstract sealed class IdempotencyException extends RuntimeException
    permits InProgressException,
        FingerprintMismatchException,
        OutcomeOpenException,
        ReplayedFailureException,
        ResultNotRecordedException,
        StoredResultException {

  private static final long serialVersionUID = 1L;

  IdempotencyException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
