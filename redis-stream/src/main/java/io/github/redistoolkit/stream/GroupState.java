package io.github.redistoolkit.stream;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;

/**
 * How far a group is, at one moment.
 *
 * @param lag how many messages it has not got yet: those of the topic that were not trimmed, and
 *     those sent back to it. They are counted, or known exactly, up to 1,000; beyond that it is
 *     what Redis says, which after trimming may be somewhat more or less on Redis 7.0
 * @param pending how many it got and has not done with: being handled, waiting for a retry, or with
 *     a consumer that is gone
 * @param oldestPending for how long the oldest of these has been published; empty if there is none
 * @param consumers how many consumers Redis knows; of a topic with partitions one for each
 *     partition that a consumer has or had, removed when they are gone
 * @param deadLetters how many dead letters it has
 * @param trimmed how many messages it has lost because they were trimmed before it had done with
 *     them
 */
public record GroupState(
    long lag,
    long pending,
    Optional<Duration> oldestPending,
    long consumers,
    long deadLetters,
    long trimmed) {

  /**
   * Checks that nothing is missing.
   *
   * @param lag how many messages it has not got
   * @param pending how many it has not done with
   * @param oldestPending the age of the oldest of these
   * @param consumers how many consumers
   * @param deadLetters how many dead letters
   * @param trimmed how many messages it has lost
   * @throws NullPointerException if {@code oldestPending} is null
   */
  public GroupState {
    Objects.requireNonNull(oldestPending, "oldestPending");
  }

  /** The same group in another partition. A consumer may be in both. */
  GroupState plus(GroupState other) {
    Optional<Duration> older =
        oldestPending.isEmpty()
                || (other.oldestPending.isPresent()
                    && other.oldestPending.get().compareTo(oldestPending.get()) > 0)
            ? other.oldestPending
            : oldestPending;
    return new GroupState(
        lag + other.lag,
        pending + other.pending,
        older,
        consumers + other.consumers,
        deadLetters + other.deadLetters,
        trimmed + other.trimmed);
  }
}
