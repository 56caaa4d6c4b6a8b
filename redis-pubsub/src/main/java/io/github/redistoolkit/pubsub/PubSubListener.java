package io.github.redistoolkit.pubsub;

import java.time.Duration;

/**
 * What happens to subscriptions behind the back of the caller.
 *
 * <p>Every method does nothing unless overridden. Calls come on the executor of the {@link
 * RedisPubSub}; those about the connection, drops and refusals one at a time and in order, those
 * about a message on the thread that ran its handler, so calls may overlap. An exception thrown
 * here is logged. Without a listener, each event is logged as a warning, of undecodable messages
 * the first for each type; with one, nothing is, so override whatever is not to pass unnoticed.
 * Closing a subscription or the {@link RedisPubSub} calls nothing.
 */
public interface PubSubListener {

  /**
   * The connection was lost; it is being re-established, for as long as it takes. Called once for
   * each connection on which all subscriptions were confirmed or refused.
   *
   * @param cause why
   */
  default void onDisconnected(Throwable cause) {}

  /**
   * All subscriptions are confirmed again, but those that Redis refuses, see {@link #onError}.
   * Called once after each {@link #onDisconnected}, unless the {@link RedisPubSub} is closed
   * before.
   *
   * @param gap from the last sign of life of the lost connection to now: <strong>messages published
   *     in it are lost</strong>. After a failover, the demoted server may have looked alive for
   *     longer than the new one took over
   */
  default void onReconnected(Duration gap) {}

  /**
   * A message could not be decoded, a handler threw, or Redis refuses a subscription that it had
   * confirmed before (its permission was withdrawn). In the last case the payload is empty, and the
   * subscription is attempted again with every heartbeat and every new connection.
   *
   * @param subscription whose
   * @param channel the channel of the message; the topic, for a refusal
   * @param payload the message as it came; a copy
   * @param error why
   */
  default void onError(
      Subscription subscription, String channel, byte[] payload, Throwable error) {}

  /**
   * Messages were dropped because the handler is too slow. At most once a second for each
   * subscription.
   *
   * @param subscription whose
   * @param count how many since the last call, at least 1
   */
  default void onDropped(Subscription subscription, long count) {}
}
