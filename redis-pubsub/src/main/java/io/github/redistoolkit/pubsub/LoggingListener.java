package io.github.redistoolkit.pubsub;

import io.github.redistoolkit.core.EventLog;
import java.time.Duration;
import java.util.List;

/** What listens if nobody else does. */
final class LoggingListener implements PubSubListener {

  private final EventLog log = EventLog.of(RedisPubSub.class);

  /** Has those that log say now and then how much they held back. */
  static void tick(PubSubListener listener) {
    if (listener instanceof LoggingListener logging) {
      logging.log.tick();
    } else if (listener instanceof BothListeners both) {
      tick(both.first());
      tick(both.next());
    }
  }

  @Override
  public void onDisconnected(List<Subscription> subscriptions, Throwable cause) {
    log.warn(cause, "Lost the connection of {} subscriptions; reconnecting", subscriptions.size());
  }

  @Override
  public void onReconnected(List<Subscription> subscriptions, Duration gap) {
    log.warn(
        "{} subscriptions are confirmed again; messages of the last {} may be lost",
        subscriptions.size(),
        gap);
  }

  @Override
  public void onConnectFailed(Throwable cause) {
    log.warn(cause, "Cannot connect for the subscriptions; trying again");
  }

  @Override
  public void onRefused(Subscription subscription, Exception error) {
    log.warn(error, "Redis refuses the subscription to {}", subscription.topic());
  }

  @Override
  public void onUndecodable(
      Subscription subscription, String channel, byte[] payload, Throwable error) {
    // Its cause may quote the message.
    String why =
        error instanceof Payloads.UndecodableException
            ? String.valueOf(error.getMessage())
            : "cannot be decoded (" + EventLog.kind(error) + ")";
    log.warn("A message from channel {}, subscribed as {}, {}", channel, subscription.topic(), why);
  }

  @Override
  public void onError(Subscription subscription, String channel, byte[] payload, Throwable error) {
    log.warn(
        error,
        "The handler of {} failed on {} bytes from channel {}",
        subscription.topic(),
        payload.length,
        channel);
  }

  @Override
  public void onDropped(Subscription subscription, long count) {
    log.warn("The handler of {} is too slow: dropped {}", subscription.topic(), count);
  }
}
