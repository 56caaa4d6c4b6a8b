package io.github.redistoolkit.stream;

/**
 * What publishing does once a topic is as long as it may be, and no group has done with its end.
 */
public enum WhenFull {
  /** {@link DurableTopic#publish} throws a {@link TopicFullException}. Nothing is lost. */
  REFUSE,

  /**
   * The oldest message gives way, whoever still needs it. What a group has lost is counted in
   * {@link GroupState#trimmed} and told to {@link DurableListener#onTrimmed}.
   */
  TRIM
}
