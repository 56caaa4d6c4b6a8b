package io.github.redistoolkit.pubsub;

import java.time.Duration;
import java.util.List;

/**
 * Is told what happens to subscriptions in the background.
 *
 * <p>Every method does nothing unless overridden. Calls come on the executor of the {@link
 * RedisPubSub}. Those about connections, refusals and drops come one at a time and in order. Those
 * about a message come on the thread that ran its handler, so calls may overlap. An exception
 * thrown here is logged. Closing a subscription or the {@link RedisPubSub} calls nothing.
 *
 * <p>Without a listener, {@link #logging} listens. A listener of yours takes its place, so to have
 * both, give {@code mine.andThen(PubSubListener.logging())}. A listener that is given alone has to
 * see to it that nothing passes unnoticed.
 */
public interface PubSubListener {

  /**
   * A connection was lost, or Redis ended subscriptions because their slot moved to another node.
   * They are being re-established, for as long as it takes.
   *
   * @param subscriptions which, of those that Redis had confirmed; at least one
   * @param cause why
   */
  default void onDisconnected(List<Subscription> subscriptions, Throwable cause) {}

  /**
   * Subscriptions are confirmed again. Each that was given to {@link #onDisconnected} comes here
   * once, unless it is closed before; those that Redis refuses meanwhile come when it no longer
   * does.
   *
   * @param subscriptions which; at least one
   * @param gap from when everything is known to have come to now: <strong>messages published in it
   *     may be lost</strong>. It begins when the last question was sent that the lost connection
   *     answered, so up to two heartbeats before the loss
   */
  default void onReconnected(List<Subscription> subscriptions, Duration gap) {}

  /**
   * No connection can be made. Called at the first failure of its kind (such as wrong credentials)
   * and then at most every 10 seconds while it lasts.
   *
   * @param cause why
   */
  default void onConnectFailed(Throwable cause) {}

  /**
   * Redis refuses a subscription that it had confirmed before, such as one whose permission was
   * withdrawn. It is attempted again with every heartbeat and every new connection. Called once
   * until it is confirmed again.
   *
   * @param subscription which
   * @param error why
   */
  default void onRefused(Subscription subscription, Exception error) {}

  /**
   * A message could not be decoded.
   *
   * @param subscription whose
   * @param channel the channel of the message
   * @param payload the message as it came; a copy
   * @param error why; its text may quote the message
   */
  default void onUndecodable(
      Subscription subscription, String channel, byte[] payload, Throwable error) {}

  /**
   * A handler threw.
   *
   * @param subscription whose
   * @param channel the channel of the message
   * @param payload the message as it came; a copy
   * @param error what was thrown
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

  /**
   * Returns the listener that logs each event as a warning, under the name of {@link RedisPubSub}.
   * The same event is logged at most once in 10 seconds, then in longer intervals of up to 5
   * minutes, with the number of those held back. What others chose is escaped and bounded; messages
   * are never quoted.
   *
   * @return a new one; several that are given the same are bounded together
   */
  static PubSubListener logging() {
    return new LoggingListener();
  }

  /**
   * Returns a listener that tells this one, and then another, also if this one throws.
   *
   * @param next the other
   * @return both
   * @throws NullPointerException if {@code next} is null
   */
  default PubSubListener andThen(PubSubListener next) {
    return new BothListeners(this, next);
  }
}
