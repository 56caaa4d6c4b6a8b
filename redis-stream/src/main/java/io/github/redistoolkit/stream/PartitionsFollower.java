package io.github.redistoolkit.stream;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.github.redistoolkit.core.Arguments;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * Follows all partitions of a topic, each with a {@link Follower}, and calls the handler for one
 * message at a time. Thread-safe.
 */
final class PartitionsFollower<T> implements OwnSubscription {

  private final Settings<T> settings;
  private final Consumer<PartitionsFollower<T>> onClosed;
  private final List<Follower<T>> followers = new ArrayList<>();
  private final AtomicBoolean closed = new AtomicBoolean();

  PartitionsFollower(
      Settings<T> settings,
      Partitions partitions,
      List<String> after,
      DurableHandler<T> handler,
      Consumer<PartitionsFollower<T>> onClosed) {
    this.settings = settings;
    this.onClosed = onClosed;
    ReentrantLock gate = new ReentrantLock();
    for (int i = 0; i < partitions.count(); i++) {
      followers.add(
          new Follower<>(settings, partitions, i, after.get(i), handler, gate, this, this::ended));
    }
  }

  void start() {
    followers.forEach(Follower::start);
  }

  private void ended(Follower<T> one) {
    if (!one.isActive() && followers.stream().noneMatch(Follower::isActive)) {
      end();
    }
  }

  private void end() {
    if (closed.compareAndSet(false, true)) {
      onClosed.accept(this);
    }
  }

  @Override
  public String topic() {
    return settings.name();
  }

  @Override
  public Optional<String> group() {
    return Optional.empty();
  }

  @Override
  public boolean isActive() {
    return followers.stream().allMatch(Follower::isActive);
  }

  @Override
  public long handled() {
    return followers.stream().mapToLong(Follower::handled).sum();
  }

  @Override
  public long failed() {
    return followers.stream().mapToLong(Follower::failed).sum();
  }

  @Override
  public void close() {
    close(settings.closeTimeout());
  }

  @Override
  @CanIgnoreReturnValue
  public boolean close(Duration maxWait) {
    Arguments.requireDuration(maxWait, "maxWait", GroupConsumer.LONGEST_CLOSE);
    long deadline = followers.get(0).deadlineAfter(maxWait);
    beginClose();
    return finishClose(deadline);
  }

  @Override
  public void beginClose() {
    followers.forEach(Follower::beginClose);
  }

  @Override
  public boolean finishClose(long deadlineNanos) {
    boolean ended = true;
    for (Follower<T> each : followers) {
      ended &= each.finishClose(deadlineNanos);
    }
    end();
    return ended;
  }

  @Override
  public String toString() {
    return "follower of topic " + settings.name();
  }
}
