package io.github.redistoolkit.idempotency;

import org.jspecify.annotations.Nullable;

/**
 * Says why a request was neither run nor replayed, or that it was run and its result not kept.
 *
 * <p>No message of these exceptions contains a key, a fingerprint or a result. A cause may, for
 * instance one from the caller's own encoder. If Redis cannot be reached, that is none of these but
 * Jedis's own exception.
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
