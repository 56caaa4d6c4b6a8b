package io.github.redistoolkit.stream;

import java.time.Instant;

/** Where in a topic to begin. Immutable; made by the methods here. */
public sealed interface From permits StartingPoint {

  /**
   * Begins with what is published from now on.
   *
   * @return the end of the topic, as it is when the subscription is made
   */
  static From now() {
    return StartingPoint.NOW;
  }

  /**
   * Begins with the oldest message that the topic still has. What all groups have acknowledged by
   * then may have been trimmed, and so may what {@link DurableTopic.Builder#maxLength} or {@link
   * DurableTopic.Builder#maxAge} does not keep. So a group that is made later than others gets what
   * trimming has left: subscribe each group once before the first message that it has to get.
   *
   * @return the start of what the topic has at that moment
   */
  static From start() {
    return StartingPoint.START;
  }

  /**
   * Begins after a message. With partitions, the id says after which one in its own; in the others
   * it begins with the ids that come after it, in their order by time.
   *
   * @param id the id of the message, as {@link DurableTopic#publish} returned it; it need not exist
   *     any more
   * @return the place after it
   * @throws NullPointerException if {@code id} is null
   * @throws IllegalArgumentException if it is no id
   */
  static From after(String id) {
    return StartingPoint.after(id);
  }

  /**
   * Begins with the first message that was published at a time or later, by the server's clock.
   *
   * @param time the time, in whole milliseconds; from 1970 to the year 9999
   * @return the place before that message
   * @throws NullPointerException if {@code time} is null
   * @throws IllegalArgumentException if it is out of bounds
   */
  static From time(Instant time) {
    return StartingPoint.time(time);
  }
}
