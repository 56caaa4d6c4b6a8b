package io.github.redistoolkit.stream;

import java.time.Duration;

/**
 * What happens to messages, and to subscriptions behind the back of the caller.
 *
 * <p>Every method does nothing unless overridden. {@link #onHandled} and {@link #onError} are
 * called on the thread that ran the handler, {@link #onPublished} on the one that published, so
 * calls may overlap; the others come one at a time and in order, on a thread of the toolkit's. An
 * exception thrown here is logged and changes nothing.
 *
 * <p>Without a listener, {@link #logging} listens. One that is to be told beside it is given as
 * {@code mine.andThen(DurableListener.logging())}; one given alone has to see to it that nothing
 * passes unnoticed.
 */
public interface DurableListener {

  /**
   * A message was published by this process.
   *
   * @param topic the name of the topic
   * @param messageId which
   */
  default void onPublished(String topic, String messageId) {}

  /**
   * A subscription was made, and begins to read now.
   *
   * @param subscription of a group, or one that follows
   */
  default void onSubscribed(DurableSubscription subscription) {}

  /**
   * A handler returned. The message is acknowledged next.
   *
   * @param subscription whose
   * @param message which, with the number of this delivery
   */
  default void onHandled(DurableSubscription subscription, DurableMessage<?> message) {}

  /**
   * A handler threw. The message comes again after the retry delay, unless {@link #onDeadLetter}
   * follows.
   *
   * @param subscription whose
   * @param message which, with the number of this delivery
   * @param error what was thrown
   */
  default void onError(
      DurableSubscription subscription, DurableMessage<?> message, Throwable error) {}

  /**
   * A message was moved to the dead letters of the group: it has failed as often as it may, its
   * consumers died or stalled as often, or it cannot be decoded.
   *
   * @param subscription whose
   * @param messageId which
   * @param deliveries how often it was delivered
   * @param error why
   */
  default void onDeadLetter(
      DurableSubscription subscription, String messageId, int deliveries, Throwable error) {}

  /**
   * A follower has passed over a message: its handler has failed on it as often as it may, or it
   * cannot be decoded. There are no dead letters without a group.
   *
   * @param subscription whose
   * @param messageId which
   * @param error why
   */
  default void onSkipped(DurableSubscription subscription, String messageId, Throwable error) {}

  /**
   * Messages were trimmed before this group had done with them, because the topic has a largest
   * length or age: they are lost to it. Each is counted once, and told to one of the group's
   * subscriptions.
   *
   * @param subscription one of the group
   * @param count how many, at least 1
   */
  default void onTrimmed(DurableSubscription subscription, long count) {}

  /**
   * The group was gone: by {@code DEL}, {@code FLUSHALL}, {@code XGROUP DESTROY} or a server that
   * came back without its data. It was made again, after the last message that is known to have
   * been delivered, and before those that this process has not done with. Called once for each
   * subscription; of a topic with partitions, for each partition, by whoever has it.
   *
   * <p>For a follower: the topic is another one, and is read from its start.
   *
   * <p>Handlers that run go on. What fails now and is not delivered anew is tried again here, but
   * is neither taken over by others nor kept as a dead letter.
   *
   * @param subscription one of the group
   */
  default void onGroupLost(DurableSubscription subscription) {}

  /**
   * The lease of a message was lost while its handler runs, because this process or Redis stood
   * still for longer: another consumer may be handling it too. What this handler does is
   * acknowledged when it returns.
   *
   * @param subscription whose
   * @param message which
   */
  default void onLeaseLost(DurableSubscription subscription, DurableMessage<?> message) {}

  /**
   * A handler runs for longer than the topic's {@code handlerTimeout}: its lease is renewed no
   * more, so another consumer may take the message over. It goes on to be one of the handlers that
   * may run at the same time until it ends; what it does is acknowledged when it returns.
   *
   * @param subscription whose
   * @param message which
   */
  default void onHandlerTimeout(DurableSubscription subscription, DurableMessage<?> message) {}

  /**
   * Nothing can be read at the moment. It is tried again for as long as it takes; nothing is lost,
   * as the topic remembers.
   *
   * @param subscription whose
   * @param cause why
   */
  default void onDisconnected(DurableSubscription subscription, Throwable cause) {}

  /**
   * Reading goes on.
   *
   * @param subscription whose
   * @param away for how long it could not
   */
  default void onReconnected(DurableSubscription subscription, Duration away) {}

  /**
   * Returns the listener that logs each event as a warning, under the name of {@link DurableTopic}.
   * The same event is logged at most once in 10 seconds, then in longer intervals of up to 5
   * minutes, with the number of those held back. Messages are never quoted.
   *
   * @return a new one
   */
  static DurableListener logging() {
    return new LoggingListener();
  }

  /**
   * Returns a listener that tells this one, and then another, also if this one throws.
   *
   * @param next the other
   * @return both
   * @throws NullPointerException if {@code next} is null
   */
  default DurableListener andThen(DurableListener next) {
    return new BothListeners(this, next);
  }
}
