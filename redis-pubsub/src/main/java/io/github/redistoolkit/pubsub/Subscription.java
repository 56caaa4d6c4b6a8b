package io.github.redistoolkit.pubsub;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import java.time.Duration;

/**
 * One handler's subscription. Thread-safe; no method does I/O on the calling thread, and only
 * {@link #close(Duration)} waits.
 */
public interface Subscription extends AutoCloseable {

  /**
   * Returns what is subscribed to.
   *
   * @return the channel or the pattern; for key events their channels, separated by commas
   */
  String topic();

  /**
   * Tells whether the handler is still to receive messages.
   *
   * @return false once this subscription or its {@link RedisPubSub} is closed; true also while the
   *     connection is being re-established
   */
  boolean isActive();

  /**
   * Returns what became of this subscription's messages.
   *
   * @return the counts since the subscription was made
   */
  PubSubStats stats();

  /**
   * Returns how many messages could not be decoded to the type of the subscription. Each was given
   * to {@link PubSubListener#onUndecodable}, and is among those that failed.
   *
   * @return the count since the subscription was made
   */
  long undecodable();

  /**
   * Ends the subscription at once. No message is taken for the handler afterwards, and what is
   * queued is discarded and counts as dropped. One that was taken before is not waited for: it may
   * still be handled, or reach the handler a moment after this returns. Redis is told when the last
   * subscription to the topic ends. Does nothing when already closed.
   */
  @Override
  void close();

  /**
   * Ends the subscription once what has arrived is handled: takes no further messages, waits for
   * those that are queued or being handled, and closes. When this returns true, the handler is not
   * running and will not run again, unless it is the caller: called by the handler itself, this
   * does not wait for the message of that moment, and discards the rest.
   *
   * @param maxWait how long to wait at most, from 1 ms to 1 day; an interrupt ends it too, and
   *     stays set
   * @return whether all was handled; it is closed in any case
   * @throws NullPointerException if {@code maxWait} is null
   * @throws IllegalArgumentException if it is out of bounds
   */
  @CanIgnoreReturnValue
  boolean close(Duration maxWait);
}
