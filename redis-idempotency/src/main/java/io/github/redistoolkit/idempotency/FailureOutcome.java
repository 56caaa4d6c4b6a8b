package io.github.redistoolkit.idempotency;

/** What the failure of the work means for its key, which only the caller can know. */
public enum FailureOutcome {

  /** Nothing has happened that must not be repeated: the next caller may run the work at once. */
  FREE_KEY,

  /**
   * Nobody knows whether the effect happened, as after a read timeout of a provider. Nobody may run
   * the work until an operator or a reconciliation has decided, by {@link
   * IdempotencyService#record} or {@link IdempotencyService#forget}, or the ttl has passed. Callers
   * get {@link OutcomeOpenException}.
   */
  KEEP_OPEN,

  /**
   * The failure is the answer, as with a card that was declined. Callers get {@link
   * ReplayedFailureException} until the ttl has passed. Redis keeps the name of its class and its
   * message as they are.
   */
  STORE_FAILURE
}
