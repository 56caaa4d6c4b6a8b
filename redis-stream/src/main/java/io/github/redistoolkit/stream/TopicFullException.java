package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.EventLog;

/** A message was not published: the topic is as long as it may be. */
public final class TopicFullException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  TopicFullException(String topic, long maxLength) {
    super(
        "topic "
            + EventLog.escape(topic)
            + " has "
            + maxLength
            + " messages that a group has not done with");
  }
}
