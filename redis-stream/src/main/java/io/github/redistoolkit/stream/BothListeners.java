package io.github.redistoolkit.stream;

import java.time.Duration;
import java.util.Objects;
import java.util.function.Consumer;

/** Tells one listener after another. */
record BothListeners(DurableListener first, DurableListener next) implements DurableListener {

  BothListeners {
    Objects.requireNonNull(next, "next");
  }

  private void tell(Consumer<DurableListener> event) {
    try {
      event.accept(first);
    } finally {
      event.accept(next);
    }
  }

  @Override
  public void onPublished(String topic, String messageId) {
    tell(listener -> listener.onPublished(topic, messageId));
  }

  @Override
  public void onSubscribed(DurableSubscription subscription) {
    tell(listener -> listener.onSubscribed(subscription));
  }

  @Override
  public void onHandled(DurableSubscription subscription, DurableMessage<?> message) {
    tell(listener -> listener.onHandled(subscription, message));
  }

  @Override
  public void onError(
      DurableSubscription subscription, DurableMessage<?> message, Throwable error) {
    tell(listener -> listener.onError(subscription, message, error));
  }

  @Override
  public void onDeadLetter(
      DurableSubscription subscription, String messageId, int deliveries, Throwable error) {
    tell(listener -> listener.onDeadLetter(subscription, messageId, deliveries, error));
  }

  @Override
  public void onSkipped(DurableSubscription subscription, String messageId, Throwable error) {
    tell(listener -> listener.onSkipped(subscription, messageId, error));
  }

  @Override
  public void onTrimmed(DurableSubscription subscription, long count) {
    tell(listener -> listener.onTrimmed(subscription, count));
  }

  @Override
  public void onGroupLost(DurableSubscription subscription) {
    tell(listener -> listener.onGroupLost(subscription));
  }

  @Override
  public void onLeaseLost(DurableSubscription subscription, DurableMessage<?> message) {
    tell(listener -> listener.onLeaseLost(subscription, message));
  }

  @Override
  public void onHandlerTimeout(DurableSubscription subscription, DurableMessage<?> message) {
    tell(listener -> listener.onHandlerTimeout(subscription, message));
  }

  @Override
  public void onDisconnected(DurableSubscription subscription, Throwable cause) {
    tell(listener -> listener.onDisconnected(subscription, cause));
  }

  @Override
  public void onReconnected(DurableSubscription subscription, Duration away) {
    tell(listener -> listener.onReconnected(subscription, away));
  }
}
