package io.github.redistoolkit.stream;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Alarms;
import io.github.redistoolkit.core.Arguments;
import io.github.redistoolkit.core.Ticker;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What all kinds of subscription are alike in: what they say of themselves, what they count, and
 * how they end. A topic ends all of its own at the same time. Thread-safe.
 */
abstract class OwnSubscription implements DurableSubscription {

  static final Duration LONGEST_CLOSE = Duration.ofHours(1);

  final Alarms alarms = Alarms.shared();
  final Ticker ticker = alarms.ticker();
  final Life life = new Life(ticker);

  private final String topic;
  private final @Nullable String named;
  private final Duration closeTimeout;
  private final Consumer<OwnSubscription> onClosed;

  // Guarded by the lock of its life.
  private long handled;
  private long failed;

  /**
   * Makes one that is open.
   *
   * @param group its group; null for one that follows
   * @param onClosed whom to tell that it has come to its end
   */
  OwnSubscription(
      Settings<?> settings, @Nullable String group, Consumer<OwnSubscription> onClosed) {
    this.topic = settings.name();
    this.named = group;
    this.closeTimeout = settings.closeTimeout();
    this.onClosed = onClosed;
  }

  abstract void start();

  /** Begins nothing more. */
  abstract void beginClose();

  /** Waits for handlers, and hands back what is left; returns whether all that came to its end. */
  abstract boolean finishClose(long deadlineNanos);

  /** Says that it has come to its end. */
  final void closed() {
    onClosed.accept(this);
  }

  @Override
  public final String topic() {
    return topic;
  }

  @Override
  public final Optional<String> group() {
    return Optional.ofNullable(named);
  }

  @Override
  public final boolean isActive() {
    return life.isOpen();
  }

  @Override
  public final long handled() {
    return life.locked(() -> handled);
  }

  @Override
  public final long failed() {
    return life.locked(() -> failed);
  }

  final void countHandled() {
    long unused = life.locked(() -> ++handled);
  }

  final void countFailed() {
    long unused = life.locked(() -> ++failed);
  }

  @Override
  public final void close() {
    close(closeTimeout);
  }

  @Override
  @CanIgnoreReturnValue
  public final boolean close(Duration maxWait) {
    Arguments.requireDuration(maxWait, "maxWait", LONGEST_CLOSE);
    beginClose();
    return finishClose(ticker.nanoTime() + maxWait.toNanos());
  }

  @Override
  public final String toString() {
    return (named == null ? "follower" : "group " + named) + " of topic " + topic;
  }
}
