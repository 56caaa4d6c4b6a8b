package io.github.redistoolkit.stream;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** What a listener was told, each in a line. Thread-safe. */
final class Heard implements DurableListener {

  private final List<String> lines = Collections.synchronizedList(new ArrayList<>());
  private final List<Throwable> causes = Collections.synchronizedList(new ArrayList<>());

  List<String> lines() {
    synchronized (lines) {
      return List.copyOf(lines);
    }
  }

  /** Those that begin with a word. */
  List<String> of(String event) {
    return lines().stream().filter(line -> line.startsWith(event)).toList();
  }

  /** The sum of the numbers behind a word. */
  long sum(String event) {
    return of(event).stream()
        .mapToLong(line -> Long.parseLong(line.substring(event.length() + 1)))
        .sum();
  }

  List<Throwable> causes() {
    synchronized (causes) {
      return List.copyOf(causes);
    }
  }

  @Override
  public void onError(
      DurableSubscription subscription, DurableMessage<?> message, Throwable error) {
    lines.add("error " + message.body() + " " + message.delivery());
  }

  @Override
  public void onDeadLetter(
      DurableSubscription subscription, String messageId, int deliveries, Throwable error) {
    lines.add("dead " + messageId + " " + deliveries);
  }

  @Override
  public void onSkipped(DurableSubscription subscription, String messageId, Throwable error) {
    lines.add("skipped " + messageId);
  }

  @Override
  public void onTrimmed(DurableSubscription subscription, long count) {
    lines.add("trimmed " + count);
  }

  @Override
  public void onGroupLost(DurableSubscription subscription) {
    lines.add("lost");
  }

  @Override
  public void onLeaseLost(DurableSubscription subscription, DurableMessage<?> message) {
    lines.add("lease " + message.body());
  }

  @Override
  public void onHandlerTimeout(DurableSubscription subscription, DurableMessage<?> message) {
    lines.add("timeout " + message.body());
  }

  @Override
  public void onDisconnected(DurableSubscription subscription, Throwable cause) {
    causes.add(cause);
    lines.add("away");
  }

  @Override
  public void onReconnected(DurableSubscription subscription, Duration away) {
    lines.add("back");
  }
}
