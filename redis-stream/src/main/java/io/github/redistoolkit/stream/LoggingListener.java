package io.github.redistoolkit.stream;

import io.github.redistoolkit.core.EventLog;
import java.time.Duration;

/** What listens if nobody else does. */
final class LoggingListener implements DurableListener {

  private final EventLog log = EventLog.of(DurableTopic.class);

  private static String whose(DurableSubscription subscription) {
    return subscription.group().map(group -> "group " + group + " of ").orElse("a follower of ")
        + "topic "
        + subscription.topic();
  }

  @Override
  public void onError(
      DurableSubscription subscription, DurableMessage<?> message, Throwable error) {
    log.warn(
        error,
        "The handler of {} failed on message {}, delivery {}",
        whose(subscription),
        message.id(),
        message.delivery());
  }

  @Override
  public void onDeadLetter(
      DurableSubscription subscription, String messageId, int deliveries, Throwable error) {
    // Of a message that cannot be decoded, the cause may quote it.
    log.warn(
        "Message {} of {} is a dead letter after {} deliveries ({})",
        messageId,
        whose(subscription),
        deliveries,
        EventLog.kind(error));
  }

  @Override
  public void onSkipped(DurableSubscription subscription, String messageId, Throwable error) {
    log.warn(
        "Message {} is passed over by {} ({})",
        messageId,
        whose(subscription),
        EventLog.kind(error));
  }

  @Override
  public void onTrimmed(DurableSubscription subscription, long count) {
    log.warn("{} messages were trimmed before {} had done with them", count, whose(subscription));
  }

  @Override
  public void onGroupLost(DurableSubscription subscription) {
    log.warn("Redis has lost {}; it was made again", whose(subscription));
  }

  @Override
  public void onLeaseLost(DurableSubscription subscription, DurableMessage<?> message) {
    log.warn(
        "The lease of message {} of {} was lost while it is handled",
        message.id(),
        whose(subscription));
  }

  @Override
  public void onHandlerTimeout(DurableSubscription subscription, DurableMessage<?> message) {
    log.warn(
        "The handler of {} takes too long for message {}: others may take it over",
        whose(subscription),
        message.id());
  }

  @Override
  public void onDisconnected(DurableSubscription subscription, Throwable cause) {
    log.warn(cause, "Cannot read for {}; trying again", whose(subscription));
  }

  @Override
  public void onReconnected(DurableSubscription subscription, Duration away) {
    log.warn("Reading again for {}, after {}", whose(subscription), away);
  }
}
