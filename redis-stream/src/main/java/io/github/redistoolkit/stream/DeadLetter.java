package io.github.redistoolkit.stream;

import java.time.Instant;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A message that its group could not handle. Immutable.
 *
 * @param <T> the type of the body
 */
public final class DeadLetter<T> {

  private final String id;
  private final String messageId;
  private final Optional<T> body;
  private final byte[] payload;
  private final int deliveries;
  private final String error;

  DeadLetter(
      String id, String messageId, @Nullable T body, byte[] payload, int deliveries, String error) {
    this.id = id;
    this.messageId = messageId;
    this.body = Optional.ofNullable(body);
    this.payload = payload;
    this.deliveries = deliveries;
    this.error = error;
  }

  /**
   * Returns what names it for {@link DurableTopic#redrive}.
   *
   * @return the id of the dead letter
   */
  public String id() {
    return id;
  }

  /**
   * Returns the id that the message was published under.
   *
   * @return the id
   */
  public String messageId() {
    return messageId;
  }

  /**
   * Returns the message.
   *
   * @return the body; empty if it cannot be decoded
   */
  public Optional<T> body() {
    return body;
  }

  /**
   * Returns the bytes of the message.
   *
   * @return a copy; empty if somebody else published an entry that has no message at all
   */
  public byte[] payload() {
    return payload.clone();
  }

  /**
   * Returns how often it was delivered.
   *
   * @return at least 1
   */
  public int deliveries() {
    return deliveries;
  }

  /**
   * Returns what went wrong at last.
   *
   * @return the class and the message of the error, at most 1 kB of it
   */
  public String error() {
    return error;
  }

  /**
   * Returns when it became a dead letter, by the server's clock.
   *
   * @return the time
   */
  public Instant buried() {
    return StreamIds.time(id);
  }

  @Override
  public String toString() {
    return "dead letter "
        + id
        + " of message "
        + messageId
        + " after "
        + deliveries
        + " deliveries: "
        + error;
  }
}
