package io.github.redistoolkit.idempotency;

/**
 * The key has a record that cannot be used. Either the work ran, but its result was not stored; or
 * the result does not have the requested type; or the record is damaged, or not one of ours.
 *
 * <p>Nothing was run and the record is unchanged. Running the work again might repeat its effect,
 * so an operator has to decide that: see {@link IdempotencyService#forget}.
 */
public final class StoredResultException extends IdempotencyException {

  private static final long serialVersionUID = 1L;

  // Without a cause: Gson's exceptions quote what they could not read.
  StoredResultException(String message) {
    super(message, null);
  }
}
