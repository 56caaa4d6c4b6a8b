package io.github.redistoolkit.stream;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * Follows a topic without a group: all its partitions, each with a {@link FollowedPartition}, and
 * calls the handler for one message at a time. Thread-safe.
 */
final class Follower<T> extends OwnSubscription {

  final Partitions partitions;
  final DurableHandler<T> handler;

  private final List<FollowedPartition<T>> followed = new ArrayList<>();

  /** Held while the handler runs: there is only one, however many partitions there are. */
  private final ReentrantLock gate = new ReentrantLock();

  // Guarded by the lock of its life.
  private boolean handling;

  /**
   * Makes one.
   *
   * @param after the ids to begin after, one for each partition
   */
  Follower(
      Settings<T> settings,
      Partitions partitions,
      List<String> after,
      DurableHandler<T> handler,
      Consumer<OwnSubscription> onClosed) {
    super(settings, null, onClosed);
    this.partitions = partitions;
    this.handler = handler;
    for (int i = 0; i < partitions.count(); i++) {
      followed.add(
          new FollowedPartition<>(this, settings.at(partitions.parts().get(i)), i, after.get(i)));
    }
  }

  @Override
  void start() {
    followed.forEach(FollowedPartition::start);
  }

  /** Runs the handler once no other runs, unless the end has begun by then. */
  void handle(Runnable work) {
    gate.lock();
    try {
      if (life.locked(this::begin)) {
        Handling.by(this, work);
      }
    } finally {
      life.change(() -> handling = false);
      gate.unlock();
    }
  }

  private boolean begin() {
    handling = life.isOpen();
    return handling;
  }

  @Override
  void beginClose() {
    life.beginClose();
    followed.forEach(FollowedPartition::cut);
  }

  @Override
  boolean finishClose(long deadlineNanos) {
    boolean ended = false;
    try {
      boolean own = Handling.isBy(this);
      ended = life.await(deadlineNanos, () -> own || !handling);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    end();
    return ended;
  }

  private void end() {
    if (life.close()) {
      closed();
    }
  }

  /** Because the pool or client is closed. */
  void abandon() {
    beginClose();
    end();
  }
}
