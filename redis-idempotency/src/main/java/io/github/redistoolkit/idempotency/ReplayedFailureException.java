package io.github.redistoolkit.idempotency;

import org.jspecify.annotations.Nullable;

/**
 * The work was run before and failed, and that failure is the answer: see {@link
 * FailureOutcome#STORE_FAILURE}. Nothing was run now.
 *
 * <p>The first caller got the exception itself. Later ones get the name of its class and its
 * message as text, never an instance.
 */
public final class ReplayedFailureException extends IdempotencyException {

  private static final long serialVersionUID = 1L;

  /** The name of a class. */
  private final String failureType;

  /** The message of what was thrown then; null if it had none. */
  private final @Nullable String failureMessage;

  ReplayedFailureException(String failureType, @Nullable String failureMessage) {
    super("the work was run before and failed with " + failureType, null);
    this.failureType = failureType;
    this.failureMessage = failureMessage;
  }

  /**
   * Returns what the work threw.
   *
   * @return the name of its class, as {@link Class#getName} gives it
   */
  public String failureType() {
    return failureType;
  }

  /**
   * Returns what the failure said.
   *
   * @return its message, of which no more than 8,192 characters are kept; null if it had none
   */
  public @Nullable String failureMessage() {
    return failureMessage;
  }
}
