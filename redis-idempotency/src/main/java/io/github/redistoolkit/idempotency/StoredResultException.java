package io.github.redistoolkit.idempotency;

/**
 * The key has a record that cannot be used: the work ran, but its result was not stored; or the
 * result is not of the type asked for; or the record is damaged or not one of ours.
 *
 * <p>Nothing was run and the record is unchanged. Running the work again might repeat its effect,
 * so that is an operator's decision: {@link IdempotencyService#forget}.
 */
public final class StoredResultException extends IdempotencyException {

  private static final long serialVersionUID = 1L;

  // Without a cause: Gson's exceptions quote what they could not read.
  StoredResultException(String message) {
    super(message, null);
  }
}
