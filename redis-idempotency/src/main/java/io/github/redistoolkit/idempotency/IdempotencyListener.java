package io.github.redistoolkit.idempotency;

import java.time.Duration;

/**
 * Is told what happens to requests, for metrics and logs. Each method does nothing by default.
 *
 * <p>Called on the caller's thread, so it should be quick. What it throws is logged and goes no
 * further. Keys are those of the callers, and may be secrets.
 */
public interface IdempotencyListener {

  /**
   * A caller may run the work of a key.
   *
   * @param key the request's key
   * @param attempt 1, or more if earlier owners vanished
   */
  default void onRun(String key, int attempt) {}

  /**
   * A caller has taken over from an owner whose lease was over. {@link #onRun} is called, too.
   *
   * @param key the request's key
   * @param attempt more than 1
   */
  default void onTakenOver(String key, int attempt) {}

  /**
   * A caller was given the answer of an earlier run: a result, or a stored failure.
   *
   * @param key the request's key
   * @param attempt the attempt that gave it
   */
  default void onReplayed(String key, int attempt) {}

  /**
   * A caller was refused because another is still working on the key.
   *
   * @param key the request's key
   * @param retryAfter what was left of the other's lease
   */
  default void onInProgress(String key, Duration retryAfter) {}

  /**
   * A caller was refused because the key was used with another fingerprint.
   *
   * @param key the request's key
   */
  default void onMismatch(String key) {}

  /**
   * A caller was refused because the outcome is open.
   *
   * @param key the request's key
   */
  default void onOutcomeOpen(String key) {}

  /**
   * The work ran and its result was not recorded.
   *
   * @param key the request's key
   * @param reason why
   */
  default void onNotRecorded(String key, ResultNotRecordedException.Reason reason) {}

  /**
   * The work failed and that was kept as its answer, or its outcome was kept open.
   *
   * @param key the request's key
   * @param failure what the work threw
   * @param outcome {@link FailureOutcome#STORE_FAILURE} or {@link FailureOutcome#KEEP_OPEN}
   */
  default void onFailureStored(String key, Throwable failure, FailureOutcome outcome) {}
}
