package io.github.redistoolkit.idempotency;

import org.jspecify.annotations.Nullable;

/**
 * The work <em>ran</em>, but its result is not the one that later callers get.
 *
 * <p>The effect of the work has happened. Treat the request as done, with {@link #result}, and look
 * at {@link #reason} to learn whether the work may run again.
 */
public final class ResultNotRecordedException extends IdempotencyException {

  private static final long serialVersionUID = 1L;

  /** Why a result was not recorded. */
  public enum Reason {
    /**
     * The claim had ended before: the work took longer than its lease and another caller took over,
     * or somebody recorded a result or forgot the key. What they have left is untouched; the work
     * may have run or be running a second time.
     */
    CLAIM_LOST("its claim had ended, by a takeover after the lease or by an operator"),
    /**
     * The claim was already completed with another result, by an earlier call whose own outcome was
     * unknown. That result is the one replayed.
     */
    OTHER_RESULT("another result of the same claim was recorded before"),
    /**
     * The result has no JSON, or would come back different; the cause names the type and the path.
     * Recorded as completed without a result: the work never runs again for this key, and callers
     * get {@link StoredResultException}.
     */
    NOT_ENCODABLE("the result cannot be encoded; the key is recorded as completed without it"),
    /**
     * The JSON of the result is longer than {@link IdempotencyService.Builder#maxResultBytes}.
     * Recorded as completed without a result, as for {@link #NOT_ENCODABLE}.
     */
    TOO_LARGE("the result is too large; the key is recorded as completed without it"),
    /**
     * Redis could not be reached or refused to write, also when asked again. Unless a late write
     * came through, another caller runs the work after the lease, with {@link Claim#attempt} above
     * 1; {@link IdempotencyService#record} prevents that, in any JVM.
     */
    REDIS_UNAVAILABLE("Redis could not be reached or refused to write"),
    /**
     * Somebody damaged the record while the work ran. Nobody runs the work again until the record
     * is forgotten or expires.
     */
    RECORD_UNREADABLE("the record was damaged while the work ran");

    private final String text;

    Reason(String text) {
      this.text = text;
    }
  }

  /** Why it was not recorded. */
  private final Reason reason;

  private final transient @Nullable Object result;

  ResultNotRecordedException(Reason reason, @Nullable Object result, @Nullable Throwable cause) {
    super("the work ran, but its result was not recorded: " + reason.text, cause);
    this.reason = reason;
    this.result = result;
  }

  /**
   * Returns why the result was not recorded.
   *
   * @return the reason
   */
  public Reason reason() {
    return reason;
  }

  /**
   * Returns what the work returned.
   *
   * @return the very object, or null if the work returned null or this exception was serialized
   */
  public @Nullable Object result() {
    return result;
  }
}
