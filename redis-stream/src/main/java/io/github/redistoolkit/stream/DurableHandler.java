package io.github.redistoolkit.stream;

/**
 * What is done with each message of a subscription.
 *
 * <p>Runs on the executor of the {@link DurableTopic}, or on threads of its own if it has none, for
 * as many messages at the same time as its concurrency says. It may be called again for the same
 * message: after it threw, after its process died, or after Redis lost an acknowledgement. So it is
 * idempotent, or makes itself so by the id of the message.
 *
 * @param <T> the type of the messages
 */
@FunctionalInterface
public interface DurableHandler<T> {

  /**
   * Handles a message. When it returns, the message is acknowledged: at once, or together with
   * others some milliseconds later, whatever the next handler takes.
   *
   * @param message the message
   * @throws Exception whatever goes wrong; it is given to {@link DurableListener#onError} and the
   *     message comes again, or becomes a dead letter
   */
  void onMessage(DurableMessage<T> message) throws Exception;
}
