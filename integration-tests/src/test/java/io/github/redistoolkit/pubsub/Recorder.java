package io.github.redistoolkit.pubsub;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;

/** A listener that keeps what it was told. */
final class Recorder implements PubSubListener {

  record Failure(Subscription subscription, String channel, String payload, Throwable error) {}

  final List<String> connection = new CopyOnWriteArrayList<>();
  final List<Throwable> causes = new CopyOnWriteArrayList<>();

  /** When the last return was told. */
  volatile long backNanos;

  final List<Subscription> reconnected = new CopyOnWriteArrayList<>();
  final List<Duration> gaps = new CopyOnWriteArrayList<>();
  final List<Throwable> connectFailures = new CopyOnWriteArrayList<>();
  final List<Failure> failures = new CopyOnWriteArrayList<>();
  final List<Long> drops = new CopyOnWriteArrayList<>();
  final AtomicLong dropped = new AtomicLong();

  /** What {@link #connection} is after so many losses that ended. */
  static List<String> pairs(int losses) {
    return Collections.nCopies(losses, List.of("lost", "back")).stream()
        .flatMap(List::stream)
        .toList();
  }

  @Override
  public void onDisconnected(List<Subscription> subscriptions, Throwable cause) {
    causes.add(cause);
    connection.add("lost");
  }

  @Override
  public void onReconnected(List<Subscription> subscriptions, Duration gap) {
    backNanos = System.nanoTime();
    reconnected.addAll(subscriptions);
    gaps.add(gap);
    connection.add("back");
  }

  @Override
  public void onConnectFailed(Throwable cause) {
    connectFailures.add(cause);
  }

  @Override
  public void onRefused(Subscription subscription, Exception error) {
    failures.add(new Failure(subscription, subscription.topic(), "", error));
  }

  @Override
  public void onUndecodable(
      Subscription subscription, String channel, byte[] payload, Throwable error) {
    failures.add(new Failure(subscription, channel, new String(payload, UTF_8), error));
  }

  @Override
  public void onError(Subscription subscription, String channel, byte[] payload, Throwable error) {
    failures.add(new Failure(subscription, channel, new String(payload, UTF_8), error));
  }

  @Override
  public void onDropped(Subscription subscription, long count) {
    drops.add(count);
    dropped.addAndGet(count);
  }
}
