package io.github.redistoolkit.pubsub;

/**
 * One handler's subscription to a channel or pattern. Thread-safe; no method does I/O on the
 * calling thread.
 */
public interface Subscription extends AutoCloseable {

  /**
   * Returns what is subscribed to.
   *
   * @return the channel or the pattern
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
   * Returns how many messages arrived.
   *
   * @return the count since the subscription was made, dropped and malformed messages included
   */
  long received();

  /**
   * Returns how many messages were dropped because the handler was too slow.
   *
   * @return the count since the subscription was made
   */
  long dropped();

  /**
   * Returns how many messages could not be decoded to the type of the subscription. Each was given
   * to {@link PubSubListener#onError}.
   *
   * @return the count since the subscription was made
   */
  long undecodable();

  /**
   * Ends the subscription. No invocation of the handler starts afterwards; one that is under way is
   * not waited for. Queued messages are discarded. Redis is told when the last subscription to the
   * topic ends. Does nothing when already closed.
   */
  @Override
  void close();
}
