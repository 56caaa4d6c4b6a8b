package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.EventLog;

/**
 * A message was published, but not as many replicas as were asked for are known to have it in time.
 * It is there, and is delivered; what is not known is whether it outlasts a failover. So publishing
 * it again makes a second message.
 */
public final class TooFewReplicasException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** Under which it was published. */
  private final String id;

  TooFewReplicasException(String topic, String id, int asked, long have) {
    super(
        "message "
            + id
            + " of topic "
            + EventLog.escape(topic)
            + " is published, but known to be at "
            + have
            + " of "
            + asked
            + " replicas");
    this.id = id;
  }

  TooFewReplicasException(String topic, String id, int asked, Throwable cause) {
    super(
        "message "
            + id
            + " of topic "
            + EventLog.escape(topic)
            + " is published, but not known to be at any of "
            + asked
            + " replicas",
        cause);
    this.id = id;
  }

  /**
   * Returns the id of the message.
   *
   * @return the id that it was published under
   */
  public String id() {
    return id;
  }
}
