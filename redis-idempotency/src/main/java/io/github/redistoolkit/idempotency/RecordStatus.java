package io.github.redistoolkit.idempotency;

import io.github.redistoolkit.idempotency.Records.Look;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What is known of a key, for operators. It never has a result or a fingerprint.
 *
 * @param state what has become of it
 * @param attempt which attempt is running, vanished last, or gave the answer; 0 if none is known
 * @param timeLeft while in progress, what is left of the lease; otherwise the time until Redis
 *     forgets what is known; empty if there is nothing to forget
 * @param hasFingerprint whether the key is bound to a fingerprint
 */
public record RecordStatus(
    State state, int attempt, Optional<Duration> timeLeft, boolean hasFingerprint) {

  /** What has become of a key. */
  public enum State {
    /** Nothing is known: the next caller runs the work. */
    NONE,
    /** An owner is working on it. */
    IN_PROGRESS,
    /** An owner has vanished: the next caller runs the work, and is told so. */
    VANISHED,
    /** Done; its result is replayed. */
    COMPLETED,
    /** Done; its result could not be stored. */
    COMPLETED_WITHOUT_RESULT,
    /** See {@link FailureOutcome#KEEP_OPEN}. */
    OUTCOME_OPEN,
    /** Failed; the failure is replayed. */
    FAILED,
    /** Damaged, or not written by this library: nobody runs the work until it is forgotten. */
    UNREADABLE
  }

  static final RecordStatus UNREADABLE =
      new RecordStatus(State.UNREADABLE, 0, Optional.empty(), false);

  private static final RecordStatus NONE = new RecordStatus(State.NONE, 0, Optional.empty(), false);

  static RecordStatus of(@Nullable Look look) {
    if (look == null || (look.phase() == Stored.Phase.FREE && look.vanished() == 0)) {
      return NONE;
    }
    return switch (look.phase()) {
      case CLAIMED ->
          look.isLive()
              ? look(State.IN_PROGRESS, look, 1, look.leftMillis() - look.keepMillis())
              : look(State.VANISHED, look, 1, look.leftMillis());
      case FREE -> look(State.VANISHED, look, 0, look.leftMillis());
      case COMPLETED -> look(State.COMPLETED, look, 1, look.leftMillis());
      case RESULTLESS -> look(State.COMPLETED_WITHOUT_RESULT, look, 1, look.leftMillis());
      case OPEN -> look(State.OUTCOME_OPEN, look, 1, look.leftMillis());
      case FAILED -> look(State.FAILED, look, 1, look.leftMillis());
    };
  }

  private static RecordStatus look(State state, Look look, int beyondVanished, long leftMillis) {
    Optional<Duration> left =
        leftMillis < 0 ? Optional.empty() : Optional.of(Duration.ofMillis(leftMillis));
    return new RecordStatus(state, look.vanished() + beyondVanished, left, look.hasFingerprint());
  }
}
