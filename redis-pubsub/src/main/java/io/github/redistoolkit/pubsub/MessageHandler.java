package io.github.redistoolkit.pubsub;

/**
 * Handles each message of a subscription.
 *
 * <p>Runs on the executor of the {@link RedisPubSub}, for one message of a subscription at a time
 * and in the order of receipt. It may publish, and close subscriptions or the {@link RedisPubSub}
 * itself. It may also subscribe, unless the executor runs tasks on the thread that submits them.
 *
 * @param <T> the type of the messages
 */
@FunctionalInterface
public interface MessageHandler<T> {

  /**
   * Handles a message.
   *
   * @param message the message
   * @throws Exception whatever goes wrong; it is given to {@link PubSubListener#onError} and the
   *     subscription goes on, after an {@link Error} or an interrupt too
   */
  void onMessage(Message<T> message) throws Exception;
}
