package io.github.redistoolkit.pubsub;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;

/** Tells one listener after another. */
record BothListeners(PubSubListener first, PubSubListener next) implements PubSubListener {

  BothListeners {
    Objects.requireNonNull(next, "next");
  }

  private void tell(Consumer<PubSubListener> event) {
    try {
      event.accept(first);
    } finally {
      event.accept(next);
    }
  }

  @Override
  public void onDisconnected(List<Subscription> subscriptions, Throwable cause) {
    tell(listener -> listener.onDisconnected(subscriptions, cause));
  }

  @Override
  public void onReconnected(List<Subscription> subscriptions, Duration gap) {
    tell(listener -> listener.onReconnected(subscriptions, gap));
  }

  @Override
  public void onConnectFailed(Throwable cause) {
    tell(listener -> listener.onConnectFailed(cause));
  }

  @Override
  public void onRefused(Subscription subscription, Exception error) {
    tell(listener -> listener.onRefused(subscription, error));
  }

  @Override
  public void onUndecodable(
      Subscription subscription, String channel, byte[] payload, Throwable error) {
    tell(listener -> listener.onUndecodable(subscription, channel, payload, error));
  }

  @Override
  public void onError(Subscription subscription, String channel, byte[] payload, Throwable error) {
    tell(listener -> listener.onError(subscription, channel, payload, error));
  }

  @Override
  public void onDropped(Subscription subscription, long count) {
    tell(listener -> listener.onDropped(subscription, count));
  }
}
